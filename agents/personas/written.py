"""Personas that somebody wrote."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from agents.errors import InvalidInput
from agents.persona import Personas
from agents.personas.base import PersonaSource
from agents.schema import Draws, Floats, History, Ints, Item
from agents.traits import Traits, measure
from agents.untrusted import clean

MAX_BYTES = 1 << 20
NAME_CAP = 80
NARRATIVE_CAP = 2000

Range = tuple[float, float]
QUANTITIES: dict[str, Range] = {
    "activity": (0.01, 100.0),
    "conformity": (0.0, 1.0),
    "diversity": (0.0, 20.0),
    "mainstreaminess": (0.0, 1.0),
    "rating_mean": (-1000.0, 1000.0),
    "rating_sd": (0.0, 1000.0),
}
"""What may be given besides ``tastes``, and its range; the meanings are those of ``agents.schema.Persona``."""
TASTES: Range = (-10.0, 10.0)


@dataclass(frozen=True, slots=True)
class Entry:
    """One persona of the file."""

    name: str = ""
    narrative: str = ""
    quantities: dict[str, float] = field(default_factory=dict)
    tastes: dict[str, float] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    """Where each genre stands."""


@dataclass
class Written(PersonaSource):
    """Take personas from a YAML file: a list of mappings with quantities, tastes by genre, name and narrative.

    A quantity left out is the median real user's, a genre left out neither liked nor disliked, a
    narrative left out is made of the quantities. Users beyond the last persona begin again with the first.
    path: the file.
    """

    invented: ClassVar[bool] = True

    path: Path
    _entries: Sequence[Entry] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._entries = read(self.path)

    def make(
        self,
        source_user: Ints,
        names: tuple[str, ...],
        history: History,
        items: tuple[Item, ...],
        popularity: Floats,
        draws: Draws,
    ) -> Personas:
        """Return one persona per entry of ``source_user``; raise InvalidInput for a genre the catalog has not."""
        real = measure(history, items, popularity, len(names)).take(np.unique(history.user_id))
        traits = self._traits(real)
        turn = np.arange(len(source_user)) % len(self._entries)
        given = [(self._entries[place].name, self._entries[place].narrative) for place in turn.tolist()]
        nobody = np.full(len(source_user), -1, dtype=np.int64)
        return Personas(traits.take(turn), nobody, items, history, names, given)

    def _traits(self, real: Traits) -> Traits:
        columns = {
            name: np.array(
                [entry.quantities.get(name, float(np.median(getattr(real, name)))) for entry in self._entries]
            )
            for name in QUANTITIES
        }
        tastes = np.array([self._tastes(entry, real.genres) for entry in self._entries])
        return Traits(genres=real.genres, tastes=tastes.astype(np.float32), **columns)

    def _tastes(self, entry: Entry, genres: tuple[str, ...]) -> Floats:
        """Return an entry's tastes, centered as measured ones are."""
        for genre in entry.tastes:
            if genre not in genres:
                raise InvalidInput(
                    f"{self.path}:{entry.lines[genre]}: the catalog has no genre {genre!r}; it has: {', '.join(genres)}"
                )
        tastes = np.array([entry.tastes.get(genre, 0.0) for genre in genres])
        return tastes - tastes.mean() if len(tastes) else tastes


def read(path: Path) -> tuple[Entry, ...]:
    """Return the personas of a file; raise InvalidInput naming every mistake with its line."""
    problems: list[str] = []

    def complain(node: Node, message: str) -> None:
        problems.append(f"{path}:{node.start_mark.line + 1}: {message}")

    root = _composed(path)
    if not isinstance(root, SequenceNode) or not root.value:
        raise InvalidInput(f"{path}:1: a file of personas is a list of mappings, at least one")
    entries = tuple(_entry(node, complain) for node in root.value)
    if problems:
        raise InvalidInput("\n".join(problems))
    return entries


Complain = Callable[[Node, str], None]


def _composed(path: Path) -> Node | None:
    try:
        with path.expanduser().open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
        if len(raw) > MAX_BYTES:
            raise InvalidInput(f"{path} is larger than {MAX_BYTES >> 20} MiB; write fewer personas")
        root: Node | None = YAML(typ="safe", pure=True).compose(raw.decode("utf-8-sig"))
    except OSError as error:
        raise InvalidInput(f"cannot read {path}: {error.strerror}; check the path") from None
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path} is not UTF-8 text (byte {error.start}); save it as UTF-8") from None
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InvalidInput(f"{path}:{line}: {error.problem}") from None
    except (YAMLError, RecursionError) as error:
        raise InvalidInput(f"{path} is not YAML: {error or 'nested too deeply'}") from None
    return root


def _entry(node: Node, complain: Complain) -> Entry:
    words, quantities, tastes, lines = {"name": "", "narrative": ""}, {}, {}, {}
    for key, value, place in _pairs(node, "a persona", complain):
        if key in words:
            words[key] = _text(value, NAME_CAP if key == "name" else NARRATIVE_CAP, complain)
        elif key == "tastes":
            for genre, weight, at in _pairs(value, "tastes", complain):
                tastes[genre], lines[genre] = _number(weight, genre, TASTES, complain), at.start_mark.line + 1
        elif key in QUANTITIES:
            quantities[key] = _number(value, key, QUANTITIES[key], complain)
        else:
            complain(place, f"a persona has no {key!r}; it may have: name, narrative, tastes, {', '.join(QUANTITIES)}")
    return Entry(**words, quantities=quantities, tastes=tastes, lines=lines)


def _pairs(node: Node, what: str, complain: Complain) -> list[tuple[str, Node, Node]]:
    """Return the key, the value and the place of each entry of a mapping, each key once."""
    if not isinstance(node, MappingNode):
        complain(node, f"{what} is a mapping, key: value")
        return []
    found: dict[str, tuple[str, Node, Node]] = {}
    for key, value in node.value:
        if not isinstance(key, ScalarNode):
            complain(key, f"a key of {what} is a word")
        elif key.value in found:
            complain(key, f"{key.value!r} is given twice")
        else:
            found[key.value] = (key.value, value, key)
    return list(found.values())


def _text(node: Node, cap: int, complain: Complain) -> str:
    if not isinstance(node, ScalarNode):
        complain(node, "text is wanted here")
        return ""
    if len(node.value) > cap:
        complain(node, f"the text has {len(node.value)} characters, more than {cap}")
    return clean(node.value, cap)


def _number(node: Node, name: str, bounds: Range, complain: Complain) -> float:
    lowest, highest = bounds
    scalar = node if isinstance(node, ScalarNode) else None
    written = scalar.value if scalar else "a list or mapping"
    try:
        value = float(written) if scalar and scalar.style is None else math.nan
    except ValueError:
        value = math.nan
    if not lowest <= value <= highest:
        complain(node, f"{name}: {written!r} is not a number from {lowest:g} to {highest:g}")
    return value

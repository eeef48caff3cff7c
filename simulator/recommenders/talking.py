"""What recommenders that ask a language model share: whom they ask, and how items and histories read.

They ask at the moment a page is made, through the voices they were lent: a run lends its dispatcher, so that
answers come from its journal and count against its budget. Fitting asks nobody.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from agents.asking.text import line, spoken
from agents.errors import InvalidInput
from agents.llm.base import Answer, Kind, Prompt
from agents.schema import Ints, Item
from simulator.recommenders.base import Recommender, Requests

R = TypeVar("R", bound=Recommender)


class Voices(Protocol):
    """Language models by name; satisfied by agents.llm.dispatcher.Dispatcher."""

    def kinds(self, model: str) -> frozenset[Kind]:
        """Return the kinds of prompt a language model can answer."""
        ...

    def ask_all(self, model: str, prompts: Sequence[Prompt]) -> list[Answer]:
        """Ask many questions at once and return the answers in their order."""
        ...


@dataclass(frozen=True)
class Everyone:
    """One language model behind every name."""

    voices: Voices
    name: str

    def kinds(self, model: str) -> frozenset[Kind]:
        """Return the kinds of prompt it can answer."""
        return self.voices.kinds(self.name)

    def ask_all(self, model: str, prompts: Sequence[Prompt]) -> list[Answer]:
        """Ask it."""
        return self.voices.ask_all(self.name, prompts)


Heard = Callable[[str, Prompt, Answer], None]
"""Called with the name of a language model, a question and its answer."""


@dataclass(frozen=True)
class Overheard:
    """Voices whose answers somebody else hears too."""

    voices: Voices
    heard: Heard

    def kinds(self, model: str) -> frozenset[Kind]:
        """Return the kinds of prompt a language model can answer."""
        return self.voices.kinds(model)

    def ask_all(self, model: str, prompts: Sequence[Prompt]) -> list[Answer]:
        """Ask, and pass every answer on."""
        answers = self.voices.ask_all(model, prompts)
        for prompt, answer in zip(prompts, answers, strict=True):
            self.heard(model, prompt, answer)
        return answers


class Load(NamedTuple):
    """What making one page takes: questions, and the items that each of them tells of and is answered with."""

    questions: int
    told: int
    answered: int


@dataclass
class Talking(Recommender):
    """Recommend by what a language model says.

    model: name of the entry of the scenario's llm section that is asked.
    """

    model: str = field(default="recommender", kw_only=True)
    _voices: Voices | None = field(init=False, repr=False, compare=False, default=None)
    _items: tuple[Item, ...] = field(init=False, repr=False, default=())

    def settle(self, kinds: frozenset[Kind]) -> None:
        """Choose how to ask from the kinds of prompt the model answers; raise InvalidInput where none will do."""

    def load(self, size: int) -> Load:
        """Return what a page of ``size`` items takes at most."""
        return Load(1, size, size)

    def asked(self, prompts: Sequence[Prompt]) -> list[Answer]:
        """Return the answers; raise InvalidInput where no language model was lent."""
        if self._voices is None:
            raise InvalidInput(
                f"a recommender asks the language model {self.model!r}, and none was lent to it: name one of the "
                "scenario's llm section, or give evaluate --llm"
            )
        return self._voices.ask_all(self.model, prompts) if prompts else []

    def told(self, requests: Requests, row: int, most: int) -> Ints:
        """Return the ``most`` newest items of a history that the catalog knows, newest last."""
        history = requests.history[requests.starts[row] : requests.starts[row + 1]]
        return history[(history >= 0) & (history < len(self._items))][-most:]

    def lines(self, items: Ints) -> str:
        """Return items one a line, title and genres, cleaned."""
        return "\n".join(f"- {line(self._items[item])}" for item in items.tolist())

    def titles(self, items: Ints) -> str:
        """Return titles one a line, cleaned."""
        return "\n".join(f"- {spoken(self._items[item])}" for item in items.tolist())


def lend(recommender: R, voices: Voices) -> R:
    """Let every recommender that asks, however deep inside another, ask these voices; return the outer one."""
    for part in talking(recommender):
        part._voices = voices
        part.settle(voices.kinds(part.model))
    return recommender


def talking(recommender: Recommender) -> Iterator[Talking]:
    """Yield every recommender that asks, the outermost first."""
    if isinstance(recommender, Talking):
        yield recommender
    for value in vars(recommender).values():
        for inner in value if isinstance(value, list | tuple) else (value,):
            if isinstance(inner, Recommender):
                yield from talking(inner)


def written(items: Sequence[Item]) -> npt.NDArray[np.uint8]:
    """Return what prompts tell of items as bytes of JSON: part of the state, for titles outlast a fit."""
    told: list[Any] = [[item.title, item.genres, item.year] for item in items]
    return np.frombuffer(json.dumps(told).encode(), dtype=np.uint8).copy()


def read(stored: npt.NDArray[Any]) -> tuple[Item, ...]:
    """Return the items that ``written`` wrote."""
    told = json.loads(np.asarray(stored, dtype=np.uint8).tobytes())
    return tuple(Item(place, title, tuple(genres), year) for place, (title, genres, year) in enumerate(told))

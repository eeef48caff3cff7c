"""YAML as plain data that remembers where each value was written."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from agents.errors import InvalidInput
from agents.redaction import redacted
from simulator.problems import Where

MAX_BYTES = 1 << 18
MAX_NODES = 100_000
MAX_DEPTH = 40
PLAIN = frozenset(f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float"))
TEXT = frozenset(f"tag:yaml.org,2002:{name}" for name in ("str", "timestamp", "merge", "value"))


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a text: file, line and column (from 1), the line itself and the length of the word."""

    file: str
    line: int
    column: int
    text: str
    length: int = 1

    def point(self, message: str) -> str:
        """Return the message with the place, the line and a caret under the word."""
        number = f"{self.line:>5} | "
        caret = " " * (len(number) + self.column - 1) + "^" * max(1, min(self.length, len(self.text) - self.column + 1))
        return redacted(f"{self.file}:{self.line}:{self.column}: {message}\n{number}{self.text}\n{caret}")


class BadSource(InvalidInput):
    """A text is not the YAML a scenario may be written in; ``mark`` says where, ``message`` why."""

    def __init__(self, message: str, mark: Mark) -> None:
        self.message, self.mark = message, mark
        super().__init__(mark.point(message))


@dataclass(frozen=True, slots=True)
class Source:
    """Plain data, and the marks of its keys and values by their place."""

    data: Any
    keys: dict[Where, Mark] = field(default_factory=dict)
    values: dict[Where, Mark] = field(default_factory=dict)

    def mark(self, where: Where, *, key: bool = False) -> Mark | None:
        """Return the mark of a place, or of the nearest place around it."""
        exact = (self.keys if key else self.values).get(where)
        around = (self.keys.get(where[:n]) for n in range(len(where), 0, -1))
        return exact or next((mark for mark in around if mark), None)


def load(path: Path) -> Source:
    """Read a YAML file; raise InvalidInput with line and column where it is none, too large or too deep."""
    try:
        if path.is_dir():
            raise InvalidInput(f"{path} is a folder, not a scenario file")
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InvalidInput(f"cannot read {path}: {error.strerror}") from None
    if len(raw) > MAX_BYTES:
        raise InvalidInput(f"{path} is larger than {MAX_BYTES >> 10} KiB; a scenario file holds settings, not data")
    try:
        return parse(raw.decode("utf-8-sig"), str(path))
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path} is not UTF-8 text (byte {error.start}); save it as UTF-8") from None


def parse(text: str, file: str) -> Source:
    """Read YAML 1.2: no tags, no duplicate keys, no anchors that multiply."""
    reader = _Reader(file, text.splitlines())
    yaml = YAML(typ="safe", pure=True)
    try:
        node = yaml.compose(text)
        return Source(None) if node is None else reader.source(node, yaml)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        words = [str(word) for word in (error.context, error.problem) if word]
        raise BadSource(
            f"not YAML: {', '.join(words)}", reader.at(mark.line, mark.column) if mark else Mark(file, 1, 1, "")
        ) from None
    except (YAMLError, ValueError, RecursionError) as error:
        raise InvalidInput(f"{file} is not YAML: {str(error) or 'nested too deeply'}") from None


class _Reader:
    """Build the data of one text from its nodes, counting them as anchors expand."""

    def __init__(self, file: str, lines: list[str]) -> None:
        self._file, self._lines, self._count = file, lines, 0
        self._keys: dict[Where, Mark] = {}
        self._values: dict[Where, Mark] = {}

    def source(self, node: Node, yaml: YAML) -> Source:
        """Return the data under a node with its marks."""
        return Source(self._plain(node, (), yaml), self._keys, self._values)

    def at(self, line: int, column: int, length: int = 1) -> Mark:
        """Return the mark of a place counted from 0."""
        text = self._lines[line] if line < len(self._lines) else ""
        return Mark(self._file, line + 1, column + 1, text, length)

    def _plain(self, node: Node, where: Where, yaml: YAML) -> Any:
        self._count += 1
        mark = self._values[where] = self._mark(node)
        if self._count > MAX_NODES or len(where) > MAX_DEPTH:
            raise BadSource(f"more than {MAX_NODES} values or {MAX_DEPTH} levels, anchors expanded", mark)
        if isinstance(node, MappingNode) and node.tag == "tag:yaml.org,2002:map":
            return {key: self._plain(value, (*where, key), yaml) for key, value in self._entries(node, where)}
        if isinstance(node, SequenceNode) and node.tag == "tag:yaml.org,2002:seq":
            return [self._plain(value, (*where, n), yaml) for n, value in enumerate(node.value)]
        if isinstance(node, ScalarNode) and node.tag in PLAIN:
            return yaml.constructor.construct_object(node)
        if isinstance(node, ScalarNode) and node.tag in TEXT:
            return node.value
        raise BadSource(f"the tag {node.tag!r} is not allowed in a scenario", mark)

    def _entries(self, node: MappingNode, where: Where) -> Iterator[tuple[str, Node]]:
        seen: set[str] = set()
        for key, value in node.value:
            mark = self._mark(key)
            if not isinstance(key, ScalarNode):
                raise BadSource("a key must be a single word", mark)
            if key.value in seen:
                raise BadSource(f"duplicate key {key.value!r}", mark)
            seen.add(key.value)
            self._keys[(*where, key.value)] = mark
            yield key.value, value

    def _mark(self, node: Node) -> Mark:
        start, end = node.start_mark, node.end_mark
        length = end.column - start.column if end.line == start.line else 1
        return self.at(start.line, start.column, length)


def merge(base: Any, over: Any, keep: Mapping[Where, frozenset[str]], where: Where = ()) -> Any:
    """Lay ``over`` on ``base``: mappings merge, everything else replaces.

    Where ``kind`` changes, the parameters of the old kind go, and only the keys in ``keep`` of that
    place (those of the section, not of the component) stay.
    """
    if not (isinstance(base, dict) and isinstance(over, dict)):
        return over
    if "kind" in base and "kind" in over and base["kind"] != over["kind"]:
        base = {key: value for key, value in base.items() if key in keep.get(where, frozenset())}
    both = {key: merge(value, over[key], keep, (*where, key)) if key in over else value for key, value in base.items()}
    return both | {key: value for key, value in over.items() if key not in base}


def lay(base: Source, over: Source, keep: Mapping[Where, frozenset[str]]) -> Source:
    """Merge two sources; a value keeps the mark of the text it came from."""
    return Source(merge(base.data, over.data, keep), base.keys | over.keys, base.values | over.values)


def setting(text: str) -> tuple[Where, Source]:
    """Read one ``a.b=value`` (the value is YAML) as the place it names and a source for that place."""
    name, equals, value = text.partition("=")
    steps: Where = tuple(int(step) if step.isdecimal() else step for step in name.split("."))
    if not equals or not re.fullmatch(r"[\w-]+(\.[\w-]+)*", name):
        raise InvalidInput(f"--set {text!r} is not a setting; write a.b=value, such as recommender.slate_size=20")
    return steps, parse(value, f"--set {name}")


def put(base: Source, text: str, keep: Mapping[Where, frozenset[str]]) -> Source:
    """Return the source with one ``a.b=value`` laid on it."""
    steps, value = setting(text)
    whole = Mark("--set", 1, 1, text, len(text))
    places = dict.fromkeys(
        (*((*steps, *inner) for inner in value.values), *(steps[:n] for n in range(1, len(steps)))), whole
    )
    return Source(_with(base.data, steps, value.data, keep, (), text), base.keys | places, base.values | places)


def _with(data: Any, steps: Where, value: Any, keep: Mapping[Where, frozenset[str]], where: Where, text: str) -> Any:
    if not steps:
        return merge(data, value, keep, where)
    first, rest = steps[0], steps[1:]
    if isinstance(data, list):
        if not isinstance(first, int) or first >= len(data):
            raise InvalidInput(f"--set {text!r}: there is no entry {first!r}; the list has {len(data)} (from 0)")
        return [_with(v, rest, value, keep, (*where, n), text) if n == first else v for n, v in enumerate(data)]
    inner = data if isinstance(data, dict) else {}
    step = str(first)
    changed = _with(inner.get(step), rest, value, keep, (*where, step), text)
    return merge(inner, {step: changed}, keep, where) if step == "kind" else inner | {step: changed}

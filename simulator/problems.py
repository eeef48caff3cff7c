"""What is wrong with a mapping someone wrote: each problem with its place among the keys."""

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

PLAIN_WORDS = {
    "bool_type": "should be true or false",
    "int_type": "should be a whole number",
    "int_from_float": "should be a whole number",
    "float_type": "should be a number",
    "string_type": "should be text (quote it)",
    "model_type": "should be a mapping {key: value}",
    "dict_type": "should be a mapping {key: value}",
    "list_type": "should be a list [a, b]",
    "tuple_type": "should be a list [a, b]",
}
"""pydantic's error types in the words of a YAML file."""

Where = tuple[str | int, ...]
"""Keys and list indices that lead to a value."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong, at the path of keys ``where``, and what would be right."""

    where: Where
    message: str
    key: bool = False
    """Whether the key itself is wrong, not its value."""


def problems(error: ValidationError, data: Any, known: Callable[[Where], Iterable[str]]) -> list[Problem]:
    """Turn pydantic's errors into problems, those of one place joined by "or" (members of a union).

    ``data`` is what was validated; ``known`` returns the keys allowed in the mapping at a place.
    An error whose context holds ``problems`` (inner place, message, key) brings its own.
    """
    found: dict[tuple[Where, bool], list[str]] = {}
    for detail in error.errors():
        where = _place(detail["loc"], data, missing=detail["type"] == "missing")
        alone = ((), _message(detail, where, known), detail["type"] == "extra_forbidden")
        for inside, message, key in detail.get("ctx", {}).get("problems", [alone]):
            messages = found.setdefault(((*where, *inside), key), [])
            messages += [message] * (message not in messages)
    return [Problem(where, ", or ".join(messages), key) for (where, key), messages in found.items()]


def unknown(word: str, what: str, known: Iterable[str]) -> str:
    """Say that a word is not known, and which near or which at all would be."""
    known = sorted(known)
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    remedy = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known) or 'none'}"
    return f"unknown {what} {word!r}; {remedy}"


def _place(loc: Sequence[str | int], data: Any, *, missing: bool) -> Where:
    """Drop from pydantic's location what are no keys of the data: tags of unions and validators."""
    where: list[str | int] = []
    for step in loc:
        if step in (data if isinstance(data, Mapping) else range(len(data) if isinstance(data, list | tuple) else 0)):
            data = data[step]
            where.append(step)
    return (*where, loc[-1]) if missing else tuple(where)


def _message(detail: Any, where: Where, known: Callable[[Where], Iterable[str]]) -> str:
    if detail["type"] == "extra_forbidden":
        return unknown(str(where[-1]), "key", known(where[:-1]))
    if detail["type"] == "missing":
        return f"{where[-1]!r} is required"
    message = PLAIN_WORDS.get(detail["type"], str(detail["msg"]))
    message = message.removeprefix("Value error, ").removeprefix("Input ").removeprefix("String ")
    value = repr(detail["input"])
    return message if value in message else f"{value if len(value) < 80 else value[:76] + ' ...'} {message}"

"""What is wrong with a mapping someone wrote: each problem with its place among the keys."""

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

Where = tuple[str | int, ...]
"""Keys and list indices that lead to a value."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong, at the path of keys ``where``, and what would be right."""

    where: Where
    message: str


def problems(error: ValidationError, data: Any, known: Callable[[Where], Iterable[str]]) -> list[Problem]:
    """Turn pydantic's errors into problems, those of one place joined by "or" (members of a union).

    ``data`` is what was validated; ``known`` returns the keys allowed in the mapping at a place.
    An error whose context holds ``problems`` (pairs of inner place and message) brings its own.
    """
    found: dict[Where, list[str]] = {}
    for detail in error.errors():
        where = _place(detail["loc"], data, missing=detail["type"] == "missing")
        inner = detail.get("ctx", {}).get("problems", [((), _message(detail, where, known))])
        for inside, message in inner:
            messages = found.setdefault((*where, *inside), [])
            messages += [message] * (message not in messages)
    return [Problem(where, ", or ".join(messages)) for where, messages in found.items()]


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
    message = str(detail["msg"]).removeprefix("Value error, ").removeprefix("Input ")
    value = repr(detail["input"])
    return message if value in message else f"{value if len(value) < 80 else value[:76] + ' ...'} {message}"

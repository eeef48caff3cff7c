"""Prompt templates: versioned Markdown files of the folder ``prompts``."""

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from string import Formatter
from typing import Literal, cast

from agents.errors import InvalidInput
from agents.llm.base import Message

Role = Literal["system", "user", "assistant"]

_FOLDER = Path(__file__).parent / "prompts"
_HEAD = re.compile(r"<!-- version: (\d+) -->\n")
_ROLES = re.compile(r"^## (system|user|assistant)\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Template:
    """One Markdown file: a version line, then text with ``{placeholders}``, under role headings or none.

    Values are inserted as they are and never read as templates themselves.
    """

    name: str
    version: int
    body: str

    def text(self, **values: object) -> str:
        """Return the whole body, filled in."""
        return self.body.format(**values).strip()

    def messages(self, **values: object) -> tuple[Message, ...]:
        """Return one message per role heading, filled in; an empty one is left out.

        What the system is told is the same whenever a user is asked, so it is filled in once.
        """
        filled = [
            _standing(role, body, fields, *[values[field] for field in fields])
            if role == "system"
            else Message(role, body.format(**values).strip())
            for role, body, fields in _turns(self.body)
        ]
        return tuple([message for message in filled if message.text])


@cache
def _turns(body: str) -> tuple[tuple[Role, str, tuple[str, ...]], ...]:
    """Return role, text and placeholders of every part under a heading."""
    _, *parts = _ROLES.split(body)
    fields = [tuple(field for _, field, _, _ in Formatter().parse(part) if field) for part in parts[1::2]]
    return tuple(zip(cast(list[Role], parts[::2]), parts[1::2], fields, strict=True))


@lru_cache(maxsize=1 << 14)
def _standing(role: Role, body: str, fields: tuple[str, ...], *values: object) -> Message:
    return Message(role, body.format(**dict(zip(fields, values, strict=True))).strip())


@cache
def load(name: str) -> Template:
    """Return the template ``name``; raise InvalidInput if there is none or it says no version."""
    path = _FOLDER / f"{name}.md"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in _FOLDER.glob("*.md")))
        raise InvalidInput(f"there is no prompt template {name!r}; there are: {known}")
    text = path.read_text(encoding="utf-8")
    head = _HEAD.match(text)
    if head is None:
        raise InvalidInput(f"{path}: the first line must be <!-- version: N -->")
    return Template(name, int(head[1]), text[head.end() :])

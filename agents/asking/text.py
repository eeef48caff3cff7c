"""How items and memories read in a prompt; all of it is untrusted and cleaned."""

import re
from collections.abc import Sequence
from functools import lru_cache

from agents.schema import Item
from agents.untrusted import clean

TITLE_CAP = 80
GENRES_CAP = 60

_ARTICLE = re.compile(r"^(.+), (The|A|An|La|Le|Les|Il|Das|Der|Die|El)(\s*\(.*\))?$")


@lru_cache(maxsize=1 << 16)
def spoken(item: Item) -> str:
    """Return an item's title as people say it, with its year.

    >>> spoken(Item(0, "Usual Suspects, The", ("Crime",), 1995))
    'The Usual Suspects (1995)'
    """
    title = _ARTICLE.sub(r"\2 \1\3", clean(item.title, TITLE_CAP))
    return title if item.year is None or str(item.year) in title else f"{title} ({item.year})"


@lru_cache(maxsize=1 << 16)
def line(item: Item) -> str:
    """Return an item's title and genres on one line."""
    genres = clean(", ".join(item.genres), GENRES_CAP)
    return f"{spoken(item)} - {genres}" if genres else spoken(item)


def listing(names: Sequence[str], items: Sequence[Item]) -> str:
    """Return items one a line, each behind its name (a position or a letter)."""
    return "\n".join([f"{name}. {line(item)}" for name, item in zip(names, items, strict=True)])


def remembered(memory: str) -> str:
    """Return recalled episodes under a heading, nothing for none."""
    return f"What you remember of your visits:\n{memory}\n" if memory else ""

"""How items and memories read in a prompt; all of it is untrusted and cleaned."""

import re
from collections.abc import Sequence
from functools import lru_cache

from agents.schema import Item
from agents.untrusted import clean

TITLE_CAP = 80
GENRES_CAP = 60
NAME_CAP = 40
MOST_TIPS = 5
"""Recommended items that a prompt names, and for each of them"""
MOST_FRIENDS = 2
"""the friends it names."""

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


def recommended(names: Sequence[str], items: Sequence[Item], friends: Sequence[Sequence[str]]) -> str:
    """Return which items friends told of, as they are named on the page, below it; nothing where nobody did.

    The items that most friends told of, in the order of the page.

    >>> recommended(["1", "2"], [Item(0, "Heat", ()), Item(1, "Up", ())], [(), ("Ann", "<|x|>", "Bo", "Ann")])
    '\\n\\nFriends told you of:\\n2. Up (Ann, ‹¦x¦› and 1 more)'
    """
    people = [list(dict.fromkeys(clean(name, NAME_CAP) or "a friend" for name in who)) for who in friends]
    told = sorted(range(len(people)), key=lambda place: -len(people[place]))[:MOST_TIPS]
    lines = [
        f"{names[place]}. {spoken(items[place])} ({_named(people[place])})" for place in sorted(told) if people[place]
    ]
    return "\n".join(["\n\nFriends told you of:", *lines]) if lines else ""


def _named(people: Sequence[str]) -> str:
    named, more = ", ".join(people[:MOST_FRIENDS]), len(people) - MOST_FRIENDS
    return f"{named} and {more} more" if more > 0 else named

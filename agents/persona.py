"""The personas of a population: measured quantities held as columns, one person put together when asked for."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import overload

import numpy as np

from agents.schema import History, Ints, Item, Persona
from agents.template import load
from agents.traits import Traits, rows_of
from agents.untrusted import clean

N_FAVORITES = 12
N_NAMED = 5
"""Favorites that the narrative names."""
TITLE_CAP = 80
GENRE_CAP = 40
KEPT = 1 << 16
"""Personas kept once they are made: writing one costs as much as all else about a question."""


@dataclass(frozen=True, eq=False)
class Personas(Sequence[Persona]):
    """The personas of the users 0..n-1.

    A million of them are a few columns: who asks for one user gets its persona made on the spot, with
    what it is fond of looked up in the history and its narrative written; who needs a quantity of many
    users reads the column. ``traits`` has one row per user; ``source_user`` gives the user of
    ``history`` a persona was learned from (-1: invented), ``real_names`` the outside names of those.
    """

    traits: Traits
    source_user: Ints
    items: Sequence[Item]
    history: History
    real_names: Sequence[str]
    given: Sequence[tuple[str, str]] = ()
    """(name, narrative) by user, as somebody wrote them; what is empty is made of the rest."""
    _made: dict[int, Persona] = field(default_factory=dict, init=False, repr=False)

    def __len__(self) -> int:
        """Return the number of users."""
        return len(self.source_user)

    @overload
    def __getitem__(self, user_id: int) -> Persona: ...
    @overload
    def __getitem__(self, user_id: slice) -> tuple[Persona, ...]: ...
    def __getitem__(self, user_id: int | slice) -> Persona | tuple[Persona, ...]:
        """Return one user's persona, or those of a range of users."""
        if isinstance(user_id, slice):
            return tuple(self[user] for user in range(len(self))[user_id])
        user = range(len(self))[user_id]
        persona = self._made.get(user)
        if persona is None:
            persona = self._persona(user)
            if len(self._made) < KEPT:
                self._made[user] = persona
        return persona

    def __iter__(self) -> Iterator[Persona]:
        """Make one persona after the other."""
        return (self[user] for user in range(len(self)))

    def name(self, user_id: int) -> str:
        """Return what one user is called."""
        return self._name(user_id, int(self.source_user[user_id]))

    def names(self) -> list[str]:
        """Return what the users are called in reports."""
        return [self._name(user, source) for user, source in enumerate(self.source_user.tolist())]

    def sources(self) -> list[str]:
        """Return the outside names of the real users they were learned from, empty for invented ones."""
        return [self._source(source) for source in self.source_user.tolist()]

    def retold(self, narratives: Mapping[int, str]) -> "Personas":
        """Return the personas with other narratives for some users."""
        given = list(self.given) or [("", "")] * len(self)
        for user, narrative in narratives.items():
            given[user] = (given[user][0], narrative)
        return replace(self, given=given)

    def closing(self, user_id: int) -> str:
        """Return the last sentences of a narrative: what is seldom chosen, and favorite titles."""
        return "".join(added(self[user_id].tastes, [self.items[item].title for item in self.favorites(user_id)]))

    def taken(self, user_id: int) -> Ints:
        """Return the items a persona was learned from, oldest first."""
        return self.history.item_id[rows_of(self.history, int(self.source_user[user_id]))]

    def favorites(self, user_id: int) -> tuple[int, ...]:
        """Return the items rated best, best first, the latest first among equals; unrated ones last."""
        rows = rows_of(self.history, int(self.source_user[user_id]))
        item, rating = self.history.item_id[rows], self.history.rating[rows]
        order = np.lexsort((-np.arange(len(item)), -np.nan_to_num(rating, nan=-np.inf)))
        return tuple(item[order][:N_FAVORITES].tolist())

    def _persona(self, user: int) -> Persona:
        own = self.traits.take(np.array([user]))
        figures = {name: float(getattr(own, name)[0]) for name in _FIGURES}
        tastes = dict(zip(own.genres, own.tastes[0].tolist(), strict=True))
        favorites, source = self.favorites(user), int(self.source_user[user])
        return Persona(
            user_id=user,
            name=self._name(user, source),
            tastes=tastes,
            favorites=favorites,
            history=tuple(self.taken(user).tolist()),
            narrative=self._given(user)[1] or narrate(tastes, figures, [self.items[item].title for item in favorites]),
            source=self._source(source),
            **figures,
        )

    def _name(self, user: int, source: int) -> str:
        made = f"invented {user}" if source < 0 else f"user {self.real_names[source]}"
        return self._given(user)[0] or made

    def _given(self, user: int) -> tuple[str, str]:
        return self.given[user] if self.given else ("", "")

    def _source(self, source: int) -> str:
        return "" if source < 0 else self.real_names[source]


_FIGURES = ("activity", "conformity", "diversity", "mainstreaminess", "rating_mean", "rating_sd", "attention")


GRADES: Mapping[str, tuple[str, tuple[float, float], tuple[str, str, str]]] = {
    "variety": (
        "diversity",
        (2.5, 3.3),
        ("You keep to few genres.", "You watch several genres.", "You watch almost every genre."),
    ),
    "mainstream": (
        "mainstreaminess",
        (0.75, 0.9),
        ("You look for little-known titles.", "You mix hits and lesser-known titles.", "You mostly watch hits."),
    ),
    "activity": (
        "activity",
        (0.7, 1.4),
        ("You visit rarely.", "You visit about as often as others.", "You visit often."),
    ),
    "ratings": (
        "conformity",
        (0.4, 0.55),
        (
            "Your ratings often differ from other people's.",
            "Your ratings sometimes differ from other people's.",
            "You mostly rate as other people do.",
        ),
    ),
}
"""What a narrative says of a quantity: which it is, where its three bands meet, and the words for each."""


def narrate(tastes: Mapping[str, float], figures: Mapping[str, float], liked: Sequence[str]) -> str:
    """Return the persona in words, filled into ``prompts/persona.md``."""
    loved, (seldom, favorites) = favored(tastes), added(tastes, liked)
    words = {name: words[graded(name, figures[figure])] for name, (figure, _, words) in GRADES.items()}
    likes = f"You like {', '.join(loved)}." if loved else "You have no favorite genre."
    return load("persona").text(tastes=likes + seldom, favorites=favorites, **words)


def graded(name: str, value: float) -> int:
    """Return the band, 0 to 2, that the quantity behind a statement falls into."""
    return sum(value > cut for cut in GRADES[name][1])


def favored(tastes: Mapping[str, float]) -> list[str]:
    """Return the genres liked best, best first."""
    return [clean(genre, GENRE_CAP) for genre in _ranked(tastes) if tastes[genre] > 0][:3]


def added(tastes: Mapping[str, float], liked: Sequence[str]) -> tuple[str, str]:
    """Return the sentences about seldom chosen genres and about favorite titles, empty where there are none."""
    avoided = [clean(genre, GENRE_CAP) for genre in reversed(_ranked(tastes)) if tastes[genre] < 0][:2]
    titles = ", ".join(clean(title, TITLE_CAP) for title in liked[:N_NAMED])
    seldom = f" You seldom choose {' or '.join(avoided)}." if avoided else ""
    return seldom, f" Favorites: {titles}." if titles else ""


def _ranked(tastes: Mapping[str, float]) -> list[str]:
    return sorted(tastes, key=lambda genre: (-tastes[genre], genre))

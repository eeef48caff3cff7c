"""Invented worlds: nobody can have memorized their titles, and their tastes are known."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from agents.errors import InvalidInput
from agents.schema import Bools, Floats, Ints, Item
from simulator.catalog import Catalog, Interactions
from simulator.data.base import Dataset, DataSource
from simulator.seeds import Streams

PRESETS = {
    "tiny": (200, 120, 25.0),
    "small": (1_000, 1_000, 40.0),
    "medium": (10_000, 5_000, 50.0),
    "1m": (1_000_000, 20_000, 10.0),
}
"""Variant -> users, items, mean interactions per user."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


GENRES = _words(
    "Adventure Comedy Crime Drama Fantasy Horror Mystery Music Nature Romance Satire Science Sport Thriller War Western"
)
"""Common ones first: how often an item has a genre falls with its place."""

_FACTORS = 8
_CANDIDATES = 6
_STRENGTH = 2.5  # of taste in what is chosen, against the noise of the choice
_BLOCK = 20_000  # users made at a time: bounds memory
_SPAN = 2 * 365 * 86_400  # seconds between the first possible event and the last
_START = 1_700_000_000  # an arbitrary Unix second: invented worlds have no calendar
_ADJECTIVES = _words(
    "Amber Borrowed Brittle Clockwork Crooked Distant Drifting Eleventh Folded Hollow Indigo Lacquered Mended "
    "Patient Quilted Restless Salted Tilted Unsent Velvet Wandering Woven"
)
_NOUNS = _words(
    "Almanac Archive Beacon Canal Cartographer Compass Orchard Ferry Foundry Granary Harbor Kite Lantern Ledger "
    "Lighthouse Menagerie Observatory Parade Postmaster Quarry Stairwell Tollhouse Weaver"
)
_SYLLABLES = _words("ba dor el fin gar hu iv jo kel lu mar nov os pel qui ra sten tor ul vash wen yor zim")


@dataclass
class Synthetic(DataSource):
    """Invent a world of users with latent tastes, genres, a long-tailed popularity and an order in time.

    variant: size, one of tiny, small, medium, 1m (written ``kind: synthetic:small``)
    users: users, instead of the variant's
    items: items, instead of the variant's
    interactions_per_user: mean aimed at, instead of the variant's; most users have fewer, some many more
    seed: which world
    """

    variant: str = "small"
    users: int | None = None
    items: int | None = None
    interactions_per_user: float | None = None
    seed: int = 0

    def load(self) -> Dataset:
        """Return the world; it is the same for the same parameters, and no user depends on how many there are."""
        users, items, per_user = self._size()
        streams = Streams(self.seed)
        world = _World.invent(streams, items)
        parts = [_consume(world, streams, block, per_user) for block in _blocks(users)]
        user_id, item_id, rating, second = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        order = np.argsort(second, kind="stable")
        epoch = int(second[order[-1]])
        interactions = Interactions(
            user_id[order],
            item_id[order],
            rating[order].astype(np.float64),
            (second[order] - epoch) / 60,
            np.zeros(len(order), dtype=np.bool_),  # in this world they are what really happened
        )
        return Dataset(
            name=f"synthetic:{self.variant}",
            catalog=world.catalog,
            interactions=interactions,
            users=tuple(f"u{i}" for i in range(users)),
            scale=(1.0, 5.0, 1.0),
            epoch=float(epoch),
            identity=self._identity(users, items, per_user, len(order)),
        )

    def _size(self) -> tuple[int, int, float]:
        if self.variant not in PRESETS:
            raise InvalidInput(f"synthetic:{self.variant} is not known; variants are {', '.join(PRESETS)}")
        users, items, per_user = PRESETS[self.variant]
        users = users if self.users is None else self.users
        items = items if self.items is None else self.items
        per_user = per_user if self.interactions_per_user is None else self.interactions_per_user
        if users < 1 or items < 1 or not 1 <= per_user <= items / 2:
            raise InvalidInput(
                f"synthetic: users {users}, items {items}, interactions_per_user {per_user:g}: users and items are at "
                f"least 1, interactions_per_user between 1 and half the items"
            )
        return users, items, per_user

    def _identity(self, users: int, items: int, per_user: float, rows: int) -> dict[str, object]:
        return {
            "name": f"synthetic:{self.variant}",
            "version": "1",
            "licence": "none needed: invented",
            "parameters": {"users": users, "items": items, "interactions_per_user": per_user, "seed": self.seed},
            "rows": rows,
            "rejected": [],
            "notes": [],
        }


@dataclass(frozen=True)
class _World:
    """The items and what draws people to them: ``weight`` in general, ``factors`` by taste, ``quality`` in ratings."""

    catalog: Catalog
    factors: Floats
    genre_factors: Floats
    cumulative: Floats
    quality: Floats

    @classmethod
    def invent(cls, streams: Streams, n: int) -> "_World":
        """Make a catalog of n items; popularity follows Zipf's law with exponent 0.9."""
        ids = np.arange(n)
        genre_factors = streams.normal("synthetic-genre", np.arange(len(GENRES))[:, None], np.arange(_FACTORS))
        labels = _genres(streams, n)
        noise = streams.normal("synthetic-item", ids[:, None], np.arange(_FACTORS))
        factors = np.einsum("ig,gf->if", labels, genre_factors) / labels.sum(axis=1, keepdims=True) + 0.4 * noise
        rank = np.empty(n)
        rank[np.argsort(streams.uniform("synthetic-rank", ids), kind="stable")] = np.arange(1, n + 1)
        weight = rank**-0.9
        years = 1970 + np.floor(55 * np.sqrt(streams.uniform("synthetic-year", ids))).astype(int)
        items = tuple(
            Item(i, title, tuple(GENRES[g] for g in np.flatnonzero(labels[i])), int(years[i]))
            for i, title in enumerate(titles(streams, n))
        )
        catalog = Catalog(items, tuple(f"i{i}" for i in range(n)))
        quality = streams.normal("synthetic-quality", ids)
        return cls(catalog, factors, genre_factors, np.cumsum(weight) / weight.sum(), quality)


def titles(streams: Streams, n: int) -> list[str]:
    """Return n distinct invented titles."""
    ids = np.arange(n)
    adjective = (streams.uniform("synthetic-adjective", ids) * len(_ADJECTIVES)).astype(int)
    noun = (streams.uniform("synthetic-noun", ids) * len(_NOUNS)).astype(int)
    pairs = zip(adjective, noun, strict=True)
    return [f"The {_ADJECTIVES[a]} {_NOUNS[b]} of {_place(i)}" for i, (a, b) in enumerate(pairs)]


def _place(number: int) -> str:
    """Return an invented place name, one per number: no two syllables begin alike, so no two names agree."""
    base = len(_SYLLABLES)
    rest, scattered = number // base**3, number % base**3 * 7919 % base**3  # neighbors should not sound alike
    digits = [scattered % base, scattered // base % base, scattered // base**2]
    while rest:
        digits.append(rest % base)
        rest //= base
    return "".join(_SYLLABLES[digit] for digit in digits).capitalize()


def _genres(streams: Streams, n: int) -> Floats:
    """Return (items, genres) 0/1 with one to three genres each, common ones more often."""
    genres = np.arange(len(GENRES))
    appeal = -np.log(1 + genres) * 0.6
    noise = -np.log(-np.log(streams.uniform("synthetic-genres", np.arange(n)[:, None], genres) + 2.0**-54))
    order = np.argsort(-(appeal + noise), axis=1, kind="stable")
    count = 1 + np.floor(3 * streams.uniform("synthetic-genre-count", np.arange(n))).astype(int)
    labels = np.zeros((n, len(GENRES)))
    np.put_along_axis(labels, order, (np.arange(len(GENRES)) < count[:, None]).astype(float), axis=1)
    return labels


def _blocks(users: int) -> Iterator[Ints]:
    return (np.arange(start, min(start + _BLOCK, users)) for start in range(0, users, _BLOCK))


def _consume(world: _World, streams: Streams, users: Ints, per_user: float) -> tuple[Ints, Ints, Floats, Ints]:
    """Return (user, item, rating, Unix second) of what a block of users took, by user and turn."""
    wanted = _activity(streams, users, per_user, len(world.catalog))
    turns = 2 * wanted + 4  # repeats are dropped, so more are drawn than wanted
    who = np.repeat(np.arange(len(users)), turns)
    turn = np.arange(len(who)) - np.repeat(np.cumsum(turns) - turns, turns)
    tastes = _tastes(world, streams, users)
    item, affinity = _choose(world, streams, users[who], turn, tastes[who])
    kept = _first_distinct(who, turn, item, wanted)
    who, turn, item, affinity = who[kept], turn[kept], item[kept], affinity[kept]
    rating = _rate(world, streams, users[who], item, affinity)
    return users[who], item, rating, _seconds(streams, users[who], turn, turns[who])


def _activity(streams: Streams, users: Ints, per_user: float, n_items: int) -> Ints:
    """Return interactions per user: lognormal with the given mean, at least 1, at most half the catalog."""
    sigma = 0.8
    raw = per_user * np.exp(sigma * streams.normal("synthetic-activity", users) - sigma**2 / 2)
    return np.clip(np.rint(raw), 1, max(1, n_items // 2)).astype(np.int64)


def _tastes(world: _World, streams: Streams, users: Ints) -> Floats:
    """Return (users, factors): two favorite genres, and something of one's own."""
    favorite = (streams.uniform("synthetic-favorite", users[:, None], np.arange(2)) * len(GENRES)).astype(int)
    own = streams.normal("synthetic-taste", users[:, None], np.arange(_FACTORS))
    tastes: Floats = world.genre_factors[favorite].mean(axis=1) + 0.5 * own
    return tastes


def _choose(world: _World, streams: Streams, user: Ints, turn: Ints, taste: Floats) -> tuple[Ints, Floats]:
    """Return the item and its affinity: one of a few that popularity put in view, by taste (Gumbel-max)."""
    slots = np.arange(_CANDIDATES)
    draw = streams.uniform("synthetic-view", user[:, None], turn[:, None], slots)
    seen = np.searchsorted(world.cumulative, draw, side="right").clip(max=len(world.catalog) - 1)
    affinity = np.zeros(seen.shape)
    for f in range(_FACTORS):
        affinity += world.factors[seen, f] * taste[:, f, None]
    affinity /= np.sqrt(_FACTORS)
    noise = -np.log(-np.log(streams.uniform("synthetic-choice", user[:, None], turn[:, None], slots) + 2.0**-54))
    best = np.argmax(_STRENGTH * affinity + noise, axis=1)[:, None]
    return np.take_along_axis(seen, best, 1)[:, 0], np.take_along_axis(affinity, best, 1)[:, 0]


def _first_distinct(who: Ints, turn: Ints, item: Ints, wanted: Ints) -> Bools:
    """Mark, for each user, the first turns that took something new, as many as wanted."""
    order = np.lexsort((turn, item, who))
    new = np.ones(len(who), dtype=np.bool_)
    new[1:] = (who[order][1:] != who[order][:-1]) | (item[order][1:] != item[order][:-1])
    distinct = np.empty(len(who), dtype=np.bool_)
    distinct[order] = new
    count = np.cumsum(distinct)
    starts = np.flatnonzero(turn == 0)
    before: Ints = (count[starts] - distinct[starts])[who]
    return distinct & (count - before <= wanted[who])


def _rate(world: _World, streams: Streams, user: Ints, item: Ints, affinity: Floats) -> Floats:
    """Return ratings 1..5 of quality, taste, the user's own level, and chance."""
    level = 0.4 * streams.normal("synthetic-level", user)
    chance = 0.6 * streams.normal("synthetic-rating", user, item)
    return np.clip(np.rint(3.4 + level + 0.4 * world.quality[item] + 0.5 * affinity + chance), 1, 5)


def _seconds(streams: Streams, user: Ints, turn: Ints, turns: Ints) -> Ints:
    """Return Unix seconds: users join at any time and then come in order of their turns."""
    joined = streams.uniform("synthetic-joined", user)
    progress = (turn + streams.uniform("synthetic-moment", user, turn)) / turns
    return _START + np.floor(_SPAN * (joined + (1 - joined) * progress)).astype(np.int64)

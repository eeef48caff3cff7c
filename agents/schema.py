"""All an agent sees and does, one at a time and as columns."""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from agents.persona import Personas

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

PAD = -1
"""Item id that fills a short slate; never a real item."""


class Action(IntEnum):
    """What a user did with one item of a slate; the codes are part of the log schema."""

    SKIP = 0
    WATCH = 1
    UNSEEN = 2


class Feedback(IntEnum):
    """What a user said of something it watched, beside a rating; the codes are part of the log schema."""

    NONE = 0
    LIKE = 1
    DISLIKE = 2


ABILITIES = ("watch", "skip", "rate", "like", "dislike", "search", "next_page", "leave", "return", "tell")
"""All that users may be able to do; ``skip`` is to pass over what was read, ``return`` to come for another visit."""
USUAL = tuple(ability for ability in ABILITIES if ability not in ("like", "dislike"))
"""What they are able to do unless a scenario says otherwise."""


class ExitReason(IntEnum):
    """Why a session ended; the codes are part of the log schema."""

    STAYED = 0
    SATISFIED = 1
    BORED = 2
    TIRED = 3
    END_OF_LIST = 4
    PAGE_LIMIT = 5
    NOTHING_TO_SHOW = 6


class DecidedBy(IntEnum):
    """Where a decision came from; the codes are part of the log schema."""

    RULE = 0
    CALIBRATED = 1
    LLM = 2
    DISTILLED = 3
    REPAIRED = 4
    FALLBACK = 5


class Draws(Protocol):
    """Keyed random numbers: the same keys give the same number, in any order, on any shard."""

    def uniform(self, purpose: str, *keys: npt.ArrayLike) -> Floats:
        """Return uniforms in [0, 1) shaped like the broadcast integer keys."""
        ...

    def normal(self, purpose: str, *keys: npt.ArrayLike) -> Floats:
        """Return standard normals shaped like the broadcast integer keys."""
        ...


@dataclass(frozen=True, slots=True)
class Item:
    """One catalog entry as anyone can read it."""

    item_id: int
    title: str
    genres: tuple[str, ...]
    year: int | None = None


@dataclass(frozen=True, slots=True)
class Choices:
    """The declared assumptions of how a shown item becomes a watched one (metrics.md).

    P(watch | shown at position k) = examination_k x sigmoid(b + v - rho beta log(1 + n_i)), where
    ``b`` is solved once per world so that ``base_rate`` holds.
    """

    base_rate: float = 0.1
    rho: float = 0.5
    pi: float = 0.5
    eta: float = 0.8
    examination: float = 0.85
    """Probability of reading on from one position to the next."""
    patience: float = 3.0
    """Pages a rested, satisfied user of average activity looks at before leaving."""
    rate: float = 1.0
    """Share of what is watched that gets a rating."""
    influence: float = 0.0
    """Log odds of watching per log(1 + friends who told of the item), times the user's conformity."""
    vote: float = 0.3
    """Share of what was watched and clearly liked, or disliked, that users say so of, where they are able to."""
    able: frozenset[str] = frozenset(USUAL)
    """What users can do at all, of ABILITIES."""


@dataclass(frozen=True, slots=True)
class History:
    """Interactions a persona or a behavior may learn from, sorted by (user_id, time), stably."""

    user_id: Ints
    item_id: Ints
    rating: Floats
    time: Floats


@dataclass(frozen=True, slots=True)
class Persona:
    """Traits that never change: measured quantities, and the text made of them.

    ``tastes`` maps genre to weight (mean 0 over genres, larger is liked more); ``activity`` is
    sessions a day relative to the median user (1); ``conformity`` in [0, 1] (1: own ratings equal
    the item means); ``diversity`` is genre entropy in bits; ``mainstreaminess`` the mean popularity
    rank percentile of what was watched (1: only the most popular); ``rating_mean`` and ``rating_sd``
    on the data's own scale; ``attention`` the relative price of a minute (1: average); ``favorites``
    the item ids liked most, best first; ``history`` the item ids it was learned from, oldest first.
    """

    user_id: int
    name: str
    tastes: dict[str, float]
    activity: float
    conformity: float
    diversity: float
    mainstreaminess: float
    rating_mean: float
    rating_sd: float
    attention: float
    favorites: tuple[int, ...]
    history: tuple[int, ...]
    narrative: str
    source: str = ""
    """Outside name of the real user it was learned from, empty for an invented one."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What behaviors are prepared with once, before time starts.

    ``personas`` is indexed by user_id (0..n-1). ``history`` holds the interactions that users may
    be fitted on, with user ids of the DATA SET (background users included), disjoint from what
    recommenders are fitted on; ``source_user`` gives, per simulated user, its id in ``history``
    (-1: none). ``popularity`` is the public count per item at t0, ``mean_rating`` the public mean
    (NaN where unrated), ``scale`` the rating scale as (lowest, highest, step).
    """

    items: tuple[Item, ...]
    personas: "Personas"
    history: History
    source_user: Ints
    popularity: Floats
    mean_rating: Floats
    scale: tuple[float, float, float]
    choices: Choices
    draws: Draws
    slate_size: int = 10
    sessions_per_day: float = 1.0
    """Visits a day of a user of average activity."""
    rounds: bool = False
    """Whether all users visit once a round, ``sessions_per_day`` rounds a day, whatever their activity."""
    memory_tokens: int = 300
    """Ceiling of the memory text put into a prompt."""
    vectors: npt.NDArray[np.float32] | None = None
    """By which memories are relevant to a page, one row an item (``agents.embeddings``); None: by genres."""
    reflect_every: int = 0
    """Visits between reflections; 0: none by schedule."""
    surprise: float = float("inf")
    """Distance, on the rating scale, from what memory suggests that makes a user reflect."""
    drift: float = 0.0
    """How far something watched and liked as much as can be pulls a user's tastes to it; 0: tastes stay."""
    drift_half_life: float = float("inf")
    """Minutes after which half of what tastes moved is forgotten."""
    population: Ints | None = None
    """Users of ``history`` that the population's part of a behavior may be fitted on; None: all of them."""
    learned: dict[bytes, Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    """What was fitted to this setting already (``agents.learning``); a copy with other contents begins without it."""


@dataclass(frozen=True, slots=True)
class Observation:
    """One page as one user sees it.

    ``items`` in order of position; ``popularity`` (visible counts) and ``exposures`` (times this
    user read the item on a slate before) are aligned with it. ``decision`` counts this user's
    earlier decisions: with the user id it keys every draw.
    """

    user_id: int
    now: float
    session_id: int
    page: int
    decision: int
    items: tuple[Item, ...]
    popularity: tuple[float, ...]
    exposures: tuple[int, ...]
    fatigue: float
    satisfaction: float
    trust: float = 0.5
    """In the recommender, 0.5 neutral."""
    friends: tuple[tuple[str, ...], ...] = ()
    """Names of the friends who told of each item; empty where nobody has friends."""


@dataclass(frozen=True, slots=True)
class Pages:
    """A batch of B observations as columns; K is the slate size, short slates padded with PAD."""

    user_id: Ints
    now: Floats
    page: Ints
    decision: Ints
    item_id: Ints
    """(B, K)"""
    popularity: Floats
    """(B, K)"""
    exposures: Ints
    """(B, K)"""
    fatigue: Floats
    satisfaction: Floats
    told: Ints | None = None
    """(B, K) how often friends told of the item; None where nobody has friends"""
    trust: Floats | None = None
    """In the recommender; None: neutral"""
    drift: npt.NDArray[np.float32] | None = None
    """(B, genres) how far tastes have moved from those of the persona; None: tastes stay"""
    watches: Ints | None = None
    """(B, K) how often the user watched the item before; None where no behavior asks for it"""


@dataclass(frozen=True, slots=True)
class Decisions:
    """What B users did with their pages, row for row.

    ``action`` holds Action codes, ``rating`` NaN where none was given, ``dwell`` minutes per item
    (multiples of 1/1024), ``exit_reason`` ExitReason.STAYED where the user turns the page,
    ``decided_by`` DecidedBy codes.
    """

    action: npt.NDArray[np.int8]
    """(B, K)"""
    rating: Floats
    """(B, K)"""
    dwell: Floats
    """(B, K)"""
    exit_reason: npt.NDArray[np.int8]
    decided_by: npt.NDArray[np.int8]
    feedback: npt.NDArray[np.int8] | None = None
    """(B, K) Feedback codes; None where users can neither like nor dislike"""

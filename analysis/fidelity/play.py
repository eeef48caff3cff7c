"""What is judged: anything that puts numbers on items for users, and the two that need no behavior."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.special import expit

from agents.personas.from_history import FromHistory
from agents.schema import PAD, Choices, Draws, Floats, History, Item, Pages, Setting
from agents.slates import popular_slates
from analysis.fidelity.fold import Fold

SLATES = 1000


class Player(Protocol):
    """Users as numbers; all take pages and return (B, K)."""

    def utility(self, pages: Pages) -> Floats:
        """Return v, what is compared when a user chooses."""
        ...

    def chance(self, pages: Pages) -> Floats:
        """Return the probability of watching what is read for the first time."""
        ...

    def ratings(self, pages: Pages) -> Floats:
        """Return ratings by keyed draw."""
        ...

    def expected_ratings(self, pages: Pages) -> Floats:
        """Return the ratings to be expected."""
        ...


@dataclass(frozen=True)
class Real:
    """Real data as plain columns: what everything is learned from and judged by."""

    items: tuple[Item, ...]
    log: History
    names: Sequence[str]
    scale: tuple[float, float, float]


def setting(real: Real, fold: Fold, draws: Draws, choices: Choices, known: History | None = None) -> Setting:
    """Return the setting in which the judged users live, learned from ``known`` (the fold's if not given)."""
    known = fold.known if known is None else known
    popularity, mean_rating = public(known, len(real.items))
    personas = FromHistory().make(fold.tested, tuple(real.names), known, real.items, popularity, draws)
    return Setting(
        items=real.items,
        personas=personas,
        history=known,
        source_user=fold.tested,
        popularity=popularity,
        mean_rating=mean_rating,
        scale=real.scale,
        choices=choices,
        draws=draws,
        population=fold.fitted,
    )


def public(known: History, n_items: int) -> tuple[Floats, Floats]:
    """Return how often each item was taken, and its mean rating (NaN where nobody rated it)."""
    rated = np.isfinite(known.rating)
    count = np.bincount(known.item_id[rated], minlength=n_items)
    total = np.bincount(known.item_id[rated], weights=known.rating[rated], minlength=n_items)
    mean = np.divide(total, count, out=np.full(n_items, np.nan), where=count > 0)
    return np.bincount(known.item_id, minlength=n_items).astype(np.float64), mean


@dataclass(frozen=True)
class Marginals:
    """The null: items by popularity alone, ratings by how often each level occurs, whoever the user is."""

    beta: float
    base: float
    rho: float
    given: Floats
    """All ratings of the users the population is learned from, ascending."""
    draws: Draws

    @classmethod
    def of(cls, world: Setting, fold: Fold, beta: float) -> "Marginals":
        """Take the marginals of the population, and solve the constant that keeps the base rate."""
        own = np.isin(world.history.user_id, fold.fitted) & np.isfinite(world.history.rating)
        shown = popular_slates(world, SLATES)
        pull = (1 - world.choices.rho) * beta * np.log1p(shown.popularity[shown.item_id != PAD])
        low, high = -100.0, 100.0
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if expit(middle + pull).mean() < world.choices.base_rate else (low, middle)
        given = np.sort(world.history.rating[own])
        return cls(beta, (low + high) / 2, world.choices.rho, given, world.draws)

    def utility(self, pages: Pages) -> Floats:
        """Return the pull of popularity."""
        return np.asarray(self.beta * np.log1p(pages.popularity))

    def chance(self, pages: Pages) -> Floats:
        """Return the probability of watching at the declared base rate."""
        return np.asarray(expit(self.base + (1 - self.rho) * self.utility(pages)))

    def ratings(self, pages: Pages) -> Floats:
        """Return ratings drawn from everybody's."""
        draw = self.draws.uniform("fidelity marginal", pages.user_id[:, None], pages.item_id)
        return self.given[(draw * len(self.given)).astype(np.int64)]

    def expected_ratings(self, pages: Pages) -> Floats:
        """Return everybody's mean."""
        return np.full(pages.item_id.shape, float(self.given.mean()))

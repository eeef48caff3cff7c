"""Users whose choices and ratings are those of real people, as far as rating data can say."""

from dataclasses import dataclass, field

import numpy as np
from scipy.special import expit

from agents.behaviors.base import Behavior
from agents.conduct import Conduct
from agents.errors import InvalidInput
from agents.features import Features, describe
from agents.learning import Learned, learn
from agents.pairs import Pairs
from agents.schema import PAD, DecidedBy, Decisions, Floats, Pages, Setting
from agents.slates import popular_slates

SLATES = 1000
"""Popularity-proportional slates on which the base rate is made to hold."""


@dataclass
class Calibrated(Behavior):
    """Watch and rate by a choice and a rating model fitted to training interactions.

    Taste is content-based: no co-occurrence between users enters, so that no recommender is flattered.
    fit_users: real users that the population part is fitted on, at most.
    selection: correct ratings for selection, that people rate what they chose to watch.
    """

    fit_users: int = 250
    selection: bool = True
    _conduct: Conduct = field(init=False, repr=False)
    _matrix: Floats = field(init=False, repr=False)
    _learned: Learned = field(init=False, repr=False)
    _base: float = field(init=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.fit_users < 1:
            raise InvalidInput(f"fit_users: {self.fit_users} is not a positive number")

    def prepare(self, setting: Setting) -> None:
        """Fit the population, place every simulated user in it, and solve the base rate."""
        if not len(setting.history.user_id):
            raise InvalidInput("behavior calibrated has no interactions to learn from; raise data.split.users")
        self._conduct = Conduct.of(setting)
        features = self.describe(setting)
        self._matrix = features.matrix
        self._learned = learn(setting, features, self.fit_users, self.selection)
        slates = popular_slates(setting, SLATES)
        self._base = self.solve_base(slates, np.zeros(slates.item_id.shape))

    def describe(self, setting: Setting) -> Features:
        """Return what the choice and rating models know of the items: public content."""
        return describe(setting.items, setting.popularity, setting.mean_rating)

    def respond(self, pages: Pages) -> Decisions:
        """Choose by the fitted model."""
        return self.choose(pages, np.zeros(pages.item_id.shape), self._base, DecidedBy.CALIBRATED)

    def choose(self, pages: Pages, extra: Floats, base: float, by: DecidedBy) -> Decisions:
        """Choose with ``extra`` (B, K) added to the utilities and ``base`` as the constant."""
        seen = self._conduct.seen(pages)
        probability = expit(base + extra.ravel().take(seen.cell) + self._pull(seen))
        watched = self._conduct.takes(seen, probability)
        return self._conduct.decisions(pages, seen, watched, self._rate(seen.only(watched)), by)

    def utility(self, pages: Pages) -> Floats:
        """Return v (B, K): taste plus the pull of popularity."""
        return self._attraction(_every(pages), 0.0).reshape(pages.item_id.shape)

    def probability(self, pages: Pages, extra: Floats, base: float) -> Floats:
        """Return P(watch | read, never shown before) (B, K)."""
        return np.asarray(expit(base + extra + self._pull(_every(pages)).reshape(extra.shape)))

    def population(self, pages: Pages) -> Floats:
        """Return v (B, K) to a user of whom nothing is known."""
        model, every = self._learned.choice, _every(pages)
        common = np.einsum("pd,d->p", self._matrix.take(every.item_id, axis=0), model.mean)
        return np.asarray(common + model.beta * np.log1p(every.popularity)).reshape(pages.item_id.shape)

    def chance(self, pages: Pages) -> Floats:
        """Return P(watch | read, never shown before) (B, K) at the declared base rate."""
        return self.probability(pages, np.zeros(pages.item_id.shape), self._base)

    def ratings(self, pages: Pages) -> Floats:
        """Return the ratings (B, K) that the items would get if watched, by keyed draw."""
        return self._rate(_every(pages)).reshape(pages.item_id.shape)

    def expected_ratings(self, pages: Pages) -> Floats:
        """Return the ratings (B, K) to be expected of the items if watched."""
        pairs, users = _every(pages), self._learned.users
        level = self._learned.rating.expected(users.opinion(pairs.user_id, pairs.item_id), users.sd.take(pairs.user_id))
        lowest, _, step = self._conduct.scale
        return np.asarray(lowest + step * level).reshape(pages.item_id.shape)

    def solve_base(self, pages: Pages, extra: Floats) -> float:
        """Return the constant at which the declared base rate holds on these pages, by bisection."""
        low, high = -100.0, 100.0
        there = pages.item_id != PAD
        pull = self._pull(Pairs.of(pages, there)) + extra[there]
        for _ in range(60):
            middle = (low + high) / 2
            rate = expit(middle + pull).mean()
            low, high = (middle, high) if rate < self._conduct.choices.base_rate else (low, middle)
        return (low + high) / 2

    def _pull(self, pairs: Pairs) -> Floats:
        """Return what speaks for watching, per pair: the utility less what popularity owes to exposure."""
        return self._attraction(pairs, self._conduct.choices.rho)

    def _attraction(self, pairs: Pairs, rho: float) -> Floats:
        """Return the utility of each pair, of its pull of popularity only what is not exposure."""
        users = self._learned.users
        popularity = (1.0 - rho) * self._learned.choice.beta * np.log1p(pairs.popularity)
        moved = None if pairs.drift is None else pairs.drift.take(pairs.page, axis=0)
        taste = users.taste(pairs.user_id, pairs.item_id, moved)
        return np.asarray(users.keen.take(pairs.user_id) * (taste + popularity))

    def _rate(self, pairs: Pairs) -> Floats:
        """Return the rating of each pair."""
        users, model = self._learned.users, self._learned.rating
        draw = self._conduct.draws.uniform("rating", pairs.user_id, pairs.item_id)
        level = model.level(users.opinion(pairs.user_id, pairs.item_id), users.sd.take(pairs.user_id), draw)
        lowest, _, step = self._conduct.scale
        return np.asarray(lowest + step * level)

    def assumptions(self) -> dict[str, float | str]:
        """Return what was fitted."""
        model = self._learned.choice
        alone = model.popularity_log_likelihood
        return {
            "b": self._base,
            "beta": model.beta,
            "choice_events": float(model.events),
            "trust": model.trust,
            "satiety": model.satiety,
            "mcfadden_r2_over_popularity_in_sample": 1.0 - model.log_likelihood / alone if alone else 0.0,
            "rating_noise_sd": float(np.sqrt(self._learned.rating.noise)),
            "ratings_fitted": float(self._learned.rating.ratings),
        }


def _every(pages: Pages) -> Pairs:
    return Pairs.of(pages, np.ones(pages.item_id.shape, dtype=np.bool_))

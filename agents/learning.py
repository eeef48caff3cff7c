"""From a setting to fitted users: the population is learned from real users, then lends to each simulated one."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from agents import choice, rating
from agents.features import Features, shrunk_means
from agents.schema import Floats, Ints, Setting
from agents.traits import Singles, Traits, measure, rows_of

SHARPNESS = 0.5
"""How much one bit of diversity more than the history shows flattens taste (log scale)."""
AGREEMENT = 2.0
"""How much conformity beyond what the history shows flattens taste (log scale, per unit)."""
RIDGE = 10.0
"""Pseudo-users in the regression of taste effects on tastes."""


@dataclass(frozen=True)
class Schooled:
    """Users learned from their own events: n of them, d features."""

    features: Singles
    """(items, d)"""
    theta: Singles
    """(n, d)"""
    public: Floats
    """(items,) public mean ratings"""
    weights: Singles
    """(n, 1 + d), a constant first"""
    sd: Floats

    def taste(self, row: Ints, item: Ints) -> Floats:
        """Return theta . x of pairs of users (as rows) and items."""
        return _dot(self.theta.take(row, axis=0), self.features.take(item, axis=0))

    def opinion(self, row: Ints, item: Ints) -> Floats:
        """Return what users think of items, on the scale of the data."""
        weights = self.weights.take(row, axis=0)
        return self.public.take(item) + weights[:, 0] + _dot(weights[:, 1:], self.features.take(item, axis=0))


@dataclass(frozen=True)
class Guessed:
    """Invented users: their effects are predicted from n personas, and never written down.

    Taste is linear in a persona's tastes, so the prediction is taken on the side of the items: what
    an item owes to the population, and how each genre's taste changes it.
    """

    tastes: Singles
    """(n, genres)"""
    sharpness: Floats
    """(n,) factor of the effect"""
    common: Floats
    """(items,) utility to the population"""
    constant: Floats
    """(items,) effect of a user without tastes"""
    reach: Singles
    """(items, genres) effect per unit of taste"""
    view: Floats
    """(items,) what the population thinks of an item"""
    lean: Floats
    """(n,) how much better a user thinks of everything"""
    sd: Floats

    def taste(self, row: Ints, item: Ints) -> Floats:
        """Return theta . x of pairs of users (as rows) and items."""
        effect = _dot(self.tastes.take(row, axis=0), self.reach.take(item, axis=0)) + self.constant.take(item)
        return np.asarray(self.common.take(item) + self.sharpness.take(row) * effect)

    def opinion(self, row: Ints, item: Ints) -> Floats:
        """Return what users think of items, on the scale of the data."""
        return np.asarray(self.view.take(item) + self.lean.take(row))


def _dot(left: Singles, right: Singles) -> Floats:
    """Return the inner product of each pair of rows, whatever other pairs there are."""
    return np.asarray(np.einsum("pd,pd->p", left, right), dtype=np.float64)


@dataclass(frozen=True)
class Learned:
    """Both fitted models, and each simulated user's place in them."""

    choice: choice.ChoiceModel
    rating: rating.RatingModel
    users: Schooled | Guessed


def learn(setting: Setting, features: Features, fit_users: int) -> Learned:
    """Fit the population on at most ``fit_users`` keyed users, and condition it on every simulated user."""
    school = _School(setting, features, fit_users)
    invented = not len(setting.source_user) or bool((setting.source_user < 0).all())
    return Learned(school.choice, school.rating, school.guessed() if invented else school.schooled())


class _School:
    """What is shared while one setting is learned."""

    def __init__(self, setting: Setting, features: Features, fit_users: int) -> None:
        self._setting = setting
        self._matrix = features.matrix
        self._public = shrunk_means(setting.popularity, setting.mean_rating)
        self._then = choice.PopularityThen(setting.history, len(features.matrix))
        everyone = np.unique(setting.history.user_id) if setting.population is None else setting.population
        order = np.argsort(setting.draws.uniform("fit", everyone), kind="stable")
        chosen = everyone[order][:fit_users].tolist()
        sets = {user: self._sets(user) for user in chosen}
        self.choice = choice.fit(list(sets.values()), self._matrix)
        lowest, highest, step = setting.scale
        rated = [own for own in map(self._rated, chosen) if len(own.residual)]
        self.rating = rating.fit(rated, self._matrix.shape[1] + 1, np.arange(lowest, highest + step / 2, step))
        last = max(int(setting.history.user_id.max()), int(setting.source_user.max(initial=-1)))
        self._measured = measure(setting.history, setting.items, setting.popularity, last + 1)
        effects = {user: choice.user_effect(self.choice, own, self._matrix) for user, own in sets.items()}
        self._bridge = _bridge(self._measured, effects)
        self._tastes = setting.personas.traits.tastes_for(self._measured.genres)

    def schooled(self) -> Schooled:
        """Return the simulated users as their own events show them, and invented ones among them as guessed."""
        users = list(enumerate(self._setting.source_user.tolist()))
        effects = np.stack([self._effect(user, source) for user, source in users])
        views = [self._view(user, source) for user, source in users]
        return Schooled(
            features=self._matrix.astype(np.float32),
            theta=(self.choice.mean + self._sharpness()[:, None] * effects).astype(np.float32),
            public=self._public,
            weights=np.stack([view.weights for view in views]).astype(np.float32),
            sd=np.array([view.sd for view in views]),
        )

    def guessed(self) -> Guessed:
        """Return the simulated users as their personas let expect."""
        effect = self._matrix @ self._bridge.T
        lean, sd = self._style(slice(None))
        return Guessed(
            tastes=self._tastes,
            sharpness=self._sharpness(),
            common=self._matrix @ self.choice.mean,
            constant=effect[:, -1],
            reach=np.ascontiguousarray(effect[:, :-1], dtype=np.float32),
            view=self._public + self.rating.mean[0] + self._matrix @ self.rating.mean[1:],
            lean=lean,
            sd=sd,
        )

    def _sharpness(self) -> Floats:
        """Return the factors of taste effects.

        A persona more diverse or conforming than what it was learned from (an invented one: than
        people are on average) has a flatter taste.
        """
        own, source = self._setting.personas.traits, self._setting.source_user
        diversity, conformity = (
            np.where(source < 0, known.mean(), known[source])
            for known in (self._measured.diversity, self._measured.conformity)
        )
        return np.exp(-SHARPNESS * (own.diversity - diversity) - AGREEMENT * (own.conformity - conformity))

    def _effect(self, user: int, source: int) -> Floats:
        """Return how a user's taste differs from the population's."""
        if source < 0:
            return np.asarray(np.append(self._tastes[user], 1.0) @ self._bridge)
        return choice.user_effect(self.choice, self._sets(source), self._matrix)

    def _view(self, user: int, source: int) -> rating.Opinion:
        """Return a user's part in the rating model."""
        if source >= 0:
            return rating.opinion(self.rating, self._rated(source))
        lean, sd = self._style(user)
        weights = self.rating.mean.copy()
        weights[0] += lean
        return rating.Opinion(weights, float(sd))

    def _style(self, users: int | slice) -> tuple[Floats, Floats]:
        """Return how much better invented users think of everything than others do, and the spread of their ratings."""
        own, measured = self._setting.personas.traits, self._measured
        spread = float(np.sqrt(self.rating.noise)) / float(measured.rating_sd.mean())
        return own.rating_mean[users] - measured.rating_mean.mean(), spread * own.rating_sd[users]

    def _sets(self, user: int) -> choice.ChoiceSets:
        return choice.choice_sets(
            self._setting.history, user, self._then, self._setting.popularity, self._setting.draws
        )

    def _rated(self, user: int) -> rating.Rated:
        rows = rows_of(self._setting.history, user)
        item, given = self._setting.history.item_id[rows], self._setting.history.rating[rows]
        item, given = item[np.isfinite(given)], given[np.isfinite(given)]
        public = self._public[item]
        return rating.Rated(np.column_stack([np.ones(len(item)), self._matrix[item]]), public, given - public)


def _bridge(measured: Traits, effects: Mapping[int, Floats]) -> Floats:
    """Return the (genres + 1, d) ridge regression that predicts taste effects from tastes."""
    users: Ints = np.array(sorted(effects), dtype=np.int64)
    tastes = np.column_stack([measured.tastes[users], np.ones(len(users))])
    wanted = np.stack([effects[user] for user in users.tolist()])
    gram = tastes.T @ tastes + RIDGE * np.diag([*np.full(tastes.shape[1] - 1, 0.1), 1e-3])
    return np.asarray(np.linalg.solve(gram, tastes.T @ wanted))

"""From a setting to fitted users: the population is learned from real users, then lends to each simulated one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from agents import choice, rating, selection
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
    """(n, 1 + d), a constant first, and the weight of having chosen last where selection is corrected for"""
    sd: Floats
    keen: Floats
    """(n,) factor of the whole utility"""
    fame: Floats
    """(items,) pull of popularity at time 0"""
    level: Floats
    """(n,) utility of what is taken once on average"""
    sharpness: Floats
    reach: Singles
    """As of ``Guessed``: by these, tastes that moved change what users take."""

    def taste(self, row: Ints, item: Ints, moved: Singles | None = None) -> Floats:
        """Return theta . x of pairs of users (as rows) and items; ``moved`` (pairs, genres) by how far tastes moved."""
        own = _dot(self.theta.take(row, axis=0), self.features.take(item, axis=0))
        return own if moved is None else own + self.sharpness.take(row) * _dot(moved, self.reach.take(item, axis=0))

    def opinion(self, row: Ints, item: Ints) -> Floats:
        """Return what users think of items they took, on the scale of the data."""
        weights, last = self.weights.take(row, axis=0), 1 + self.features.shape[1]
        view = self.public.take(item) + weights[:, 0] + _dot(weights[:, 1:last], self.features.take(item, axis=0))
        if weights.shape[1] == last:
            return view
        utility = self.keen.take(row) * (self.taste(row, item) + self.fame.take(item))
        return view + weights[:, last] * selection.mills(utility, self.level.take(row))


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
    keen: Floats
    """(n,) factor of the whole utility"""

    def taste(self, row: Ints, item: Ints, moved: Singles | None = None) -> Floats:
        """Return theta . x of pairs of users (as rows) and items; ``moved`` (pairs, genres) by how far tastes moved."""
        tastes = self.tastes.take(row, axis=0)
        tastes = tastes if moved is None else tastes + moved
        effect = _dot(tastes, self.reach.take(item, axis=0)) + self.constant.take(item)
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


def learn(setting: Setting, features: Features, fit_users: int, correct: bool = True) -> Learned:
    """Fit the population on at most ``fit_users`` keyed users, and condition it on every simulated user.

    With ``correct`` ratings are corrected for selection: having taken an item against expectation
    speaks for liking it. What one behavior asked for of a setting is there for the next.
    """
    asked = blake2b(features.matrix.tobytes(), key=f"{fit_users} {correct}".encode()).digest()
    if asked not in setting.learned:
        setting.learned[asked] = _learn(setting, features, fit_users, correct)
    learned: Learned = setting.learned[asked]
    return learned


def _learn(setting: Setting, features: Features, fit_users: int, correct: bool) -> Learned:
    school = _School(setting, features, fit_users, correct)
    invented = not len(setting.source_user) or bool((setting.source_user < 0).all())
    return Learned(school.choice, school.rating, school.guessed() if invented else school.schooled())


class _School:
    """What is shared while one setting is learned."""

    def __init__(self, setting: Setting, features: Features, fit_users: int, correct: bool) -> None:
        self._setting = setting
        self._correct = correct
        self._matrix = features.matrix
        self._public = shrunk_means(setting.popularity, setting.mean_rating)
        self._then = choice.PopularityThen(setting.history, len(features.matrix))
        everyone = np.unique(setting.history.user_id) if setting.population is None else setting.population
        order = np.argsort(setting.draws.uniform("fit", everyone), kind="stable")
        chosen = everyone[order][:fit_users].tolist()
        last = max(int(setting.history.user_id.max()), int(setting.source_user.max(initial=-1)))
        self._measured = measure(setting.history, setting.items, setting.popularity, last + 1)
        before = {user: self._sets(user, (0.0, choice.BEFORE)) for user in chosen}
        after = [self._sets(user, (choice.BEFORE, 1.0)) for user in chosen]
        self.choice = choice.fit(list(before.values()), after, self._measured.activity[chosen], self._matrix)
        effects = {user: self._deviation(own) for user, own in before.items()}
        self._bridge = _bridge(self._measured, effects)
        self._fame = self.choice.beta * np.log1p(setting.popularity)
        lowest, highest, step = setting.scale
        rated = [self._rated(user, self._place(self.choice.mean + effects[user], user)) for user in chosen]
        rated = [own for own in rated if len(own.residual)]
        width = self._matrix.shape[1] + 1 + correct
        self.rating = rating.fit(rated, width, np.arange(lowest, highest + step / 2, step))
        self._typical = _mean([own.features[:, -1] for own in rated]) if correct else 0.0
        self._tastes = setting.personas.traits.tastes_for(self._measured.genres)

    def schooled(self) -> Schooled:
        """Return the simulated users as their own events show them, and invented ones among them as guessed."""
        users, keen = list(enumerate(self._setting.source_user.tolist())), self._keen()
        effects = np.stack([self._effect(user, source) for user, source in users])
        sharpness = self._sharpness()
        theta = self.choice.mean + sharpness[:, None] * effects
        places = [self._place(theta[user], source, float(keen[user])) for user, source in users]
        views = [self._view(user, source, place) for (user, source), place in zip(users, places, strict=True)]
        return Schooled(
            features=self._matrix.astype(np.float32),
            theta=theta.astype(np.float32),
            public=self._public,
            weights=np.stack([view.weights for view in views]).astype(np.float32),
            sd=np.array([view.sd for view in views]),
            keen=keen,
            fame=self._fame,
            level=np.array([place.level for place in places]),
            sharpness=sharpness,
            reach=self._reach()[0],
        )

    def guessed(self) -> Guessed:
        """Return the simulated users as their personas let expect."""
        reach, constant = self._reach()
        lean, sd = self._style(slice(None))
        return Guessed(
            tastes=self._tastes,
            sharpness=self._sharpness(),
            common=self._matrix @ self.choice.mean,
            constant=constant,
            reach=reach,
            view=self._view_of_all(),
            lean=lean,
            sd=sd,
            keen=self._keen(),
        )

    def _reach(self) -> tuple[Singles, Floats]:
        """Return (items, genres) what each genre's taste makes of an item, and (items,) what the lack of any does."""
        effect = self._matrix @ self._bridge.T
        return np.ascontiguousarray(effect[:, :-1], dtype=np.float32), effect[:, -1]

    def _view_of_all(self) -> Floats:
        """Return what the population thinks of items it took, each as unexpectedly as items are on average."""
        mean, width = self.rating.mean, self._matrix.shape[1]
        chosen = mean[-1] * self._typical if self._correct else 0.0
        return np.asarray(self._public + mean[0] + self._matrix @ mean[1 : 1 + width] + chosen)

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

    def _keen(self) -> Floats:
        """Return how sharply users choose: those who take much less so."""
        return np.asarray(self._setting.personas.traits.activity**-self.choice.satiety)

    def _effect(self, user: int, source: int) -> Floats:
        """Return how a user's taste differs from the population's."""
        if source < 0:
            return np.asarray(np.append(self._tastes[user], 1.0) @ self._bridge)
        return self._deviation(self._sets(source))

    def _deviation(self, own: choice.ChoiceSets) -> Floats:
        """Return how a user's taste differs from the population's, as far as it tells what comes next."""
        return self.choice.trust * choice.user_effect(self.choice, own, self._matrix)

    def _view(self, user: int, source: int, place: "_Place") -> rating.Opinion:
        """Return a user's part in the rating model."""
        if source >= 0:
            return rating.opinion(self.rating, self._rated(source, place))
        lean, sd = self._style(user)
        weights = self.rating.mean.copy()
        weights[0] += lean
        if self._correct:  # as in _view_of_all: what an invented user takes, it takes as unexpectedly as people do
            weights[0] += weights[-1] * self._typical
            weights[-1] = 0.0
        return rating.Opinion(weights, float(sd))

    def _style(self, users: int | slice) -> tuple[Floats, Floats]:
        """Return how much better invented users think of everything than others do, and the spread of their ratings."""
        own, measured = self._setting.personas.traits, self._measured
        spread = float(np.sqrt(self.rating.noise)) / float(measured.rating_sd.mean())
        return own.rating_mean[users] - measured.rating_mean.mean(), spread * own.rating_sd[users]

    def _sets(self, user: int, part: tuple[float, float] = (0.0, 1.0)) -> choice.ChoiceSets:
        setting = self._setting
        return choice.choice_sets(setting.history, user, self._then, setting.popularity, setting.draws, part)

    def _place(self, theta: Floats, source: int, keen: float | None = None) -> "_Place":
        """Return what a user is drawn to, and the level at which it takes an item."""
        if keen is None:
            keen = float(self._measured.activity[source]) ** -self.choice.satiety
        utility = keen * (self._matrix @ theta + self._fame)
        rows = rows_of(self._setting.history, source)
        taken = (
            rows.stop - rows.start if source >= 0 else len(self._setting.history.user_id) / len(self._measured.activity)
        )
        return _Place(utility, float(selection.level(utility[None], np.array([taken]))[0]))

    def _rated(self, user: int, place: "_Place") -> rating.Rated:
        rows = rows_of(self._setting.history, user)
        item, given = self._setting.history.item_id[rows], self._setting.history.rating[rows]
        item, given = item[np.isfinite(given)], given[np.isfinite(given)]
        public, columns = self._public[item], [np.ones(len(item)), self._matrix[item]]
        if self._correct:
            columns.append(selection.mills(place.utility[item], np.full(len(item), place.level)))
        return rating.Rated(np.column_stack(columns), public, given - public)


@dataclass(frozen=True)
class _Place:
    """What one user is drawn to: utilities (items,) at time 0, and the level at which one is taken once."""

    utility: Floats
    level: float


def _mean(parts: Sequence[Floats]) -> float:
    return float(np.concatenate(parts).mean()) if parts else 0.0


def _bridge(measured: Traits, effects: Mapping[int, Floats]) -> Floats:
    """Return the (genres + 1, d) ridge regression that predicts taste effects from tastes."""
    users: Ints = np.array(sorted(effects), dtype=np.int64)
    tastes = np.column_stack([measured.tastes[users], np.ones(len(users))])
    wanted = np.stack([effects[user] for user in users.tolist()])
    gram = tastes.T @ tastes + RIDGE * np.diag([*np.full(tastes.shape[1] - 1, 0.1), 1e-3])
    return np.asarray(np.linalg.solve(gram, tastes.T @ wanted))

"""From a setting to fitted users: the population is learned from real users, then lends to each simulated one."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from agents import choice, rating
from agents.features import Features, shrunk_means
from agents.persona import Traits, measure, rows_of
from agents.schema import Floats, Ints, Persona, Setting

SHARPNESS = 0.5
"""How much one bit of diversity more than the history shows flattens taste (log scale)."""
AGREEMENT = 2.0
"""How much conformity beyond what the history shows flattens taste (log scale, per unit)."""
RIDGE = 10.0
"""Pseudo-users in the regression of taste effects on tastes."""


@dataclass(frozen=True)
class Learned:
    """Both fitted models, and each simulated user's place in them (rows by user id)."""

    choice: choice.ChoiceModel
    rating: rating.RatingModel
    theta: Floats
    """(users, d)"""
    opinion: Floats
    """(users, 1 + d), a constant first"""
    sd: Floats


def learn(setting: Setting, features: Features, fit_users: int) -> Learned:
    """Fit the population on at most ``fit_users`` keyed users, and condition it on every simulated user."""
    school = _School(setting, features, fit_users)
    users = list(zip(setting.personas, setting.source_user.tolist(), strict=True))
    views = [school.opinion(persona, source) for persona, source in users]
    return Learned(
        choice=school.choice,
        rating=school.rating,
        theta=np.stack([school.theta(persona, source) for persona, source in users]),
        opinion=np.stack([view.weights for view in views]),
        sd=np.array([view.sd for view in views]),
    )


class _School:
    """What is shared while one setting is learned."""

    def __init__(self, setting: Setting, features: Features, fit_users: int) -> None:
        self._setting = setting
        self._matrix = features.matrix
        self._public = shrunk_means(setting.popularity, setting.mean_rating)
        self._then = choice.PopularityThen(setting.history, len(features.matrix))
        everyone = np.unique(setting.history.user_id)
        order = np.argsort(setting.draws.uniform("fit", everyone), kind="stable")
        chosen = everyone[order][:fit_users].tolist()
        sets = {user: self._sets(user) for user in chosen}
        self.choice = choice.fit(list(sets.values()), self._matrix)
        lowest, highest, step = setting.scale
        rated = [own for own in map(self._rated, chosen) if len(own.residual)]
        self.rating = rating.fit(rated, self._matrix.shape[1] + 1, np.arange(lowest, highest + step / 2, step))
        self._measured = measure(setting.history, setting.items, setting.popularity, int(everyone.max()) + 1)
        effects = {user: choice.user_effect(self.choice, own, self._matrix) for user, own in sets.items()}
        self._bridge = _bridge(self._measured, effects)

    def theta(self, persona: Persona, source: int) -> Floats:
        """Return a user's taste: the population's plus its own effect.

        The effect is learned from the user's events or, for an invented user, predicted from its
        tastes. A persona more diverse or conforming than what it was learned from has a flatter one.
        """
        measured = self._measured
        if 0 <= source < len(measured.diversity):
            effect = choice.user_effect(self.choice, self._sets(source), self._matrix)
            diversity, conformity = measured.diversity[source], measured.conformity[source]
        else:
            tastes = np.array([persona.tastes.get(genre, 0.0) for genre in measured.genres])
            effect = np.append(tastes, 1.0) @ self._bridge
            diversity, conformity = measured.diversity.mean(), measured.conformity.mean()
        departure = SHARPNESS * (persona.diversity - diversity) + AGREEMENT * (persona.conformity - conformity)
        return np.asarray(self.choice.mean + np.exp(-departure) * effect)

    def opinion(self, persona: Persona, source: int) -> rating.Opinion:
        """Return a user's part in the rating model, an invented one's from its rating mean and spread."""
        if 0 <= source < len(self._measured.diversity):
            return rating.opinion(self.rating, self._rated(source))
        weights = self.rating.mean.copy()
        weights[0] += persona.rating_mean - self._measured.rating_mean.mean()
        sd = float(np.sqrt(self.rating.noise)) * persona.rating_sd / float(self._measured.rating_sd.mean())
        return rating.Opinion(weights, sd)

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

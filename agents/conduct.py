"""What every rule shares: reading down a page, keyed chance, dwelling, rating, leaving.

Everything is elementwise and drawn by key, so that a row's outcome depends on nothing but that row:
not on the batch, its order, or its padding. What only matters for items that are read or watched is
drawn for those alone.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit, ndtri

from agents.mood import impatience
from agents.pairs import Pairs
from agents.schema import (
    PAD,
    Action,
    Bools,
    Choices,
    DecidedBy,
    Decisions,
    Draws,
    ExitReason,
    Feedback,
    Floats,
    Pages,
    Setting,
)

Codes = npt.NDArray[np.int8]

TICKS = 1024.0
"""Durations are multiples of 1/TICKS minute."""
GLANCE_MINUTES = 0.125
WATCH_MINUTES = 20.0
DWELL_SPREAD = 0.5
"""Standard deviation of the logarithm of a dwell time."""

CLEARLY = 0.5
"""Standard deviations of a user's ratings, from its own mean, at which it clearly likes or dislikes something."""

_SKIP, _WATCH, _UNSEEN = (np.int8(code) for code in (Action.SKIP, Action.WATCH, Action.UNSEEN))
_STAYED, _END_OF_LIST = np.int8(ExitReason.STAYED), np.int8(ExitReason.END_OF_LIST)
_WHY = np.array([ExitReason.SATISFIED, ExitReason.TIRED, ExitReason.BORED, ExitReason.STAYED], dtype=np.int8)
"""Exit reasons by the number of causes, of three, that a page was survived of."""


@dataclass(frozen=True)
class Conduct:
    """The declared assumptions, applied to pages of users whose traits are columns by user id."""

    choices: Choices
    draws: Draws
    scale: tuple[float, float, float]
    slate_size: int
    hazard: Floats
    """Chance that a rested, satisfied user has seen enough after a page."""
    attention: Floats
    conformity: Floats
    rating_mean: Floats
    rating_sd: Floats

    @classmethod
    def of(cls, setting: Setting) -> "Conduct":
        """Return the conduct of a setting's users."""
        own = setting.personas.traits
        return cls(
            choices=setting.choices,
            draws=setting.draws,
            scale=setting.scale,
            slate_size=setting.slate_size,
            hazard=1.0 / (setting.choices.patience * np.sqrt(own.activity)),
            attention=own.attention,
            conformity=own.conformity,
            rating_mean=own.rating_mean,
            rating_sd=own.rating_sd,
        )

    def read(self, pages: Pages) -> Bools:
        """Tell (B, K) which items are read: one draw per page against examination^(position - 1)."""
        reach = self.choices.examination ** np.arange(pages.item_id.shape[1])
        stop = self.draws.uniform("examine", pages.user_id, pages.decision)
        return np.asarray((stop[:, None] < reach) & (pages.item_id != PAD))

    def seen(self, pages: Pages) -> Pairs:
        """Return what is read as pairs."""
        return Pairs.of(pages, self.read(pages))

    def takes(self, seen: Pairs, probability: Floats) -> Bools:
        """Tell, per pair, whether the user watches, with the probability of watching at the first reading.

        Each earlier exposure multiplies it by eta; what friends told of it adds to its log odds. The chance is
        a Gaussian copula: a share pi of its variance belongs to (user, item) for good, the rest to this decision.
        Users who cannot skip watch all they read, users who cannot watch nothing.
        """
        if not {"watch", "skip"} <= self.choices.able:
            return np.full(len(seen.cell), "watch" in self.choices.able)
        probability = self._urged(seen, probability)
        lasting = self.draws.normal("taste", seen.user_id, seen.item_id)
        passing = self.draws.normal("watch", seen.user_id, seen.item_id, seen.decision)
        noise = np.sqrt(self.choices.pi) * lasting + np.sqrt(1.0 - self.choices.pi) * passing
        return np.asarray(noise < ndtri(probability * self.choices.eta**seen.exposures))

    def whim(self, pages: Pages) -> Floats:
        """Return (B, K) Gumbel noise, which added to utilities makes the choice of most a multinomial logit."""
        draw = self.draws.uniform("choice", pages.user_id[:, None], pages.item_id, pages.decision[:, None])
        return np.asarray(-np.log(-np.log(draw + 2.0**-54)))

    def choose(self, pages: Pages, utility: Floats, by: DecidedBy) -> Decisions:
        """Return the decisions of users who take the item of most utility, the first of equals, of all they read.

        ``utility`` is (B, K), -inf for what is not read. Users who cannot skip read nothing but what they take.
        """
        best = np.argmax(utility, axis=1)
        read = utility > -np.inf
        taken = read & (np.arange(utility.shape[1]) == best[:, None]) & ("watch" in self.choices.able)
        seen = Pairs.of(pages, read if "skip" in self.choices.able else taken)
        watched = taken.ravel().take(seen.cell)
        rating = self.rate(seen.only(watched), np.zeros(np.count_nonzero(watched)))
        return self.decisions(pages, seen, watched, rating, by)

    def _urged(self, seen: Pairs, probability: Floats) -> Floats:
        """Return the probabilities with what friends told counted in, as far as users conform."""
        if seen.told is None or not seen.told.any():
            return probability
        urge = self.choices.influence * self.conformity.take(seen.user_id) * np.log1p(seen.told)
        return np.where(seen.told > 0, expit(logit(probability) + urge), probability)

    def rate(self, watched: Pairs, liking: Floats) -> Floats:
        """Return ratings on the scale, per pair: the user's mean and spread, shifted by ``liking`` spreads."""
        lowest, highest, step = self.scale
        noise = self.draws.normal("rating", watched.user_id, watched.item_id)
        wanted = self.rating_mean.take(watched.user_id) + self.rating_sd.take(watched.user_id) * (liking + noise)
        return np.asarray(np.clip(lowest + step * np.rint((wanted - lowest) / step), lowest, highest))

    def outcome(
        self, pages: Pages, read: Bools, takes: Bools, rating: Floats, by: DecidedBy, feedback: Codes | None = None
    ) -> Decisions:
        """Return the decisions that follow from what is read and what would be watched if read, all (B, K)."""
        seen = Pairs.of(pages, read)
        watched = takes.ravel().take(seen.cell)
        cell = seen.cell[watched]
        said = None if feedback is None else feedback.ravel().take(cell)
        return self.decisions(pages, seen, watched, rating.ravel().take(cell), by, said)

    def decisions(
        self, pages: Pages, seen: Pairs, watched: Bools, rating: Floats, by: DecidedBy, said: Codes | None = None
    ) -> Decisions:
        """Return the decisions of users who watch some pairs of what they have seen.

        ``rating`` is what they think of those alone, and ``said`` their likes and dislikes where they spoke for
        themselves.
        """
        shape = pages.item_id.shape
        action, given, dwell = np.full(shape, _UNSEEN), np.full(shape, np.nan), np.zeros(shape)
        action.put(seen.cell, np.where(watched, _WATCH, _SKIP))
        given.put(seen.cell[watched], self._told_ratings(seen.only(watched), rating))
        dwell.put(seen.cell, self._dwell(seen, watched))
        decided_by = np.full(len(action), by, dtype=np.int8)
        feedback = None
        if self.choices.able & {"like", "dislike"}:
            feedback = np.full(shape, np.int8(Feedback.NONE))
            taken = seen.only(watched)
            feedback.put(taken.cell, self._feedback(taken, rating) if said is None else said)
        return Decisions(action, given, dwell, self.leave(pages), decided_by, feedback)

    def _feedback(self, watched: Pairs, rating: Floats) -> Codes:
        """Return the likes and dislikes that users take the trouble to give.

        Of what they would rate CLEARLY above, or below, their own mean; ``rating`` is what they would give.
        """
        own = watched.user_id
        felt = (rating - self.rating_mean.take(own)) / np.maximum(self.rating_sd.take(own), 1e-9)
        likes, dislikes = (
            clearly & (word in self.choices.able)
            for word, clearly in (("like", felt >= CLEARLY), ("dislike", felt <= -CLEARLY))
        )
        bothers = self.draws.uniform("votes", own, watched.item_id, watched.decision) < self.choices.vote
        voted = Feedback.LIKE * (bothers & likes) + Feedback.DISLIKE * (bothers & dislikes)
        return np.asarray(voted, dtype=np.int8)

    def _told_ratings(self, watched: Pairs, rating: Floats) -> Floats:
        """Return the ratings that users take the trouble to give, NaN for the others."""
        if "rate" not in self.choices.able:
            return np.full(len(rating), np.nan)
        if self.choices.rate >= 1.0:
            return rating
        lazy = self.draws.uniform("rates", watched.user_id, watched.item_id, watched.decision) >= self.choices.rate
        return np.where(lazy, np.nan, rating)

    def leave(self, pages: Pages) -> Codes:
        """Return why each user leaves after the page, or STAYED.

        Three causes compete, with hazards a, a x fatigue and a x (1 - satisfaction) x impatience (1 at
        neutral trust), where 1 / a = patience x activity^(1/2) pages: enough seen, tired, bored. One draw
        decides whether and which. A list shorter than the slate size has come to its end.
        """
        if "leave" not in self.choices.able:
            return self.at_the_end(pages, np.full(len(pages.user_id), _STAYED))
        base = self.hazard.take(pages.user_id)
        tired = base + base * pages.fatigue
        boredom = base * (1.0 - pages.satisfaction)
        bored = tired + (boredom if pages.trust is None else boredom * impatience(pages.trust))
        draw = self.draws.uniform("leave", pages.user_id, pages.decision)
        survived = (draw >= base).view(np.int8) + (draw >= tired).view(np.int8) + (draw >= bored).view(np.int8)
        return self.at_the_end(pages, _WHY.take(survived))

    def at_the_end(self, pages: Pages, exit_reason: Codes) -> Codes:
        """Return the exit reasons, with END_OF_LIST for who would stay but has seen a short, hence last, slate."""
        ended = np.count_nonzero(pages.item_id != PAD, axis=1) < self.slate_size
        return np.where(ended & (exit_reason == _STAYED), _END_OF_LIST, exit_reason)

    def _dwell(self, seen: Pairs, watched: Bools) -> Floats:
        """Return minutes per pair: log-normal around a glance or a viewing, shorter where time is dear."""
        noise = self.draws.normal("dwell", seen.user_id, seen.item_id, seen.decision)
        typical = np.where(watched, WATCH_MINUTES, GLANCE_MINUTES) / self.attention.take(seen.user_id)
        return np.ceil(typical * np.exp(DWELL_SPREAD * noise) * TICKS) / TICKS

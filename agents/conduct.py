"""What every rule shares: reading down a page, keyed chance, dwelling, rating, leaving.

Everything is elementwise per row and drawn by key, so that a row's outcome depends on nothing but
that row: not on the batch, its order, or its padding.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from agents.schema import (
    PAD,
    Action,
    Bools,
    Choices,
    DecidedBy,
    Decisions,
    Draws,
    ExitReason,
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


@dataclass(frozen=True)
class Conduct:
    """The declared assumptions, applied to pages of users whose traits are columns by user id."""

    choices: Choices
    draws: Draws
    scale: tuple[float, float, float]
    slate_size: int
    activity: Floats
    attention: Floats
    rating_mean: Floats
    rating_sd: Floats

    @classmethod
    def of(cls, setting: Setting) -> "Conduct":
        """Return the conduct of a setting's users."""
        traits = {
            name: np.array([getattr(persona, name) for persona in setting.personas], dtype=np.float64)
            for name in ("activity", "attention", "rating_mean", "rating_sd")
        }
        return cls(setting.choices, setting.draws, setting.scale, setting.slate_size, **traits)

    def read(self, pages: Pages) -> Bools:
        """Tell (B, K) which items are read: one draw per page against examination^(position - 1)."""
        reach = np.cumprod(np.full(pages.item_id.shape[1], self.choices.examination)) / self.choices.examination
        stop = self.draws.uniform("examine", pages.user_id, pages.decision)
        return np.asarray((stop[:, None] < reach) & (pages.item_id != PAD))

    def takes(self, pages: Pages, probability: Floats) -> Bools:
        """Tell (B, K) which items would be watched if read.

        Each earlier exposure multiplies the probability by eta. The chance is a Gaussian copula:
        a share pi of its variance belongs to (user, item) for good, the rest to this decision.
        """
        chance = probability * self.choices.eta**pages.exposures
        return np.asarray(self.noise(pages) < ndtri(chance))

    def noise(self, pages: Pages) -> Floats:
        """Return (B, K) standard normals, persistent per (user, item) by the share pi."""
        user, decision = pages.user_id[:, None], pages.decision[:, None]
        lasting = self.draws.normal("taste", user, pages.item_id)
        passing = self.draws.normal("watch", user, pages.item_id, decision)
        return np.asarray(np.sqrt(self.choices.pi) * lasting + np.sqrt(1.0 - self.choices.pi) * passing)

    def rate(self, pages: Pages, liking: Floats) -> Floats:
        """Return (B, K) ratings on the scale: the user's mean and spread, shifted by ``liking`` spreads."""
        lowest, highest, step = self.scale
        mean, sd = self.rating_mean[pages.user_id][:, None], self.rating_sd[pages.user_id][:, None]
        wanted = mean + sd * (liking + self.draws.normal("rating", pages.user_id[:, None], pages.item_id))
        return np.asarray(np.clip(lowest + step * np.rint((wanted - lowest) / step), lowest, highest))

    def outcome(self, pages: Pages, read: Bools, takes: Bools, rating: Floats, by: DecidedBy) -> Decisions:
        """Return the decisions that follow from what is read and what would be watched if read."""
        watched = read & takes
        action = np.where(watched, Action.WATCH, np.where(read, Action.SKIP, Action.UNSEEN)).astype(np.int8)
        return Decisions(
            action=action,
            rating=np.where(watched, rating, np.nan),
            dwell=self._dwell(pages, read, watched),
            exit_reason=self.leave(pages),
            decided_by=np.full(len(action), by, dtype=np.int8),
        )

    def leave(self, pages: Pages) -> Codes:
        """Return why each user leaves after the page, or STAYED.

        Three causes compete, with hazards a, a x fatigue and a x (1 - satisfaction), where
        1 / a = patience x activity^(1/2) pages: enough seen, tired, bored. One draw decides whether
        and which. A list shorter than the slate size has come to its end.
        """
        base = 1.0 / (self.choices.patience * np.sqrt(self.activity[pages.user_id]))
        tired = base + base * pages.fatigue
        bored = tired + base * (1.0 - pages.satisfaction)
        draw = self.draws.uniform("leave", pages.user_id, pages.decision)
        causes = [draw < base, draw < tired, draw < bored]
        reasons = [ExitReason.SATISFIED, ExitReason.TIRED, ExitReason.BORED]
        left = np.select(causes, reasons, ExitReason.STAYED)
        return self.at_the_end(pages, left.astype(np.int8))

    def at_the_end(self, pages: Pages, exit_reason: Codes) -> Codes:
        """Return the exit reasons, with END_OF_LIST for who would stay but has seen a short, hence last, slate."""
        ended = (pages.item_id != PAD).sum(axis=1) < self.slate_size
        return np.where((exit_reason == ExitReason.STAYED) & ended, ExitReason.END_OF_LIST, exit_reason).astype(np.int8)

    def _dwell(self, pages: Pages, read: Bools, watched: Bools) -> Floats:
        """Return (B, K) minutes: log-normal around a glance or a viewing, shorter where time is dear."""
        spread = np.exp(
            DWELL_SPREAD * self.draws.normal("dwell", pages.user_id[:, None], pages.item_id, pages.decision[:, None])
        )
        typical = np.where(watched, WATCH_MINUTES, GLANCE_MINUTES) / self.attention[pages.user_id][:, None]
        return np.where(read, np.ceil(typical * spread * TICKS) / TICKS, 0.0)

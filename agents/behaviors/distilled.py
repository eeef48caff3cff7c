"""Users who choose as language-model users of a recorded run chose, without asking anybody."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy.special import expit

from agents.asking.scored import Scored
from agents.behaviors.base import Behavior, Talked
from agents.behaviors.calibrated import Calibrated
from agents.behaviors.llm import Decide, Llm
from agents.distillation import Correction, divergence, fit, read
from agents.errors import InvalidInput
from agents.interval import interval
from agents.match import Match
from agents.pairs import Pairs
from agents.schema import Action, Bools, DecidedBy, Decisions, Floats, Pages, Setting


@dataclass
class Distilled(Behavior):
    """Let a recorded run's language-model users stand for many, and keep asking a few to see how well they do.

    The student is the calibrated choice model with a correction, a regularized logistic regression of
    the recorded choices on what page, item and persona show. Ratings and leaving are the calibrated ones.
    journal: folder of a finished run of the same data, personas and seed with users of kind llm.
    shadow: share of the users who go on asking the language model; the report tells how the two differ.
    model: name of the llm entry that those ask; may be left out where shadow is 0.
    decide: how they ask, as in kind llm.
    """

    journal: Path
    shadow: float = 0.02
    model: str = ""
    decide: Decide = "auto"
    _student: "_Student" = field(init=False, repr=False)
    _shares: tuple[tuple[Behavior, float], ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.shadow < 1:
            raise InvalidInput(f"shadow: {self.shadow} is not a share from 0 to below 1")
        if self.shadow and not self.model:
            raise InvalidInput("model: name the llm entry that the shadow share asks, or set shadow: 0")
        self._student = _Student(journal=self.journal)
        self._shares = ((self._student, self.share * (1.0 - self.shadow)),)
        if self.shadow:
            shadow = _Shadow(model=self.model, decide=self.decide, fallback=self._student)
            self._shares += ((shadow, self.share * self.shadow),)

    def shares(self) -> Sequence[tuple[Behavior, float]]:
        """Return the student, and the shadow that asks and compares."""
        return self._shares

    def prepare(self, setting: Setting) -> None:
        """Learn from the recorded run."""
        self._student.prepare(setting)

    def respond(self, pages: Pages) -> Decisions:
        """Answer as the student."""
        return self._student.respond(pages)


@dataclass
class _Student(Calibrated):
    """The calibrated choice model with a correction learned from a language model's choices.

    journal: the recorded run's folder.
    """

    journal: Path = Path()
    _setting: Setting | None = field(init=False, repr=False, default=None)
    _match: Match = field(init=False, repr=False)
    _content: Floats = field(init=False, repr=False)
    _correction: Correction = field(init=False, repr=False)
    _learned_from: tuple[int, int] = field(init=False, repr=False)

    def prepare(self, setting: Setting) -> None:
        """Fit the calibrated model, then the correction; once, though shadows prepare their fallback too."""
        if self._setting is setting:
            return
        super().prepare(setting)
        self._setting, self._match = setting, Match.of(setting)
        self._content = self.describe(setting).matrix
        recorded = read(self.journal, setting)
        odds = self._base + self._pull(recorded.pairs)
        self._correction = fit(self._features(recorded.pairs, odds), odds, recorded.watched)
        self._learned_from = len(np.unique(recorded.pairs.user_id)), len(recorded.watched)

    def respond(self, pages: Pages) -> Decisions:
        """Choose by the corrected model."""
        seen = self._conduct.seen(pages)
        watched = self._conduct.takes(seen, self.expected(seen))
        return self._conduct.decisions(pages, seen, watched, self._rate(seen.only(watched)), DecidedBy.DISTILLED)

    def expected(self, pairs: Pairs) -> Floats:
        """Return P(watch | read, never shown before) per pair."""
        odds = self._base + self._pull(pairs)
        return np.asarray(expit(odds + self._correction(self._features(pairs, odds))))

    def untaught(self, pairs: Pairs) -> Floats:
        """Return what the calibrated model says in its place."""
        return np.asarray(expit(self._base + self._pull(pairs)))

    def _features(self, pairs: Pairs, odds: Floats) -> Floats:
        """Return what the correction may depend on: item, persona, their match, and the place on the page."""
        assert self._setting is not None
        own = self._setting.personas.traits
        fame, match = np.log1p(pairs.popularity), self._match(pairs)
        user = [
            getattr(own, name).take(pairs.user_id) for name in ("activity", "conformity", "diversity", "rating_mean")
        ]
        mainstream = own.mainstreaminess.take(pairs.user_id) * fame
        place = pairs.cell % self._setting.slate_size
        content = self._content.take(pairs.item_id, axis=0)
        return np.column_stack([odds, fame, match, match * fame, mainstream, place, *user, content])

    def assumptions(self) -> dict[str, float | str]:
        """Return what was fitted, and on how much."""
        users, choices = self._learned_from
        taught: dict[str, float | str] = {
            "journal": str(self.journal),
            "journal_users": float(users),
            "journal_choices": float(choices),
        }
        return super().assumptions() | taught


@dataclass
class _Shadow(Llm):
    """Ask the language model, live by its answers, and note what the student would have done at first readings.

    fallback: the student.
    """

    _noted: dict[tuple[int, int], Floats] = field(init=False, repr=False, default_factory=dict)

    def conclude(self, pages: Pages, ends: Sequence[Talked]) -> Decisions:
        """Decide by the language model, and compare."""
        decisions = super().conclude(pages, ends)
        own = np.isin(decisions.decided_by, (DecidedBy.LLM, DecidedBy.REPAIRED))
        read = self._conduct.read(pages) & own[:, None] & (pages.exposures == 0)
        pairs = Pairs.of(pages, read)
        wanted = self._wanted(pages, ends, decisions)[read]
        kl = [divergence(wanted, model(pairs)) for model in (self._by_student.expected, self._by_student.untaught)]
        student = self._by_student.respond(pages).action[read] == Action.WATCH
        watched = decisions.action[read] == Action.WATCH
        rows = np.column_stack([*kl, watched == student, watched, student])
        for row in np.unique(pairs.page).tolist():
            key = int(pages.user_id[row]), int(pages.decision[row])
            self._noted[key] = rows[pairs.page == row]
        return decisions

    @property
    def _by_student(self) -> _Student:
        assert isinstance(self.fallback, _Student)
        return self.fallback

    def _wanted(self, pages: Pages, ends: Sequence[Talked], decisions: Decisions) -> Floats:
        """Return the language model's P(watch) (B, K): the calibrated scores, or 0 and 1 where it only chose."""
        wanted = np.asarray(decisions.action == Action.WATCH, dtype=np.float64)
        scored: Bools = np.array([isinstance(end.content, Scored) for end in ends])
        if scored.any():
            extra, cells = np.zeros(pages.item_id.shape), self._conduct.read(pages) & scored[:, None]
            values = [np.array(end.content.values) for end in ends if isinstance(end.content, Scored)]
            extra[cells] = self._gauge.extra(np.concatenate(values))
            wanted[cells] = self._calibrated.probability(pages, extra, self._base)[cells]
        return wanted

    def assumptions(self) -> dict[str, float | str]:
        """Return how the model is asked, and how the student differs from it, with intervals over users."""
        return super().assumptions() | self._compared()

    def _compared(self) -> dict[str, float | str]:
        """Return divergence and agreement, each the mean over users of a mean over what they read."""
        users: dict[int, list[Floats]] = {}
        for key in sorted(self._noted):
            users.setdefault(key[0], []).append(self._noted[key])
        means = np.array([np.concatenate(rows).mean(axis=0) for rows in users.values()]).reshape(-1, 5)
        kl, untaught, agreement, by_model, by_student = (interval(column) for column in means.T)
        p, q = by_model["value"], by_student["value"]
        found: dict[str, float | str] = {
            "shadow_users": float(len(means)),
            "shadow_agreement_by_chance": p * q + (1.0 - p) * (1.0 - q),
            "shadow_watch_rate": p,
            "shadow_watch_rate_distilled": q,
        }
        for name, figure in (("kl", kl), ("kl_of_calibrated", untaught), ("agreement", agreement)):
            found |= {f"shadow_{name}": figure["value"], f"shadow_{name}_low": figure["low"]}
            found[f"shadow_{name}_high"] = figure["high"]
        return found

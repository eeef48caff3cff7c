"""Users played by a language model."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from agents.asking import gauge, labels, likelihood, likeness, structured
from agents.asking.gauge import Gauge
from agents.asking.likeness import Reading
from agents.asking.scored import Scored
from agents.behaviors.base import Behavior, Talked, TalkingBehavior
from agents.behaviors.calibrated import SLATES, Calibrated
from agents.conduct import Conduct
from agents.drift import lately
from agents.errors import InvalidInput
from agents.llm.base import Answer, Kind, Prompt
from agents.pages import join, take
from agents.personas.from_history import FromHistory
from agents.schema import (
    PAD,
    DecidedBy,
    Decisions,
    Floats,
    Item,
    Observation,
    Pages,
    Persona,
    Setting,
)
from agents.slates import popular_slates, real_choices
from agents.template import load
from agents.traits import genre_matrix

Way = Literal["structured", "likeness", "likelihood", "labels"]
NEEDS: dict[Way, Kind] = {
    "structured": "structured",
    "likeness": "embedding",
    "likelihood": "likelihood",
    "labels": "labels",
}
"""The kind of prompt each way of asking takes, the most telling first."""
Decide = Literal["auto", "structured", "likeness", "likelihood", "labels"]


@dataclass
class Llm(TalkingBehavior):
    """Ask a language model what the user does with each page.

    model: name of an entry of the scenario's llm section.
    decide: structured asks for JSON; labels and likelihood read one score per item off the model's
    probabilities, likeness off how it reads titles, and these enter the calibrated choice model; auto takes
    the first of structured, likeness, likelihood, labels that the model can answer.
    fallback: the behavior that decides where no usable answer comes.
    calibration_slates: real training choices that the weight of scores is fitted on.
    label_mass: probability the letters must have together, else a structured question follows.
    """

    decide: Decide = "auto"
    fallback: Behavior = field(default_factory=Calibrated)
    calibration_slates: int = 16
    label_mass: float = 0.5
    _way: Way = field(init=False, repr=False)
    _repairs: bool = field(init=False, repr=False, default=False)
    _setting: Setting = field(init=False, repr=False)
    _levels: tuple[float, ...] = field(init=False, repr=False)
    _genres: tuple[str, ...] = field(init=False, repr=False)
    _conduct: Conduct = field(init=False, repr=False)
    _calibrated: Calibrated = field(init=False, repr=False)
    _reading: Reading = field(init=False, repr=False)
    _gauge: Gauge = field(init=False, repr=False, default_factory=Gauge)
    _base: float = field(init=False, repr=False)
    _offset: Floats = field(init=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.calibration_slates < 1:
            raise InvalidInput(f"calibration_slates: {self.calibration_slates} is not a positive number")
        if not 0 <= self.label_mass <= 1:
            raise InvalidInput(f"label_mass: {self.label_mass} is not between 0 and 1")
        if isinstance(self.fallback, TalkingBehavior) or len(self.fallback.shares()) > 1:
            raise InvalidInput("fallback: must be one behavior that asks no language model, such as calibrated")
        self._way = "structured" if self.decide == "auto" else self.decide

    def settle(self, kinds: frozenset[Kind]) -> None:
        """Choose the way to ask; low label mass leads to a structured question where that can be answered."""
        able = [way for way, kind in NEEDS.items() if kind in kinds]
        if not able or (self.decide != "auto" and self.decide not in able):
            answers = ", ".join(able) or f"none of {', '.join(NEEDS)}"
            raise InvalidInput(f"decide: {self.decide}, but llm {self.model!r} answers {answers}")
        self._way = able[0] if self.decide == "auto" else self.decide
        self._repairs = "structured" in able

    @property
    def asks_of_pages(self) -> bool:
        """Return whether pages are put to the model: where likeness decides, it has read all titles before."""
        return self._way != "likeness"

    def prepare(self, setting: Setting) -> None:
        """Prepare the fallback and, for scores, the choice model that they enter."""
        if self._way == "labels" and setting.slate_size > 26:
            raise InvalidInput(
                f"decide: labels names items by letters, and recommender.slate_size is {setting.slate_size}"
            )
        if self._way != "structured" and "watch" not in setting.choices.able:
            raise InvalidInput(f"decide: {self._way} asks what a user watches, and users.actions leaves watch out")
        self._setting = setting
        lowest, highest, step = setting.scale
        self._levels = tuple(np.arange(lowest, highest + step / 2, step).tolist())
        self._genres, _ = genre_matrix(setting.items)
        self._conduct = Conduct.of(setting)
        self.fallback.prepare(setting)
        if self._way != "structured":
            self._calibrated = self.fallback if isinstance(self.fallback, Calibrated) else _prepared(setting)
            self._base = self._solve_base(np.zeros(1))

    def respond(self, pages: Pages) -> Decisions:
        """Answer without a model."""
        return self.fallback.respond(pages)

    def assumptions(self) -> dict[str, float | str]:
        """Return how the model is asked, how much its scores count, and the versions of the templates."""
        facts: dict[str, float | str] = {"decide": self._way}
        if self._way != "likeness":
            template = {"structured": structured, "likelihood": likelihood, "labels": labels}[self._way].TEMPLATE
            facts[f"template.{template}"] = float(load(template).version)
        if self._way == "structured":
            return facts
        weight = {"score_weight": self._gauge.coefficient, "score_weight_error": self._gauge.error}
        return facts | weight | {"calibration_slates": float(self._gauge.slates), "b": self._base}

    # -- reading the catalog --------------------------------------------------------------------------

    def reading(self) -> Sequence[Generator[Prompt, Answer, Floats]]:
        """Return one conversation per group of titles, where likeness decides."""
        catalog = self._setting.items
        return [likeness.read(catalog, group) for group in likeness.groups(catalog)] if self._way == "likeness" else ()

    def read(self, outcomes: Sequence[Floats]) -> None:
        """Keep what the model makes of the titles."""
        if outcomes:
            self._reading = Reading.of(np.concatenate(outcomes))

    # -- calibration ----------------------------------------------------------------------------------

    def calibration(self) -> Sequence[Generator[Prompt, Answer, Scored]]:
        """Return one conversation per real training choice to be scored; structured answers have no scores."""
        if self._way == "structured":
            return ()
        setting = self._setting if (self._setting.source_user >= 0).any() else _with_real_users(self._setting)
        calibrated = self._calibrated if setting is self._setting else _prepared(setting)
        choices = real_choices(setting, self.calibration_slates)
        whole = np.flatnonzero((choices.item_id != PAD).all(axis=1))
        self._offset = (calibrated.utility(choices) - np.log1p(choices.popularity))[whole]
        return [
            self._scores(
                setting.personas[int(choices.user_id[row])],
                "",
                [setting.items[item] for item in choices.item_id[row]],
                -1 - int(row),
            )
            for row in whole
        ]

    def calibrate(self, outcomes: Sequence[Scored]) -> None:
        """Fit how much the scores tell of real choices, and the constant that keeps the base rate."""
        rows = [row for row, scored in enumerate(outcomes) if scored.values is not None]
        if not rows:
            return
        scores = np.array([outcomes[row].values for row in rows])
        self._gauge = gauge.fit(scores, self._offset[rows])
        self._base = self._solve_base(self._gauge.standardized(scores[:, 1:]).ravel())

    def _solve_base(self, typical: Floats) -> float:
        """Return the constant that keeps the base rate when scores like ``typical`` (standardized) come in."""
        slates = popular_slates(self._setting, SLATES)
        width = np.arange(slates.item_id.shape[1])
        draw = self._setting.draws.uniform("typical-score", slates.decision[:, None], width)
        return self._calibrated.solve_base(slates, self._gauge.coefficient * typical[(draw * len(typical)).astype(int)])

    # -- conversation ---------------------------------------------------------------------------------

    def converse(
        self, pages: Pages, seen: Sequence[Observation], memories: Sequence[str]
    ) -> Sequence[Generator[Prompt, Answer, Talked]]:
        """Ask about the items each user reads, the first of its page; what lies below stays unseen."""
        counts = self._conduct.read(pages).sum(axis=1).tolist()
        rows = zip(seen, memories, counts, self._personas(pages), strict=True)
        return [self._talk(one, persona, memory, one.items[:count]) for one, memory, count, persona in rows]

    def _personas(self, pages: Pages) -> list[Persona]:
        """Return the persona of each page's user, told how its tastes have moved where they have."""
        personas = [self._setting.personas[user] for user in pages.user_id.tolist()]
        if pages.drift is None:
            return personas
        words = [lately(self._genres, moved) for moved in pages.drift]
        return [replace(one, narrative=one.narrative + told) for one, told in zip(personas, words, strict=True)]

    def _talk(
        self, observation: Observation, persona: Persona, memory: str, items: Sequence[Item]
    ) -> Generator[Prompt, Answer, Talked]:
        """Hold one conversation; its content is scores, or what the model said, or None."""
        friends = observation.friends[: len(items)]
        notes: tuple[str, ...] = ()
        if self._way != "structured":
            scored = yield from self._scores(persona, memory, items, observation.decision, observation.now, friends)
            if scored.values is not None:
                return Talked(scored, scored.call_id, scored.notes)
            notes = scored.notes
            if not self._repairs or notes[-1] != "low_label_mass":
                return Talked(None, scored.call_id, notes)
        mood = _mood(observation)
        able, when = self._setting.choices.able, (observation.decision, observation.now)
        outcome = yield from structured.ask(
            persona, memory, items, self._levels, mood, *when, able=able, friends=friends
        )
        return Talked(outcome if outcome.said else None, outcome.call_id, notes + outcome.notes)

    def _scores(
        self,
        persona: Persona,
        memory: str,
        items: Sequence[Item],
        decision: int,
        now: float = 0.0,
        friends: Sequence[Sequence[str]] = (),
    ) -> Generator[Prompt, Answer, Scored]:
        """Ask for scores; to the likelihood of titles nothing is told of friends: a title named is likely as such."""
        if self._way == "likeness":
            return (yield from likeness.ask(self._reading, persona.history, items, self._setting.items, now))
        if self._way == "likelihood":
            return (yield from likelihood.ask(persona, memory, items, self._setting.items, decision, now))
        draws = self._setting.draws
        return (yield from labels.ask(persona, memory, items, draws, decision, self.label_mass, now, friends=friends))

    # -- conclusion -----------------------------------------------------------------------------------

    def conclude(self, pages: Pages, ends: Sequence[Talked]) -> Decisions:
        """Draw from scores, take what was said at its word, and let the fallback decide the rest, each at once."""
        ways: dict[type, Callable[[Pages, list[Any]], Decisions]] = {
            Scored: self._by_scores,
            structured.Outcome: self._as_said,
            type(None): self._fall_back,
        }
        rows: dict[type, list[int]] = {}
        for row, end in enumerate(ends):
            rows.setdefault(type(end.content), []).append(row)
        parts = [
            ways[kind](take(pages, np.array(those)), [ends[row].content for row in those])
            for kind, those in rows.items()
        ]
        back = np.argsort([row for those in rows.values() for row in those])
        return take(join(parts), back)

    def _by_scores(self, pages: Pages, found: Sequence[Scored]) -> Decisions:
        """Draw from the calibrated distribution, the scores added to the utilities.

        What friends told counts once: in words where the model read them, else by the declared influence.
        """
        if self._way == "labels":
            pages = replace(pages, told=None)
        extra = np.zeros(pages.item_id.shape)
        extra[self._conduct.read(pages)] = self._gauge.extra(np.concatenate([scored.values for scored in found]))
        return self._calibrated.choose(pages, extra, self._base, DecidedBy.LLM)

    def _as_said(self, pages: Pages, found: Sequence[structured.Outcome]) -> Decisions:
        """Return what the model said as decisions."""
        rating, takes = np.full(pages.item_id.shape, np.nan), np.zeros(pages.item_id.shape, dtype=np.bool_)
        feedback, leave = np.zeros(rating.shape, dtype=np.int8), np.zeros(len(found), dtype=np.int8)
        for row, outcome in enumerate(found):
            assert outcome.said is not None
            places = list(outcome.said.watched)
            takes[row, places], rating[row, places] = True, list(outcome.said.watched.values())
            feedback[row, places] = list(outcome.said.feedback.values())
            leave[row] = outcome.said.leave
        read = self._conduct.read(pages)
        decisions = self._conduct.outcome(pages, read, takes, rating, DecidedBy.LLM, feedback)
        repaired = np.array([len(outcome.notes) > 1 for outcome in found])
        return replace(
            decisions,
            exit_reason=self._conduct.at_the_end(pages, leave),
            decided_by=np.where(repaired, DecidedBy.REPAIRED, DecidedBy.LLM).astype(np.int8),
        )

    def _fall_back(self, pages: Pages, found: Sequence[None]) -> Decisions:
        """Let the fallback decide, and say so."""
        decisions = self.fallback.respond(pages)
        return replace(decisions, decided_by=np.full(len(found), DecidedBy.FALLBACK, dtype=np.int8))


def _mood(observation: Observation) -> str:
    """Return fatigue, satisfaction, and trust in the recommender where it is not neutral, in words."""
    energy = "fresh" if observation.fatigue < 0.2 else "a little tired" if observation.fatigue < 0.5 else "tired"
    spirits = "disappointed" if observation.satisfaction < 0.3 else "pleased" if observation.satisfaction > 0.6 else ""
    doubts = "distrust" if observation.trust < 0.3 else "trust" if observation.trust > 0.7 else ""
    mood = f"{energy} and {spirits} with what you have seen" if spirits else energy
    return f"{mood}, and {doubts} what is recommended to you" if doubts else mood


def _prepared(setting: Setting) -> Calibrated:
    calibrated = Calibrated()
    calibrated.prepare(setting)
    return calibrated


def _with_real_users(setting: Setting) -> Setting:
    """Return the setting with as many real users in place of invented ones: only real choices calibrate."""
    everyone = np.unique(setting.history.user_id)
    order = np.argsort(setting.draws.uniform("calibration-user", everyone), kind="stable")
    source = everyone[order][: len(setting.personas)]
    names = tuple(str(user) for user in range(int(everyone.max()) + 1))
    make = FromHistory().make
    personas = make(source, names, setting.history, setting.items, setting.popularity, setting.draws)
    return replace(setting, personas=personas, source_user=source)

"""Users played by a language model: what its scores add to what is public, on choices nobody fitted them to.

Some users of the population are lent to calibration: conditioned, like the judged ones, on their earlier
interactions alone, and asked about later ones. What is public of an item (its count as of the moment, its
mean rating) and the user's own traits are weighed on their answers, once with the model's score and once
without; both are then judged by the choices of the judged users.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from agents.asking import structured
from agents.asking.scored import Scored
from agents.behaviors.base import Talked, TalkingBehavior
from agents.features import shrunk_means
from agents.llm.base import Answer, Prompt
from agents.pages import observations
from agents.persona import Personas
from agents.schema import PAD, Bools, Draws, Floats, Ints, Persona, Setting
from analysis.fidelity import choices
from analysis.fidelity.fold import KNOWN, Fold, only, together
from analysis.fidelity.questions import REACH, Questions, pages

GROUP = 9
"""Uniformly drawn items on a page, beside the taken one and those matched with it."""
FAR = 3.0
"""Scores are cut at this many standard deviations."""
RIDGE = 1.0
STEPS = 60

Hold = Callable[[Sequence[Generator[Prompt, Answer, Any]]], list[Any]]
"""Hold conversations with the language model side by side and return what they came to."""


def lend(fold: Fold, count: int, draws: Draws) -> tuple[Fold, Ints]:
    """Return the fold with ``count`` users of the population moved to those who are asked, and who they are."""
    order = np.argsort(draws.uniform("fidelity lent", fold.fitted), kind="stable")
    lent = np.sort(fold.fitted[order[:count]])
    user = fold.known.user_id
    turn = np.arange(len(user)) - np.searchsorted(user, user)
    size = np.searchsorted(user, user, side="right") - np.searchsorted(user, user)
    later = np.isin(user, lent) & (turn >= np.floor(KNOWN * size))
    return Fold(
        known=only(fold.known, ~later),
        held=together(fold.held, only(fold.known, later)),
        fitted=np.setdiff1d(fold.fitted, lent),
        tested=np.union1d(fold.tested, lent),
    ), lent


def some_of_each(questions: Questions, count: int, draws: Draws) -> Ints:
    """Return the rows of at most ``count`` keyed questions of each user."""
    key = draws.uniform("fidelity question", questions.user, questions.item[:, 0])
    order = np.lexsort((key, questions.user))
    turn = np.arange(len(order)) - np.searchsorted(questions.user[order], questions.user[order])
    return np.asarray(np.sort(order[turn < count]), dtype=np.int64)


def columns(questions: Questions) -> Ints:
    """Return the columns a page shows: the taken item, those matched with it, some drawn uniformly."""
    every = np.arange(questions.item.shape[1])
    parts = (every[:1], every[questions.matched], every[questions.uniform][:GROUP])
    return np.concatenate(parts)


def scores(
    behavior: TalkingBehavior, world: Setting, user: Ints, item: Ints, popularity: Floats, key: Ints, hold: Hold
) -> Floats:
    """Return (rows, columns) what the model makes of the items, NaN where there is no item or no usable answer.

    A page lists its items in an order keyed by ``key``, so that a place tells nothing.
    """
    shuffled = world.draws.uniform("fidelity page", key[:, None], np.arange(item.shape[1]))
    order = np.argsort(np.where(item == PAD, 2.0, shuffled), axis=1, kind="stable")
    asked = pages(user, np.take_along_axis(item, order, 1), np.take_along_axis(popularity, order, 1), key)
    seen = observations(asked, np.zeros(len(item), dtype=np.int64), world.items)
    ends: list[Talked] = hold(behavior.converse(asked, seen, [""] * len(item)))
    found = np.full(item.shape, np.nan)
    for row, end in enumerate(ends):
        values = _values(end.content, int((item[row] != PAD).sum()))
        if values is not None:
            found[row, order[row, : len(values)]] = values
    return found


def _values(content: object, count: int) -> Sequence[float] | None:
    """Return one number per item shown: a score, or whether it was said to be watched."""
    if isinstance(content, Scored):
        return content.values
    if isinstance(content, structured.Outcome) and content.said is not None:
        return [1.0 if place in content.said.watched else 0.0 for place in range(count)]
    return None


@dataclass(frozen=True)
class Calibration:
    """A conditional logit on slates of columns like those asked about; d weights of standardized features."""

    weights: Floats
    error: Floats

    @classmethod
    def fit(cls, features: Floats, there: Bools) -> "Calibration":
        """Fit to rows whose column 0 was taken: features (rows, columns, d), a normal prior of variance 1/RIDGE."""
        weights = np.zeros(features.shape[2])
        information = RIDGE * np.eye(len(weights))
        for _ in range(STEPS):
            share = _shares(features @ weights, there)
            center = np.einsum("rc,rcd->rd", share, features)
            gradient = (features[:, 0] - center).sum(axis=0) - RIDGE * weights
            spread = np.einsum("rc,rcd,rce->de", share, features, features) - center.T @ center
            information = spread + RIDGE * np.eye(len(weights))
            step = np.linalg.solve(information, gradient)
            weights = weights + np.clip(step, -1.0, 1.0)
            if np.abs(step).max() < 1e-8:
                break
        return cls(weights, np.sqrt(np.diag(np.linalg.inv(information))))

    def utility(self, features: Floats) -> Floats:
        """Return (rows, columns) utilities."""
        return np.asarray(features @ self.weights)


def _shares(utility: Floats, there: Bools) -> Floats:
    odds = np.where(there, np.exp(utility - np.where(there, utility, -np.inf).max(axis=1, keepdims=True)), 0.0)
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))


def public_features(world: Setting, user: Ints, item: Ints, popularity: Floats) -> Floats:
    """Return (rows, columns, 5): log count and mean rating of an item, and the two times traits of the user's own.

    No genre, no text and nobody else's history: what an item is, only the language model can say.
    """
    own, fame = world.personas.traits, np.log1p(popularity)
    quality = shrunk_means(world.popularity, world.mean_rating)
    quality = ((quality - quality.mean()) / max(float(quality.std()), 1e-9))[item]
    traits = (_standard(own.mainstreaminess)[user], _standard(np.log(own.activity))[user])
    conformity = _standard(own.conformity)[user]
    crossed = [fame * trait[:, None] for trait in traits]
    return np.stack([fame, quality, *crossed, quality * conformity[:, None]], axis=2)


def _standard(values: Floats) -> Floats:
    return np.asarray((values - values.mean()) / max(float(values.std()), 1e-9))


def centered(found: Floats) -> Floats:
    """Return scores less the mean of their page; 0 where there is none."""
    known = np.isfinite(found)
    center = np.where(known, found, 0.0).sum(axis=1, keepdims=True) / np.maximum(known.sum(axis=1, keepdims=True), 1)
    return np.where(known, found - center, 0.0)


def standardized(found: Floats, spread: float) -> Floats:
    """Return centered scores in units of ``spread``, odd ones cut."""
    return np.clip(centered(found) / max(spread, 1e-9), -FAR, FAR)


@dataclass(frozen=True)
class Voice:
    """What public figures and scores weigh together, and what public figures weigh alone."""

    with_: Calibration
    without: Calibration

    def utility(self, base: Floats, z: Floats) -> Floats:
        """Return (rows, columns) utilities of public features and standardized scores."""
        return self.with_.utility(np.concatenate([base, z[..., None]], axis=2))


def weigh(base: Floats, z: Floats, there: Bools) -> Voice:
    """Fit both calibrations to rows whose column 0 was taken, each asked twice (see ``asked_twice``)."""
    both = np.concatenate([base, z[..., None]], axis=2)
    masks = asked_twice(there)
    with_, without = (Calibration.fit(np.concatenate([part, part]), masks) for part in (both, base))
    return Voice(with_, without)


def asked_twice(there: Bools) -> Bools:
    """Return the rows of two choices a page holds, below each other: among uniform draws, and among matched items.

    In one choice among all of them popularity would seem to draw people more than it does: the
    matched items are there because of what was taken. Each choice by itself needs no correction.
    """
    matched = np.arange(there.shape[1]) <= 2 * REACH
    matched[0] = False
    return np.concatenate([there & ~matched, there & (matched | (np.arange(there.shape[1]) == 0))])


def judge(base: Floats, z: Floats, item: Ints, user: Ints, voice: Voice, alone: Calibration) -> dict[str, float]:
    """Return what scores add on judged rows; ``alone`` weighs the first public feature, popularity, by itself."""
    masks = asked_twice(item != PAD)
    told = voice.utility(base, z)
    with_, without, nothing = (
        _likely(utility, masks) for utility in (told, voice.without.utility(base), alone.utility(base[..., :1]))
    )
    matched = np.arange(1 + 2 * REACH)
    uniform = np.r_[0, np.arange(1 + 2 * REACH, item.shape[1])]
    aucs = {
        name: choices.macro(choices.above_matched(utility[:, matched], item[:, matched]), user)
        for name, utility in (
            ("auc_matched", told),
            ("auc_matched_without", voice.without.utility(base)),
            ("auc_matched_score", z),
        )
    }
    twice, offset = np.concatenate([told, told]), np.where(masks, 0.0, -np.inf)
    return aucs | {
        "auc_uniform": choices.macro(choices.above(told[:, uniform], item[:, uniform]), user),
        "mcfadden_r2": choices.mcfadden_r2(with_, nothing),
        "calibration_slope": choices.slope(np.where(masks, twice, 0.0), offset),
        "llm_gain": float((with_ - without).sum() / len(item)),
        "llm_weight": float(voice.with_.weights[-1]),
        "llm_weight_error": float(voice.with_.error[-1]),
        "hit_1_9": choices.macro(choices.first(told[:, uniform]), user),
        "ap_1_9": choices.macro(choices.average_precision(told[:, uniform]), user),
    }


def _likely(utility: Floats, masks: Bools) -> Floats:
    twice = np.concatenate([utility, utility])
    return choices.log_likelihood(np.where(masks, twice, 0.0), np.where(masks, 0.0, -np.inf))


# -- probes --------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Retold(Personas):
    """Personas told otherwise; what they are learned from stays."""

    retell: Callable[[Persona], Persona] = lambda persona: persona

    def _persona(self, user: int) -> Persona:
        return self.retell(super()._persona(user))


def retold(world: Setting, retell: Callable[[Persona], Persona]) -> Setting:
    """Return the setting with every persona told otherwise."""
    own = world.personas
    told = Retold(own.traits, own.source_user, own.items, own.history, own.real_names, retell=retell)
    return replace(world, personas=told)


def emptied(persona: Persona) -> Persona:
    """Return a persona of whom nothing is told."""
    return replace(persona, narrative="", favorites=(), history=())


def paraphrased(persona: Persona) -> Persona:
    """Return the narrative as notes on somebody, the last sentence first."""
    sentences = [part.strip(" .") for part in persona.narrative.split(". ") if part.strip(" .")]
    words = ". ".join(reversed(sentences)).replace("Your ", "This person's ").replace("You ", "This person ")
    return replace(persona, narrative=f"Notes on one customer. {words}.")


def anonymous(world: Setting) -> Setting:
    """Return the setting with titles that nobody can have read of; genres and years stay.

    Numbers are dealt by keyed draw: items are numbered in the order they came, which tells what goes with what.
    """
    number = np.argsort(world.draws.uniform("fidelity anonymous", np.arange(len(world.items))), kind="stable")
    items = tuple(replace(item, title=f"Film No. {number[item.item_id]}") for item in world.items)
    own = world.personas
    personas = Personas(own.traits, own.source_user, items, own.history, own.real_names)
    return replace(world, items=items, personas=personas)


def agreement(one: Floats, other: Floats) -> float:
    """Return the mean over pages of Spearman's rank correlation between two scorings of the same items."""
    from scipy.stats import spearmanr

    found = []
    for a, b in zip(one, other, strict=True):
        both = np.isfinite(a) & np.isfinite(b)
        if both.sum() > 2 and np.ptp(a[both]) > 0 and np.ptp(b[both]) > 0:  # without order there is nothing to agree on
            found.append(float(spearmanr(a[both], b[both]).statistic))
    return float(np.mean(found)) if found else float("nan")

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


def scores(behavior: TalkingBehavior, world: Setting, questions: Questions, rows: Ints, hold: Hold) -> Floats:
    """Return (rows, columns) what the model makes of the items, NaN where there is no item or no usable answer.

    A page lists its items in keyed order, so that a place tells nothing.
    """
    shown = columns(questions)
    item, popularity = questions.item[rows][:, shown], questions.popularity[rows][:, shown]
    shuffled = world.draws.uniform("fidelity page", rows[:, None], np.arange(len(shown)))
    order = np.argsort(np.where(item == PAD, 2.0, shuffled), axis=1, kind="stable")
    asked = pages(
        questions.user[rows],
        np.take_along_axis(item, order, 1),
        np.take_along_axis(popularity, order, 1),
        rows,
    )
    seen = observations(asked, np.zeros(len(rows), dtype=np.int64), world.items)
    ends: list[Talked] = hold(behavior.converse(asked, seen, [""] * len(rows)))
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


def public_features(world: Setting, questions: Questions, rows: Ints) -> Floats:
    """Return (rows, columns, 5): log count and mean rating of an item, and the two times traits of the user's own.

    No genre, no text and nobody else's history: what an item is, only the language model can say.
    """
    shown, own = columns(questions), world.personas.traits
    user = questions.user[rows]
    fame = np.log1p(questions.popularity[rows][:, shown])
    quality = shrunk_means(world.popularity, world.mean_rating)
    quality = ((quality - quality.mean()) / max(float(quality.std()), 1e-9))[questions.item[rows][:, shown]]
    traits = (_standard(own.mainstreaminess)[user], _standard(np.log(own.activity))[user])
    conformity = _standard(own.conformity)[user]
    crossed = [fame * trait[:, None] for trait in traits]
    return np.stack([fame, quality, *crossed, quality * conformity[:, None]], axis=2)


def _standard(values: Floats) -> Floats:
    return np.asarray((values - values.mean()) / max(float(values.std()), 1e-9))


def standardized(found: Floats, calibrating: Bools) -> Floats:
    """Return scores in standard deviations of those of calibration, each page centered; 0 where there is none."""
    known = np.isfinite(found)
    center = np.where(known, found, 0.0).sum(axis=1, keepdims=True) / np.maximum(known.sum(axis=1, keepdims=True), 1)
    apart = np.where(known, found - center, 0.0)
    spread = float(np.sqrt((apart[calibrating] ** 2).sum() / max(known[calibrating].sum(), 1)))
    return np.clip(apart / max(spread, 1e-9), -FAR, FAR)


def judge(base: Floats, found: Floats, questions: Questions, rows: Ints, lent: Bools) -> dict[str, float]:
    """Return what scores add to ``base`` (rows, columns, d) features: fitted on ``lent`` rows, judged on the others."""
    shown = columns(questions)
    item = questions.item[rows][:, shown]
    there, usable = item != PAD, np.isfinite(found).any(axis=1)
    z = standardized(found, lent & usable)
    both = np.concatenate([base, z[..., None]], axis=2)
    fitted, judged = lent & usable, ~lent & usable
    without, with_ = (Calibration.fit(part[fitted], there[fitted]) for part in (base, both))
    alone = Calibration.fit(base[fitted][..., :1], there[fitted])
    told = with_.utility(both)
    likely = [_likely(model.utility(part), there)[judged] for model, part in ((with_, both), (without, base))]
    nothing = _likely(alone.utility(base[..., :1]), there)[judged]
    user = questions.user[rows][judged]
    matched, uniform = np.arange(1 + 2 * REACH), np.r_[0, np.arange(1 + 2 * REACH, len(shown))]
    found_ = {
        "llm_gain": float((likely[0] - likely[1]).mean()),
        "llm_weight": float(with_.weights[-1]),
        "llm_weight_error": float(with_.error[-1]),
        "mcfadden_r2": choices.mcfadden_r2(likely[0], nothing),
        "auc_matched_without": choices.macro(
            choices.above_matched(without.utility(base)[judged][:, matched], item[judged][:, matched]), user
        ),
        "auc_matched_score": choices.macro(
            choices.above_matched(z[judged][:, matched], item[judged][:, matched]), user
        ),
        "answered": float(usable.mean()),
    }
    offset = np.where(there, 0.0, -np.inf)[judged]
    return found_ | {
        "auc_uniform_all": choices.macro(choices.above(told[judged][:, uniform], item[judged][:, uniform]), user),
        "auc_matched": choices.macro(choices.above_matched(told[judged][:, matched], item[judged][:, matched]), user),
        "calibration_slope": choices.slope(np.where(there, told, 0.0)[judged], offset),
        "hit_1_9": choices.macro(choices.first(told[judged][:, uniform]), user),
        "ap_1_9": choices.macro(choices.average_precision(told[judged][:, uniform]), user),
    }


def _likely(utility: Floats, there: Bools) -> Floats:
    return choices.log_likelihood(np.where(there, utility, 0.0), np.where(there, 0.0, -np.inf))


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
    return replace(persona, narrative="", favorites=())


def paraphrased(persona: Persona) -> Persona:
    """Return the narrative as notes on somebody, the last sentence first."""
    sentences = [part.strip(" .") for part in persona.narrative.split(". ") if part.strip(" .")]
    words = ". ".join(reversed(sentences)).replace("Your ", "This person's ").replace("You ", "This person ")
    return replace(persona, narrative=f"Notes on one customer. {words}.")


def anonymous(world: Setting) -> Setting:
    """Return the setting with titles that nobody can have read of; genres and years stay."""
    items = tuple(replace(item, title=f"Film No. {item.item_id}") for item in world.items)
    own = world.personas
    personas = Personas(own.traits, own.source_user, items, own.history, own.real_names)
    return replace(world, items=items, personas=personas)


def agreement(one: Floats, other: Floats) -> float:
    """Return the mean over pages of Spearman's rank correlation between two scorings of the same items."""
    from scipy.stats import spearmanr

    both = [np.isfinite(a) & np.isfinite(b) for a, b in zip(one, other, strict=True)]
    found = [float(spearmanr(a[k], b[k]).statistic) for a, b, k in zip(one, other, both, strict=True) if k.sum() > 2]
    known = [value for value in found if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")

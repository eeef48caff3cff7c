"""How much synthetic interactions look like real ones, beside what is as good as real and what is not."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from agents.interval import interval
from agents.schema import Draws, Floats
from analysis.augment.bias_shift import bias, bias_shift
from analysis.augment.case import Case
from analysis.augment.columns import columns
from analysis.augment.controls import BOOTSTRAP, CHANCE, CONTROLS
from analysis.augment.figures import Figure
from analysis.augment.neighborhoods import points, prdc
from analysis.augment.orderings import orderings
from analysis.augment.privacy import ATTACK, privacy
from analysis.augment.sampling import half, matched, of_users, windows
from analysis.augment.space import Space
from analysis.augment.structure import structure
from analysis.augment.two_sample import CLASSIFIER, two_sample_auc

if TYPE_CHECKING:
    from simulator.catalog import Interactions

SYNTHETIC, NO_LLM, HELD_OUT = "synthetic", "no_llm", "held_out"
BESIDE = (BOOTSTRAP, CHANCE, HELD_OUT)
"""The reference columns; the other controls stand behind them."""

Say = Callable[[float, str], None]


class Seeded(Draws, Protocol):
    """Keyed random numbers that know their seed."""

    @property
    def seed(self) -> int:
        """Return what they are made from."""
        ...


def tables(case: Case, no_llm: Case | None, known: "Interactions", draws: Draws) -> "dict[str, Interactions]":
    """Return what is compared with the real users of this seed: the synthetic rows, references and controls.

    All have the shape of the synthetic rows of half their users. ``known`` are the real users of the seed.
    """
    found = {SYNTHETIC: _half_of(case.synthetic, draws)}
    shape = found[SYNTHETIC]
    for name, control in CONTROLS.items():
        found[name] = control(replace(case, real=known) if name == BOOTSTRAP else case, shape, draws)
    found[HELD_OUT] = held_out(case, shape, draws)
    if no_llm is not None:
        found[NO_LLM] = _half_of(no_llm.synthetic, draws)
    return found


def _half_of(log: "Interactions", draws: Draws) -> "Interactions":
    users = np.unique(log.user_id)
    return of_users(log, users[half(users, draws, "synthetic half")])


def held_out(case: Case, shape: "Interactions", draws: Draws) -> "Interactions":
    """Return held-out real rows of as many users, with as many rows each, as far as there are."""
    users = np.unique(case.held_out.user_id)
    sizes = np.unique(shape.user_id, return_counts=True)[1]
    users = users[np.argsort(draws.uniform("held-out user", users), kind="stable")][: len(sizes)]
    return windows(case.held_out, users, sizes[: len(users)], users, draws, "held-out window")


def of_seed(case: Case, no_llm: Case | None, draws: Seeded) -> dict[str, dict[str, float]]:
    """Return every figure of every column for one seed.

    The seed halves the real users: one half is compared with, from the other one learns where items lie and how
    popular they are, and the attacker has it.
    """
    users = np.unique(case.real.user_id)
    mine = half(users, draws, "real half")
    real, public = of_users(case.real, users[mine]), of_users(case.real, users[~mine])
    space, n_items = Space.of(public, case.catalog), len(case.catalog)
    others, found = tables(case, no_llm, real, draws), {}
    most = len(np.unique(others[SYNTHETIC].user_id))
    for name, other in others.items():
        same = matched(real, other, draws, most)
        found[name] = {
            **columns(*same, space),
            **structure((real, other), same, n_items),
            **prdc(points(same[0], space), points(same[1], space)),
            "two_sample_auc": two_sample_auc(*same, space, case.n_users, draws.seed),
            **bias_shift(real, other, space),
            **privacy(real, case.held_out, public, other, n_items, draws),
            "users": float(len(np.unique(same[1].user_id))),
            "rows": float(len(same[1])),
        }
    return found


def quality(
    cases: Sequence[tuple[Case, Case | None]], seeds: Sequence[Seeded], figures: Sequence[Figure], say: Say
) -> dict[str, Any]:
    """Return the report: figures with their columns over seeds, orderings by the two-sample test, genres.

    A case comes with the same pipeline's without the language model, if there is one; seeds take cases in turn.
    """
    found = []
    for place, draws in enumerate(seeds):
        say(place / len(seeds), f"seed {place + 1} of {len(seeds)}")
        found.append(of_seed(*cases[place % len(cases)], draws))
    case, no_llm = cases[0]
    values = {
        column: {name: np.array([seed[column][name] for seed in found]) for name in found[0][column]}
        for column in found[0]
    }
    return {
        "data": case.name,
        "seeds": len(seeds),
        "counts": _counts(case),
        "columns": list(values),
        "compared": {
            column: {name: float(value[name].mean()) for name in ("users", "rows")} for column, value in values.items()
        },
        "figures": [_row(figure, values) for figure in figures],
        "orderings": two_sample_orderings(values),
        "genres": genres(case),
        "classifier": CLASSIFIER,
        "attack": ATTACK,
        "absent": absent(no_llm),
    }


def two_sample_orderings(values: Mapping[str, Mapping[str, Floats]]) -> list[dict[str, Any]]:
    """Return which columns are closer to real data by the distance of the two-sample AUC from .5."""
    return orderings({name: np.abs(column["two_sample_auc"] - 0.5) for name, column in values.items()}, more=False)


def absent(no_llm: Case | None) -> dict[str, str]:
    """Return the columns that are not there, and why."""
    return {} if no_llm else {NO_LLM: "not given: the same pipeline without the language model is --no-llm FOLDER"}


def _row(figure: Figure, values: Mapping[str, Mapping[str, Floats]]) -> dict[str, Any]:
    means = {column: interval(value[figure.name]) for column, value in values.items()}
    return {
        "figure": figure.name,
        "part": figure.part,
        "meaning": figure.meaning,
        "ideal": figure.ideal,
        "passes": figure.passes,
        "warns": figure.warns,
        "columns": means,
        "verdict": figure.verdict(**means[SYNTHETIC]),
    }


def _counts(case: Case) -> dict[str, int]:
    return {
        "users": case.n_users,
        "items": len(case.catalog),
        "real_rows": len(case.real),
        "held_out_rows": len(case.held_out),
        "synthetic_rows": len(case.synthetic),
        "synthetic_users": len(np.unique(case.synthetic.user_id)),
    }


def genres(case: Case) -> list[dict[str, Any]]:
    """Return each genre's share of real rows, of synthetic rows and of both; an item splits its weight."""
    real, names = case.real, case.catalog.genres
    matrix = case.catalog.genre_matrix
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1.0)
    phi = real.counts(len(share)) / max(case.n_users, 1)
    both = type(real).concatenate([real, case.synthetic])
    parts = [bias(log, phi, share)[2] for log in (real, case.synthetic, both)]
    return [
        {"genre": name, "real": float(parts[0][at]), "synthetic": float(parts[1][at]), "after": float(parts[2][at])}
        for at, name in enumerate(names)
    ]

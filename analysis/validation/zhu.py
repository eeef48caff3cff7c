"""Zhu et al., KDD 2021: the loop reaches the audiences of popular items sooner, position bias adds to it, scaling mends."""

import numpy as np

from agents.schema import Floats
from analysis.load import Run, Study
from analysis.metrics.concentration import gini_index
from analysis.validation.base import Claim, above

ROUNDS = (10, 20, 40)


def claims(study: Study) -> list[Claim]:
    """Return the claims."""
    found = []
    for rounds in ROUNDS:
        bias = {arm: _bias(study, arm, rounds) for arm in study.arms if arm != "census"}
        print(rounds, {a: b.round(3) for a, b in bias.items()})
        found.append(above(f"a {rounds}", "position bias adds", bias["closed"] - bias["unbiased"]))
        found.append(above(f"b {rounds}", "scaling improves", bias["closed"] - bias["scaled"]))
    return found


def _bias(study: Study, arm: str, rounds: int) -> Floats:
    """Return by seed the Gini index over items of the share of their audience that has clicked them."""
    pairs = zip(study.of(arm), study.of("census"), strict=True)
    return np.array([_gini(_clicks(cell.run, rounds), _clicks(census.run, 1)) for cell, census in pairs])


def _gini(clicks: Floats, audience: Floats) -> float:
    wanted = audience > 0
    return gini_index(clicks[wanted] / audience[wanted]).value


def _clicks(run: Run, rounds: int) -> Floats:
    shown = run.table("impressions", ["day", "item_id", "action"])
    clicked = shown[(shown["action"] == "watch") & (shown["day"] < rounds)]["item_id"]
    return np.bincount(clicked, minlength=len(run.items)).astype(np.float64)

"""Zhu et al., KDD 2021: the loop reaches popular items' audiences sooner, position bias adds to it, scaling mends."""

import numpy as np

from agents.schema import Floats, Ints
from analysis.load import Run, Study
from analysis.metrics.concentration import gini_index
from analysis.validation.base import Claim, about, above, unclaimed

ROUNDS = (10, 20, 40)
WORSE = (10, 20)
"""Rounds after which the closed loop is claimed to be worse than the open one."""
FAST = None


def claims(study: Study) -> list[Claim]:
    """Return what makes bias larger and smaller after ten, twenty and forty thousand visits."""
    found = []
    for rounds in ROUNDS:
        bias = {arm: _bias(study, arm, rounds) for arm in ("closed", "unbiased", "scaled")}
        when = f"Gini of true positive rates, {rounds},000 visits"
        position, scaling = bias["closed"] - bias["unbiased"], bias["closed"] - bias["scaled"]
        found.append(above(f"{when}: closed - without position bias", "position bias worsens it", position))
        found.append(above(f"{when}: closed - scaled", "scaling improves it", scaling))
        closed, opened = (_bias(study, arm, rounds, served=True) for arm in ("closed", "open"))
        what = f"{when}, same users: closed - open"
        if rounds in WORSE:
            found.append(above(what, "the closed loop is worse", closed - opened))
        else:
            found.append(unclaimed(about(what, "no longer worse", closed - opened, -1.0, 0.0)))
    return found


def _bias(study: Study, arm: str, rounds: int, *, served: bool = False) -> Floats:
    """Return by seed the Gini index over items of the share of their audience that has clicked them.

    With ``served``, among the users alone whom the arm ``open`` shows what is recommended.
    """
    cells = zip(study.of(arm), study.of("census"), study.of("open"), strict=True)
    found = []
    for cell, census, opened in cells:
        users = _served(opened.run) if served else np.arange(len(cell.run.users))
        audience, clicks = _clicks(census.run, users, 1), _clicks(cell.run, users, rounds)
        wanted = audience > 0
        found.append(gini_index(clicks[wanted] / audience[wanted]).value)
    return np.array(found)


def _clicks(run: Run, users: Ints, rounds: int) -> Floats:
    """Return how often some users clicked each item in the first rounds."""
    shown = run.table("impressions", ["day", "user_id", "item_id", "action"])
    clicked = shown[(shown["action"] == "watch") & (shown["day"] < rounds) & shown["user_id"].isin(users)]["item_id"]
    return np.bincount(clicked, minlength=len(run.items)).astype(np.float64)


def _served(run: Run) -> Ints:
    """Return the users whose slates were scored, as those made by lot are not."""
    shown = run.table("impressions", ["user_id", "score"])
    return np.unique(shown.loc[shown["score"].notna(), "user_id"].to_numpy(np.int64))

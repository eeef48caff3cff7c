"""Chaney, Stewart & Engelhardt, RecSys 2018: recommenders make users more alike than their tastes do."""

import numpy as np

from agents.schema import Floats, Ints
from analysis.load import Run, Study
from analysis.validation.base import Claim, about, above, unclaimed

PUBLISHED = {"popularity": 0.22, "content": 0.15, "factors": 0.085, "random": 0.01}
"""Change in Jaccard at the end, by repeated training."""
FAST = None


def claims(study: Study) -> list[Claim]:
    """Return how much more alike than under the ideal platform users are, and in which order."""
    change = {arm: _changes(study, arm) for arm in PUBLISHED}
    said = {arm: f"about {figure:g}" for arm, figure in PUBLISHED.items()}
    what, order = "change in Jaccard", "popularity > content > factors > random"
    pairs = (("popularity", "content"), ("popularity", "factors"), ("content", "random"), ("factors", "random"))
    ordered = [above(f"{what}: {one} - {two}", order, change[one] - change[two]) for one, two in pairs]
    return [
        *(above(f"{what}: {arm}", said[arm], change[arm]) for arm in ("popularity", "content", "factors")),
        about(f"{what}: random", said["random"], change["random"], -0.1, 0.1),
        *ordered,
        unclaimed(above(f"{what}: content - factors", order, change["content"] - change["factors"])),
        unclaimed(about(f"{what}: popularity", said["popularity"], change["popularity"], 0.12, 0.32)),
    ]


def _changes(study: Study, arm: str) -> Floats:
    """Return by seed the Jaccard index of neighbors less that of the same users under the ideal platform."""
    found = []
    for cell, ideal in zip(study.of(arm), study.of("ideal"), strict=True):
        taken, best = _taken(cell.run), _taken(ideal.run)
        pairs = _pairs(arm, taken, cell.run)
        found.append(_jaccard(taken, *pairs) - _jaccard(best, *pairs))
    return np.array(found)


def _taken(run: Run) -> Floats:
    """Return (users, items), 1 where a user took an item."""
    shown = run.table("impressions", ["user_id", "item_id", "action"])
    watched = shown[shown["action"] == "watch"]
    taken = np.zeros((len(run.users), len(run.items)))
    taken[watched["user_id"].to_numpy(np.int64), watched["item_id"].to_numpy(np.int64)] = 1.0
    return taken


def _pairs(arm: str, taken: Floats, run: Run) -> tuple[Ints, Ints]:
    """Return each user with whom its recommender takes for most alike, or all pairs where it tells nobody apart."""
    if arm in ("popularity", "random"):
        first, second = np.triu_indices(len(taken), 1)
        return first.astype(np.int64), second.astype(np.int64)
    place = taken if arm == "factors" else taken @ run.items["genres"].astype(str).str.get_dummies("|").to_numpy(float)
    place = place / np.linalg.norm(place, axis=1, keepdims=True)
    likeness = place @ place.T
    np.fill_diagonal(likeness, -1.0)
    return np.arange(len(taken)), likeness.argmax(axis=1).astype(np.int64)


def _jaccard(taken: Floats, first: Ints, second: Ints) -> float:
    both = (taken[first] * taken[second]).sum(axis=1)
    return float((both / np.maximum(taken[first], taken[second]).sum(axis=1)).mean())

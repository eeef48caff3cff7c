"""Judge recommenders beside each other on one data set, and beside published figures."""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.offline import (
    LARGER_IS_BETTER,
    average,
    beaten,
    described,
    difference,
    each_fit,
    figures,
    levered,
    trials,
)

if TYPE_CHECKING:
    from analysis.offline import Make, Trial
    from simulator.data.held_out import HeldOut

BASELINE = "skip_markov"
"""Training-free: what cannot beat it says nothing about its kind."""

PUBLISHED = Path(__file__).with_name("published.json")
"""Figures of the literature: model, data set, protocol, how ties are ordered, and from - to of each figure."""

INTERVALS = {"recall@10": "recall", "ndcg@10": "ndcg", **{name: name for name in (*LARGER_IS_BETTER, "miuf")}}

Say = Callable[[float, str], None]
Specs = Mapping[str, Mapping[str, Any]]
"""Recommenders by the names they are asked for by."""


def fitted(
    wanted: Specs, held_out: "Sequence[HeldOut]", fits: int, progress: Say, make: "Make" = levered
) -> "dict[str, list[Trial]]":
    """Fit and judge the baseline and what is wanted (name -> spec); what is the same is fitted once.

    ``make`` builds recommenders from specs.
    """
    done: dict[str, list[Trial]] = {}
    asked = {BASELINE: {"kind": BASELINE}, **wanted}
    ids = {name: json.dumps(described(spec), sort_keys=True) for name, spec in asked.items()}
    for place, (name, spec) in enumerate(asked.items()):
        if ids[name] not in done:

            def say(share: float, what: str, place: int = place, name: str = name) -> None:
                progress((place + share) / len(asked), f"{name}, {what}")

            done[ids[name]] = trials(partial(make, spec), held_out, fits, say)
    return {name: done[ids[name]] for name in asked}


def judge(wanted: Specs, every: "Mapping[str, Sequence[Trial]]") -> list[dict[str, Any]]:
    """Return one row per recommender, in the order asked for, from the trials of all and of the baseline.

    Each is compared with the baseline user by user, and with the others: ``dominated_by`` names those
    shown to be better in NDCG and in ARP (or list diversity) too, both 95 % intervals excluding 0.
    """
    return [_row(name, spec, every, list(wanted)) for name, spec in wanted.items()]


def _row(
    name: str, spec: Mapping[str, Any], every: "Mapping[str, Sequence[Trial]]", wanted: Sequence[str]
) -> dict[str, Any]:
    mine = every[name]
    versus = {f"{figure}@10": difference(mine, every[BASELINE], figure) for figure in ("recall", "ndcg")}
    return {
        "recommender": name,
        "spec": described(spec),
        **figures(mine),
        f"vs_{BASELINE}": versus,
        "label": "undertrained here" if versus["ndcg@10"]["mean"] < 0 else "",
        "intervals": {key: average(mine, figure) for key, figure in INTERVALS.items()},
        "dominated_by": {
            figure: [other for other in wanted if other != name and beaten(mine, every[other], figure)]
            for figure in LARGER_IS_BETTER
        },
        "fits": each_fit(mine),
    }


def published(data: str) -> list[dict[str, Any]]:
    """Return the published figures on a data set; none where none are known."""
    every: list[dict[str, Any]] = json.loads(PUBLISHED.read_text(encoding="utf-8"))
    return [one for one in every if one["data"] == data.lower().replace("_", "-").removeprefix("imported:")]

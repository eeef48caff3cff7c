"""How well recommenders predict what users really took next, what they show for it, and what that costs."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from scipy.stats import t as student

from agents.schema import Floats, Ints
from analysis.metrics.accuracy import ndcg_at_k, recall_at_k
from analysis.metrics.base import Value
from analysis.metrics.concentration import gini_index
from analysis.metrics.coverage import catalog_coverage
from analysis.metrics.lists import Lists
from analysis.metrics.novelty import miuf
from analysis.metrics.popularity import arp
from analysis.metrics.variety import intra_list_diversity
from analysis.peak import peak_mb
from simulator.data.held_out import PROTOCOLS, TIE_KEYS, HeldOut, leave_one_out
from simulator.levers.base import described, levered
from simulator.recommenders.base import Progress, Recommender, Requests, Slates, silent
from simulator.seeds import Streams

__all__ = ["PROTOCOLS", "TIE_KEYS", "described", "leave_one_out", "levered"]

Make = Callable[[Mapping[str, Any]], Recommender]
"""Builds the recommender of a spec."""

K = 10
BLOCK = 32
"""Users served at a time where the spread of serving time is measured: what networks pad to."""
BLOCKS = 64
"""Blocks served for that, at most."""

LARGER_IS_BETTER = {"arp": False, "intra_list_diversity": True}
"""What accuracy is weighed against."""


@dataclass(frozen=True)
class Trial:
    """One recommender fitted once and judged.

    ``of_users`` holds a figure per user asked, in the order of ``users``: ``recall`` and ``ndcg`` (0 where the list
    is empty), and ``arp``, ``intra_list_diversity`` and ``miuf`` of the list (NaN where there is none).

    invalid_generated: share of what was generated for the lists that is no item of the catalog.
    short_lists: share of users whose list is shorter than ten.
    fit_cpu_s: processor seconds of the fit; other work on the machine does not count.
    ms_per_user: processor milliseconds of serving all users in one batch, over their number.
    ms_p50: median over batches of 32 users of the processor milliseconds per user.
    ms_p95: the same, 95th percentile.
    peak_mb: growth of resident memory at its peak while fitting and serving, NaN where it cannot be measured.
    diagnostics: what the recommender counted while it made the lists.
    """

    seed: int
    users: Ints
    of_users: Mapping[str, Floats]
    catalog_coverage: float
    gini_index: float
    invalid_generated: float
    short_lists: float
    fit_cpu_s: float
    ms_per_user: float
    ms_p50: float
    ms_p95: float
    peak_mb: float
    diagnostics: Mapping[str, float]

    @property
    def recall(self) -> Floats:
        """Return the share of each user's targets that were among the ten."""
        return self.of_users["recall"]

    @property
    def ndcg(self) -> Floats:
        """Return each user's discounted gain over the ideal; with one target 1 / log2(1 + rank), else 0."""
        return self.of_users["ndcg"]

    def mean(self, name: str) -> float:
        """Return one figure over all users."""
        if name not in self.of_users:
            return float(getattr(self, name))
        there = self.of_users[name][~np.isnan(self.of_users[name])]
        return float(there.mean()) if len(there) else float("nan")

    @property
    def arp(self) -> float:
        """Return the mean popularity of what was shown, as a share of training users."""
        return self.mean("arp")


def trial(recommender: Recommender, held_out: HeldOut, streams: Streams, progress: Progress = silent) -> Trial:
    """Fit on the training part, rank the whole catalog for every request, and judge the first ten.

    The seed of ``streams`` enters the fit and, where a recommender draws, the requests.
    """
    rng = streams.generator("evaluate")
    requests = replace(held_out.requests, seed=streams.words("held-out request", held_out.requests.user_id))
    with peak_mb() as peak:
        fitting = _processor_s(lambda: recommender.fit(held_out.train, held_out.catalog, rng=rng, progress=progress))
        shown: list[Slates] = []
        serving = _processor_s(lambda: shown.append(recommender.recommend(requests, K)))
        grown = peak()
    middle, slow = np.percentile(_ms_of_blocks(recommender, requests), (50, 95))
    return Trial(
        seed=streams.seed,
        users=requests.user_id,
        **_judged(shown[0], held_out),
        fit_cpu_s=fitting,
        ms_per_user=1000 * serving / len(requests),
        ms_p50=float(middle),
        ms_p95=float(slow),
        peak_mb=grown,
        diagnostics=shown[0].diagnostics,
    )


def _judged(shown: Slates, held_out: HeldOut) -> dict[str, Any]:
    """Return what the lists are worth, and what they are made of."""
    n, catalog = len(held_out.requests), held_out.catalog
    slates, test = Lists.of_matrix(shown.item_id), Lists(held_out.owner, held_out.target, n)
    popularity, population = held_out.train.counts(len(catalog)), len(np.unique(held_out.train.user_id))
    counts = np.bincount(slates.item, minlength=len(catalog)).astype(np.float64)
    invalid = shown.diagnostics.get("invalid_generated", 0.0)
    of_users: dict[str, Value] = {
        "recall": recall_at_k(slates, test, K),
        "ndcg": ndcg_at_k(slates, test, K),
        "arp": arp(slates, popularity / population),
        "intra_list_diversity": intra_list_diversity(slates, catalog.genre_matrix),
        "miuf": miuf(slates, popularity, population),
    }
    each = {name: value.per_user for name, value in of_users.items() if value.per_user is not None}
    return {
        "of_users": each | {name: np.nan_to_num(each[name]) for name in ("recall", "ndcg")},
        "catalog_coverage": float(catalog_coverage(counts)),
        "gini_index": float(gini_index(counts)),
        "invalid_generated": invalid / max(invalid + len(slates.item), 1.0),
        "short_lists": float((slates.lengths < K).mean()),
    }


def _ms_of_blocks(recommender: Recommender, requests: Requests) -> list[float]:
    """Return the processor milliseconds per user of batches of 32, spread over all users."""
    whole = np.arange(0, max(len(requests) - BLOCK, 0) + 1, BLOCK)
    firsts = whole[np.unique(np.linspace(0, len(whole) - 1, BLOCKS).astype(np.int64))].tolist()
    parts = [requests.part(first, min(first + BLOCK, len(requests))) for first in firsts]
    return [1000 * _processor_s(partial(recommender.recommend, part, K)) / len(part) for part in parts]


def trials(
    make: Callable[[], Recommender], held_out: Sequence[HeldOut], fits: int, progress: Progress = silent
) -> list[Trial]:
    """Fit and judge one recommender several times: fit f has seed f and meets ``held_out[f]``, round and round."""
    done = []
    for seed in range(fits):

        def say(share: float, what: str, seed: int = seed) -> None:
            progress((seed + share) / fits, f"fit {seed + 1} of {fits}: {what}")

        say(0.0, "begins")
        done.append(trial(make(), held_out[seed % len(held_out)], Streams(seed), say))
    return done


ACCURACY = {"recall@10": "recall", "ndcg@10": "ndcg"}
LISTS = ("arp", "intra_list_diversity", "miuf", "catalog_coverage", "gini_index", "invalid_generated", "short_lists")
COSTS = ("fit_cpu_s", "ms_per_user", "ms_p50", "ms_p95")


def figures(trials: Sequence[Trial]) -> dict[str, Any]:
    """Return one recommender's figures over fits: accuracy as mean and standard deviation, the rest as means.

    ``peak_mb`` is the least of the fits: libraries that the first one loads count with a single fit only.
    """
    accuracy = {key: [t.mean(name) for t in trials] for key, name in ACCURACY.items()}
    spread = {key: {"mean": float(np.mean(v)), "sd": deviation(v)} for key, v in accuracy.items()}
    means = {name: float(np.mean([t.mean(name) for t in trials])) for name in (*LISTS, *COSTS)}
    counts = {name: float(np.mean([t.diagnostics[name] for t in trials])) for name in trials[0].diagnostics}
    return {**spread, **means, "peak_mb": min(t.peak_mb for t in trials), "diagnostics": counts}


def each_fit(trials: Sequence[Trial]) -> list[dict[str, float]]:
    """Return the figures of every single fit."""
    names = {**ACCURACY, **{name: name for name in LISTS}}
    return [{"seed": t.seed, **{key: t.mean(name) for key, name in names.items()}} for t in trials]


def deviation(values: Sequence[float]) -> float | None:
    """Return the sample standard deviation, None for fewer than two values."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else None


def difference(trials: Sequence[Trial], baseline: Sequence[Trial], name: str) -> dict[str, float]:
    """Return the mean over users of the paired difference, with its 95 % t interval over users.

    Each user's figure is its mean over the fits, so the interval tells users apart, not fits.
    """
    paired = [one.of_users[name] - other.of_users[name] for one, other in zip(trials, baseline, strict=True)]
    return _over_users(trials, paired)


def average(trials: Sequence[Trial], name: str) -> dict[str, float]:
    """Return the mean over users of a figure, with its 95 % t interval over users."""
    return _over_users(trials, [one.of_users[name] for one in trials])


def _over_users(trials: Sequence[Trial], values: Sequence[Floats]) -> dict[str, float]:
    user, value = np.concatenate([one.users for one in trials]), np.concatenate(values)
    there = ~np.isnan(value)
    place = np.unique(user[there], return_inverse=True)[1]
    each = np.bincount(place, value[there]) / np.bincount(place)
    if len(each) < 2:
        return {"mean": float(each.mean()) if len(each) else float("nan"), "low": float("nan"), "high": float("nan")}
    mean, error = float(each.mean()), float(each.std(ddof=1) / np.sqrt(len(each)))
    reach = float(student.ppf(0.975, len(each) - 1)) * error
    return {"mean": mean, "low": mean - reach, "high": mean + reach}


def beaten(mine: Sequence[Trial], other: Sequence[Trial], figure: str) -> bool:
    """Say whether another is shown to be better in NDCG and in the figure too: both intervals exclude 0."""
    sign = 1 if LARGER_IS_BETTER[figure] else -1
    accuracy, figured = difference(other, mine, "ndcg"), difference(other, mine, figure)
    return accuracy["low"] > 0 and (figured["low"] if sign > 0 else -figured["high"]) > 0


def _processor_s(work: Callable[[], object]) -> float:
    """Do the work and return the processor seconds it took."""
    start = time.process_time()
    work()
    return time.process_time() - start

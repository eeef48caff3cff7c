"""How well recommenders predict what users really took next: leave-one-out over the whole catalog."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.stats import t as student

from agents.errors import InvalidInput
from agents.schema import Floats, Ints
from analysis.metrics.concentration import gini_index
from analysis.metrics.coverage import catalog_coverage
from analysis.metrics.lists import Lists
from analysis.metrics.popularity import arp
from simulator.catalog import Catalog, Interactions
from simulator.recommenders.base import Progress, Recommender, Requests, Slates, silent
from simulator.seeds import Streams

K = 10


@dataclass(frozen=True)
class HeldOut:
    """The last interaction of each user with at least two, by stable (time, original row) order, and the rest.

    ``target[b]`` is what request b should bring up; its history and its exclusions are all that
    user took before.
    """

    catalog: Catalog
    train: Interactions
    requests: Requests
    target: Ints

    def some(self, users: int) -> "HeldOut":
        """Return at most so many of the requests, drawn by key: all is learned from, but fewer users are judged."""
        rows = self.drawn(users)
        return replace(self, requests=self.requests.take(rows), target=self.target[rows])

    def drawn(self, users: int) -> Ints:
        """Return the places of the requests that ``some`` keeps."""
        order = np.argsort(Streams(0).uniform("judged user", self.requests.user_id), kind="stable")
        return np.sort(order[:users])


def leave_one_out(log: Interactions, catalog: Catalog) -> HeldOut:
    """Hold out every user's last interaction; raise InvalidInput where nobody has two."""
    n_users = int(log.user_id.max(initial=-1)) + 1
    rows, offsets = log.by_user(n_users)
    asked = np.flatnonzero(np.diff(offsets) >= 2)
    if not len(asked):
        raise InvalidInput("no user has two interactions, so none can be held out; use a larger data set")
    last = rows[offsets[asked + 1] - 1]
    kept = np.ones(len(log), dtype=bool)
    kept[last] = False
    train = log.take(kept)
    return HeldOut(catalog, train, _requests(train, asked, log.time[last]), log.item_id[last])


def _requests(train: Interactions, users: Ints, now: Floats) -> Requests:
    """Return one request per user: history and exclusions are all of the user's training items."""
    rows, offsets = train.by_user(int(users.max()) + 1)
    told = np.concatenate([rows[offsets[u] : offsets[u + 1]] for u in users])
    starts = np.concatenate([[0], np.cumsum(np.diff(offsets)[users])])
    seeds = Streams(0).words("held-out request", users)
    return Requests(users, now, train.item_id[told], train.time[told], starts, train.item_id[told], starts, seeds)


@dataclass(frozen=True)
class Trial:
    """One recommender fitted with one seed and judged: per-user accuracy, slates, and what it cost.

    ``fit_cpu_s`` and ``ms_per_user`` are processor time of this process, so other work beside it
    does not count.
    """

    recall: Floats
    ndcg: Floats
    arp: float
    catalog_coverage: float
    gini_index: float
    fit_cpu_s: float
    ms_per_user: float
    diagnostics: Mapping[str, float]
    """What the recommender counted while it made the slates."""


def trial(recommender: Recommender, held_out: HeldOut, streams: Streams, progress: Progress = silent) -> Trial:
    """Fit on the training part, rank the whole catalog for every request, and judge the first ten.

    The seed of ``streams`` enters the fit and, where a recommender draws, the requests.

    With one item held out, recall is 1 where it is among the ten, else 0, and NDCG 1 / log2(1 + rank), else 0.
    """
    rng = streams.generator("evaluate")
    requests = replace(held_out.requests, seed=streams.words("held-out request", held_out.requests.user_id))
    fitting = _processor_s(lambda: recommender.fit(held_out.train, held_out.catalog, rng=rng, progress=progress))
    shown: list[Slates] = []
    serving = _processor_s(lambda: shown.append(recommender.recommend(requests, K)))
    slates, test = Lists.of_matrix(shown[0].item_id), Lists.of_matrix(held_out.target[:, None])
    counts = np.bincount(slates.item, minlength=len(held_out.catalog)).astype(np.float64)
    phi = held_out.train.counts(len(held_out.catalog)) / len(np.unique(held_out.train.user_id))
    hit = slates.within(test)
    return Trial(
        recall=slates.sums(hit),
        ndcg=slates.sums(hit / np.log2(1 + slates.rank)),
        arp=float(arp(slates, phi)),
        catalog_coverage=float(catalog_coverage(counts)),
        gini_index=float(gini_index(counts)),
        fit_cpu_s=fitting,
        ms_per_user=1000 * serving / len(held_out.target),
        diagnostics=shown[0].diagnostics,
    )


def figures(trials: Sequence[Trial]) -> dict[str, Any]:
    """Return one recommender's figures over seeds: accuracy as mean and standard deviation, the rest as means."""
    accuracy = {f"{name}@{K}": [float(getattr(t, name).mean()) for t in trials] for name in ("recall", "ndcg")}
    spread = {name: {"mean": float(np.mean(v)), "sd": deviation(v)} for name, v in accuracy.items()}
    others = ("arp", "catalog_coverage", "gini_index", "fit_cpu_s", "ms_per_user")
    counts = {name: float(np.mean([t.diagnostics[name] for t in trials])) for name in trials[0].diagnostics}
    means = {name: float(np.mean([getattr(t, name) for t in trials])) for name in others}
    return {**spread, **means, "diagnostics": counts}


def deviation(values: Sequence[float]) -> float | None:
    """Return the sample standard deviation, None for fewer than two values."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else None


def difference(trials: Sequence[Trial], baseline: Sequence[Trial], name: str) -> dict[str, float]:
    """Return the mean over users of the paired difference, with its 95 % t interval over users.

    Each user's figure is its mean over the seeds, so the interval tells users apart, not fits.
    """
    ours, theirs = (np.mean([getattr(t, name) for t in some], axis=0) for some in (trials, baseline))
    paired = ours - theirs
    mean, error = float(paired.mean()), float(paired.std(ddof=1) / np.sqrt(len(paired)))
    reach = float(student.ppf(0.975, len(paired) - 1)) * error
    return {"mean": mean, "low": mean - reach, "high": mean + reach}


def _processor_s(work: Callable[[], None]) -> float:
    """Do the work and return the processor seconds it took."""
    start = time.process_time()
    work()
    return time.process_time() - start

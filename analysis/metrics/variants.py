"""The headline figures of a run under every choice an analyst could defend: the ground of specification curves."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd

from agents.schema import Floats
from analysis.metrics.base import Metric, Value
from analysis.metrics.discover import metrics
from analysis.metrics.evidence import Evidence
from analysis.metrics.lists import Lists
from analysis.metrics.periods import Shown
from analysis.metrics.record import Gathered, Period, Record, Tally
from analysis.metrics.strata import Head, by_popularity, head_tail

VARIED = (
    "gini_index",
    "catalog_coverage",
    "arp",
    "aplt",
    "popularity_lift",
    "popularity_lift_current",
    "mean_pairwise_jaccard",
    "topic_entropy",
)
DEPTHS = (5, 10, 0)
"""Places of a visit that count, from the first; 0: all."""
HEADS = ("80 % of interactions", "20 % of items")
CHOICES = ("on", "depth", "snapshot", "head", "profile")
"""What an analyst chooses; empty where a metric does not depend on it."""


class Depths:
    """The whole run at each of DEPTHS, gathered period by period."""

    def __init__(self, record: Record) -> None:
        self.record = record
        nobody = Lists.of_matrix(np.empty((record.n_users, 0), dtype=np.int64))
        self._shown, self._consumed = ({depth: Gathered(nobody, []) for depth in DEPTHS} for _ in range(2))
        self._tally = dict.fromkeys(DEPTHS, Tally.empty(record.n_users, record.n_items))

    def add(self, rows: Shown) -> None:
        """Take the rows of one more period."""
        n_users, n_items = self.record.n_users, self.record.n_items
        for depth in DEPTHS:
            some = rows.first(depth) if depth else rows
            watched = some.take(some.watched)
            self._shown[depth].add(Lists.of_showings(some.user, some.item, n_users))
            self._consumed[depth].add(Lists.of_showings(watched.user, watched.item, n_users))
            self._tally[depth] += Tally.of(some, n_users, n_items)

    def periods(self) -> Iterator[tuple[str, Period]]:
        """Yield each depth, and what was shown and watched down to it; nothing where nothing was shown."""
        record = self.record
        for depth, tally in self._tally.items():
            if not tally.impressions.any():
                return
            consumed = self._consumed[depth].join()
            new = np.bincount(consumed.item[~consumed.within(record.profiles)], minlength=record.n_items)
            profiles = Lists.one_after_other([record.profiles, consumed])
            shown = self._shown[depth].join()
            yield str(depth or "all"), Period(shown, consumed, tally, record.popularity + new, profiles)


def variants(depths: Depths) -> pd.DataFrame:
    """Return one row per metric and choice over the whole run: metric, CHOICES, value and n."""
    record, rows = depths.record, []
    heads = dict(zip(HEADS, (head_tail(record.popularity), top(record.popularity, 0.2)), strict=True))
    wanted = [metric for metric in metrics() if metric.name in VARIED]
    for depth, period in depths.periods():
        for on, evidence in (("shown", record.shown(period)), ("consumed", record.consumed(period))):
            later = replace(evidence, popularity=period.popularity)
            for metric in wanted:
                for choice, value in _choices(metric, evidence, later, heads):
                    rows.append((metric.name.removesuffix("_current"), on, depth, *choice, value.value, value.n))
    return pd.DataFrame(rows, columns=["metric", *CHOICES, "value", "n"])


def top(popularity: Floats, share: float) -> Head:
    """Return the share of items that are most popular, ties by item id.

    >>> top(np.array([4.0, 3.0, 1.0, 1.0, 0.0]), 0.2).mask.tolist()
    [True, False, False, False, False]
    """
    mask = np.zeros(len(popularity), dtype=np.bool_)
    mask[by_popularity(popularity)[: max(1, round(share * len(popularity)))]] = True
    return Head(mask, 0.0)


def _choices(
    metric: Metric, evidence: Evidence, later: Evidence, heads: dict[str, Head]
) -> Iterator[tuple[tuple[str, str, str], Value]]:
    """Yield (snapshot, head, profile) and value for every choice that the metric depends on."""
    needs = set(metric.inputs)
    snapshots = {"initial": evidence, "current": later} if needs & {"popularity", "phi"} else {"": evidence}
    parts: dict[str, Head | None] = {**heads} if "head" in needs else {"": evidence.head}
    profile = "current" if "current_profiles" in needs else "initial" if "profiles" in needs else ""
    for (snapshot, inputs), (name, head) in product(snapshots.items(), parts.items()):
        value = metric.measure(replace(inputs, head=head))
        if value is not None:
            yield (snapshot, name, profile), value

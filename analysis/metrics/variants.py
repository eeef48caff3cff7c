"""The headline figures of a run under every choice an analyst could defend: the ground of specification curves."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd

from agents.schema import Floats
from analysis.load import Run
from analysis.metrics.base import Metric, Value
from analysis.metrics.days import Shown, by_day
from analysis.metrics.discover import metrics
from analysis.metrics.evidence import Evidence
from analysis.metrics.lists import Lists
from analysis.metrics.record import Period, Record, Tally
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


def variants(run: Run) -> pd.DataFrame:
    """Return one row per metric and choice over the whole run: metric, CHOICES, value and n."""
    record, rows = Record(run), []
    heads = dict(zip(HEADS, (head_tail(record.popularity), top(record.popularity, 0.2)), strict=True))
    wanted = [metric for metric in metrics() if metric.name in VARIED]
    for depth, period in _periods(record):
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


def _periods(record: Record) -> Iterator[tuple[str, Period]]:
    """Yield the whole run at each depth."""
    days = [rows for _, rows in by_day(record.run)]
    if not days:
        return
    whole = Shown.joined(days)
    for depth in DEPTHS:
        rows = whole if not depth else whole.first(depth)
        shown = Lists.of_showings(rows.user, rows.item, record.n_users)
        consumed = Lists.of_showings(rows.user[rows.watched], rows.item[rows.watched], record.n_users)
        new = np.bincount(consumed.item[~consumed.within(record.profiles)], minlength=record.n_items)
        profiles = Lists.one_after_other([record.profiles, consumed])
        tally = Tally.of(rows, record.n_users, record.n_items)
        yield str(depth or "all"), Period(shown, consumed, tally, record.popularity + new, profiles)

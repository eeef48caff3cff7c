"""The figures a reader meets first, each arm beside the baseline."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from analysis.compare import Contrast, contrast
from analysis.load import Study
from analysis.plots.frames import figures, grouped, over_seeds, whole_run


@dataclass(frozen=True, slots=True)
class Headline:
    """Which measured figure, under which name and number format it is shown."""

    section: str
    label: str
    metric: str
    on: str
    snapshot: str = ""
    shape: str = "{:.3f}"
    group: str = "all"

    def text(self, value: float) -> str:
        """Return a value as the report prints it."""
        return "–" if value != value else self.shape.format(value).replace("-", "−")

    def change(self, value: float) -> str:
        """Return a difference as the report prints it, always with its sign."""
        if value != value:
            return "–"
        points = self.shape.replace("%", "f").replace("+", "").replace("{:", "{:+")
        return points.format(100 * value).replace("-", "−") + " pp" if "%" in self.shape else self._signed(value)

    def _signed(self, value: float) -> str:
        return self.shape.replace("{:", "{:+").format(value).replace("-", "−")


PERCENT = "{:.1%}"
HEADLINES = (
    Headline("Concentration", "Gini index of exposure", "gini_index", "shown"),
    Headline("Concentration", "Catalog coverage", "catalog_coverage", "shown", "", PERCENT),
    Headline("Concentration", "Effective number of items", "effective_items", "shown", "", "{:.0f}"),
    Headline("Popularity bias", "Mean popularity shown (ARP), as of time 0", "arp", "shown", "initial"),
    Headline("Popularity bias", "Mean popularity shown (ARP), as of the end", "arp", "shown", "current"),
    Headline("Popularity bias", "Tail items in slates (APLT)", "aplt", "shown", "initial", PERCENT),
    Headline("Popularity bias", "Popularity lift over own taste", "popularity_lift", "shown", "initial", PERCENT),
    Headline(
        "Popularity bias", "Popularity lift, niche users", "popularity_lift", "shown", "initial", PERCENT, "niche"
    ),
    Headline("Echo chambers", "Overlap of two users' slates (Jaccard)", "mean_pairwise_jaccard", "shown"),
    Headline("Echo chambers", "Overlap of two users' watches (Jaccard)", "mean_pairwise_jaccard", "consumed"),
    Headline("Echo chambers", "Genre entropy of slates, bits", "topic_entropy", "shown", "", "{:.2f}"),
    Headline("Echo chambers", "Genre entropy of watches, bits", "topic_entropy", "consumed", "", "{:.2f}"),
    Headline("Echo chambers", "Variety within a user's slates (ILD)", "intra_list_diversity", "shown"),
    Headline("What users got", "Watched of shown", "view_ratio", "user", "", PERCENT),
    Headline("What users got", "Satisfaction at the end of a visit", "satisfaction", "user"),
    Headline("What users got", "Page of leaving", "exit_page", "user", "", "{:.2f}"),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One cell of the headline table: an arm's mean, its interval, and the contrast with the baseline."""

    arm: str
    mean: float
    low: float
    high: float
    n: int
    seeds: int
    contrast: Contrast | None


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the headline table; ``note`` numbers its footnote from 1."""

    headline: Headline
    definition_id: str
    note: int
    entries: tuple[Entry, ...]

    def entry(self, arm: str) -> Entry:
        """Return the cell of an arm."""
        return next(entry for entry in self.entries if entry.arm == arm)


def lines(study: Study, wanted: Sequence[Headline] = HEADLINES) -> list[Line]:
    """Return the headline table, without the figures that were not measured."""
    found: list[Line] = []
    for headline in wanted:
        rows = figures(study, headline.metric, on=headline.on, snapshot=headline.snapshot)
        rows = whole_run(rows, headline.group)
        if len(rows):
            found.append(Line(headline, rows["definition_id"].iloc[0], len(found) + 1, _entries(study, rows)))
    return found


def _entries(study: Study, rows: pd.DataFrame) -> tuple[Entry, ...]:
    means = {arm: of.iloc[0] for (arm,), of in grouped(over_seeds(rows, ["arm"]), ["arm"])}
    by_seed = rows.pivot(index="seed", columns="arm", values="value").reindex(columns=study.arms)
    base = by_seed[study.baseline].to_numpy(dtype=float)
    entries = []
    for arm in study.arms:
        of = rows[rows["arm"] == arm]
        if of.empty:
            continue
        against = None if arm == study.baseline else contrast(by_seed[arm].to_numpy(dtype=float), base)
        mean, low, high = (float(means[arm][name]) for name in ("mean", "low", "high"))
        entries.append(Entry(arm, mean, low, high, int(of["n"].iloc[0]), int(of["value"].notna().sum()), against))
    return tuple(entries)

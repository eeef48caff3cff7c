"""What bounded lag changes against immediate visibility."""

from copy import deepcopy
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.compare import contrast, holm
from analysis.load import Study
from analysis.plots.base import Plot
from analysis.plots.frames import figures, grouped, whole_run
from analysis.plots.style import INK, PAGE, STYLES, panels
from analysis.plots.timeline import Track

TRACKS = (
    Track("Gini of what was shown", "gini_index", "shown"),
    Track("Gini of what was watched", "gini_index", "consumed"),
    Track("Catalog coverage, shown", "catalog_coverage", "shown"),
    Track("Popularity lift, shown", "popularity_lift", "shown", "initial"),
    Track("Jaccard between users, shown", "mean_pairwise_jaccard", "shown"),
    Track("Genre entropy, shown (bits)", "topic_entropy", "shown"),
)
ALIKE = ("name", "description", "seed", "measures", "engine", "budget")
"""Sections in which runs may differ and still differ in lag alone."""

SPREAD = "#e9e9e9"
BESIDE = 0.18
"""How far to the right of their mean seeds are drawn, in windows."""


class LagBias(Plot):
    """Draw the paired difference of bias metrics from the baseline over the visibility lag."""

    title = "Bias of bounded lag"
    section = "popularity"
    reading = (
        "Mean difference from the baseline run of the same seed, with its 95 % interval; small points are seeds, the "
        "gray band is one standard deviation of the baseline between seeds, to either side."
    )
    counted = "users, items or pairs"
    bands = True

    def tidy(self, study: Study) -> pd.DataFrame:
        """Return figures over the whole run beside the baseline's of the same seed; empty unless only lags differ."""
        lags = lags_of(study)
        if not lags:
            return pd.DataFrame()
        frames = []
        for track in TRACKS:
            rows = whole_run(figures(study, track.metric, on=track.on, snapshot=track.snapshot))
            base = rows[rows["arm"] == study.baseline].set_index("seed")["value"]
            rows = rows.assign(panel=track.label, baseline=rows["seed"].map(base))
            frames.append(rows[rows["arm"] != study.baseline])
        frame = pd.concat(frames, ignore_index=True)
        frame = frame.assign(lag=frame["arm"].map(lags), baseline_lag=lags[study.baseline])
        return frame[["panel", "lag", "baseline_lag", "value", "baseline", "arm", "seed", "definition_id", "n"]]

    def draw(self, frame: pd.DataFrame) -> Figure:
        """Return a panel per metric."""
        figure, axes = panels(3, 2, height=2.2, width=PAGE)
        for ax, track in zip(axes, TRACKS, strict=True):
            _panel(ax, frame[frame["panel"] == track.label])
            ax.set_title(track.label)
        against = f"difference from lag {frame['baseline_lag'].iloc[0]}"
        for ax in axes[::3]:
            ax.set_ylabel(against)
        for ax in axes[3:]:
            ax.set_xlabel("visibility lag (windows)")
        return figure

    def findings(self, frame: pd.DataFrame) -> str:
        """Return what differs beyond chance, and how large the largest difference is beside the spread of seeds."""
        table = contrasts(frame)
        if table["low"].isna().all():
            return "Too few seeds for intervals: nothing can be said."
        if not table["difference"].any():
            return "No figure differs from the baseline's at any lag."
        apart = table[(table["low"] > 0) | (table["high"] < 0)]
        sure = table[table["p_holm"] < 0.05]
        named = "; ".join(f"{row.panel}, lag {row.lag}: {row.difference:+.2g}" for row in apart.itertuples())
        relative = (table["difference"].abs() / table["spread"]).to_numpy(dtype=float)
        largest = table.iloc[int(np.nanargmax(relative))]
        return (
            f"{len(apart)} of {len(table)} intervals exclude 0, where chance alone would give about one in twenty"
            f"{f' ({named})' if named else ''}; {len(sure) or 'none'} after Holm's correction. The largest difference "
            f"beside the spread of seeds is {largest['difference']:+.2g} ({largest['panel']}, lag {largest['lag']}), "
            f"{np.nanmax(relative):.2f} standard deviations of the baseline between seeds."
        )


def lags_of(study: Study) -> dict[str, int]:
    """Return each arm's visibility lag where arms differ in nothing else, else nothing."""
    first = {arm: _scenario(study, arm) for arm in study.arms}
    lags = {arm: scenario.get("platform", {}).pop("visibility_lag", None) for arm, scenario in first.items()}
    rest = list(first.values())
    told = None not in lags.values() and len(set(lags.values())) == len(lags) > 1
    return lags if told and all(scenario == rest[0] for scenario in rest) else {}


def _scenario(study: Study, arm: str) -> dict[str, Any]:
    """Return what an arm's first run was asked to do, without what cannot change its log."""
    return deepcopy({key: value for key, value in study.of(arm)[0].run.scenario.items() if key not in ALIKE})


def contrasts(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the paired contrast per panel and lag, Holm's p over all, and the baseline's deviation between seeds."""
    rows = []
    for (panel, lag), cells in grouped(frame, ["panel", "lag"]):
        value, baseline = (cells[name].to_numpy(dtype=float) for name in ("value", "baseline"))
        found = contrast(value, baseline)
        spread = float(np.nanstd(baseline, ddof=1)) if len(baseline) > 1 else np.nan
        rows.append((panel, lag, found.difference, found.low, found.high, found.p, spread))
    table = pd.DataFrame(rows, columns=["panel", "lag", "difference", "low", "high", "p", "spread"])
    return table.assign(p_holm=holm(table["p"].to_numpy(dtype=float)))


def _panel(ax: Axes, frame: pd.DataFrame) -> None:
    """Draw means with intervals, seeds beside them, zero, the spread of the baseline, and its mean in words."""
    color, table = STYLES[1].color, contrasts(frame)
    spread, mean = table["spread"].iloc[0], table["difference"]
    if spread == spread:
        ax.axhspan(-spread, spread, color=SPREAD, linewidth=0)
    ax.axhline(0, color=INK, linewidth=0.8)
    ax.plot(frame["lag"] + BESIDE, frame["value"] - frame["baseline"], ".", color=color, markersize=3, alpha=0.35)
    ends = [mean - table["low"], table["high"] - mean]
    ax.errorbar(table["lag"], mean, yerr=ends, color=color, marker="s", linestyle="none", capsize=3)
    ax.set_xticks(table["lag"])
    ax.margins(x=0.15, y=0.25)
    ax.locator_params(axis="y", nbins=5)
    before = f"baseline {frame['baseline'].mean():.4g}"
    ax.annotate(before, (0, 1), (3, -3), xycoords="axes fraction", textcoords="offset points", va="top", color=INK)

"""Paired differences of every arm from the baseline, in one picture."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter, SymmetricalLogLocator

from analysis.compare import verdict
from analysis.headlines import lines
from analysis.load import Study
from analysis.plots.base import Plot
from analysis.plots.style import FAINT, INK, PAGE, arm_legend, arm_styles, panels

ROW = 0.22
"""Inches a figure takes."""
LINEAR = 10
"""Percent up to which the axis is linear."""
DECADES = 3
"""Powers of ten beyond that, both sides together, up to which there is room for a label between two of them."""


class Forest(Plot):
    """Draw the paired difference of every headline figure from the baseline, in percent of the baseline's mean."""

    title = "Differences from the baseline"
    section = "outcomes"
    reading = "Difference of each figure from the baseline, paired by seed, in percent of the baseline's mean."
    counted = "users, items or pairs"
    bands = True

    def tidy(self, study: Study) -> pd.DataFrame:
        """Return one row per headline and arm: percent difference with its interval, NaN under 3 seeds."""
        rows = []
        for line in lines(study):
            for entry in line.entries:
                if entry.contrast is None or not entry.contrast.baseline_mean:
                    continue
                against = entry.contrast
                scale = 100 / abs(against.baseline_mean)
                rows.append(
                    {"figure": line.headline.label, "part": line.headline.section, "arm": entry.arm}
                    | {"percent": against.difference * scale, "low": against.low * scale, "high": against.high * scale}
                    | {"seeds": against.n, "n": entry.n, "definition_id": line.definition_id}
                )
        return pd.DataFrame(rows).dropna(subset=["percent"]) if rows else pd.DataFrame()

    def draw(self, frame: pd.DataFrame) -> Figure:
        """Return one panel, a row per figure, arms beside each other in it."""
        labels = list(dict.fromkeys(frame["figure"]))
        arms = list(dict.fromkeys(frame["arm"]))
        styles = dict(list(arm_styles(["baseline", *arms]).items())[1:])
        figure, (ax,) = panels(1, height=ROW * len(labels) * max(1.0, 0.4 * len(arms)) + 0.8, width=PAGE)
        for place, (arm, style) in enumerate(styles.items()):
            shift = 0.6 * ((place + 0.5) / len(arms) - 0.5)
            mine: list[Any] = list(frame[frame["arm"] == arm].itertuples())
            for row in mine:
                y = labels.index(row.figure) + shift
                ax.plot([row.low, row.high], [y, y], color=style.color, linewidth=1.4)
                shown = verdict(row.low, row.high) != "not shown"
                ax.plot(row.percent, y, color=style.color, marker=style.marker, linestyle="none",
                        markerfacecolor=style.color if shown else "white")  # fmt: skip
        _axes(ax, labels)
        arm_legend(figure, styles, lines=False)
        return figure

    def findings(self, frame: pd.DataFrame) -> str:
        """Return the differences that are shown, arm by arm."""
        shown = frame[
            [verdict(low, high) != "not shown" for low, high in zip(frame["low"], frame["high"], strict=True)]
        ]
        rows: list[Any] = list(shown.itertuples())
        words = "; ".join(f"{row.arm}, {row.figure}: {row.percent:+.0f} %" for row in rows)
        return f"Shown to differ: {words or 'nothing'}."

    def caption(self, frame: pd.DataFrame) -> str:
        """Return the reading, the definitions and the replication."""
        definitions = ", ".join(sorted(frame["definition_id"].unique()))
        n = int(frame["seeds"].max())
        there = frame["low"].notna().any()
        bars = "Bars are 95 % intervals, filled points exclude none." if there else f"n = {n}, no interval."
        return f"{self.reading} {bars} Definition: {definitions}; n = {n} pairs."


def _axes(ax: Axes, labels: list[str]) -> None:
    ax.axvline(0, color=INK, linewidth=0.8)
    for place in range(len(labels) - 1):
        ax.axhline(place + 0.5, color=FAINT, linewidth=0.3)
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(len(labels) - 0.4, -0.6)
    ax.set_xscale("symlog", linthresh=LINEAR)
    decades = sum(np.log10(max(abs(end) / LINEAR, 1.0)) for end in ax.get_xlim())
    between = (1.0, 3.0) if decades <= DECADES else (1.0,)
    ax.xaxis.set_major_locator(SymmetricalLogLocator(base=10, linthresh=LINEAR, subs=between))
    ax.xaxis.set_major_formatter(PercentFormatter(decimals=0))
    ax.set_xlabel("difference from the baseline (of its mean; logarithmic beyond 10 %)")
    ax.grid(axis="y", visible=False)

"""The quality panel: every figure of synthetic rows beside the references."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.plots.base import Panel
from analysis.plots.frames import in_words
from analysis.plots.style import FAINT, PAGE, STYLES, arm_legend, panels, side_by_side

COLUMNS = ("synthetic", "bootstrap", "random", "held_out")
GROUPS = {
    "columns, neighborhoods (ideal 1)": (
        "rating_ks_complement",
        "popularity_ks_complement",
        "year_ks_complement",
        "genre_tv_complement",
        "item_degree_ks_complement",
        "cooccurrence_cosine",
        "precision",
        "recall",
        "density",
        "coverage",
    ),
    "told apart (ideal .5, tpr .01)": ("two_sample_auc", "mia_auc", "mia_tpr_at_1_fpr"),
    "shifts and gaps (ideal 0)": ("popularity_gini_gap", "gini_shift", "arp_shift", "genre_shift", "copied_share"),
}
"""Panels and the figures in each."""
IDEAL = (1.0, 0.5, 0.0)


def tidy(told: Mapping[str, Any]) -> pd.DataFrame:
    """Return one row per figure and column that was measured."""
    known = {row["figure"]: row for row in told["figures"]}
    rows = [
        {"panel": panel, "figure": name, "column": column, **known[name]["columns"][column]}
        for panel, names in GROUPS.items()
        for name in names
        for column in COLUMNS
    ]
    return pd.DataFrame(rows, columns=["panel", "figure", "column", "value", "low", "high"]).dropna(subset=["value"])


class QualityPanel(Panel):
    """Draw every figure of synthetic rows beside the references."""

    title = "Quality panel"

    def draw(self, frame: pd.DataFrame) -> Figure:
        """Return one panel per group: points with intervals, the columns apart."""
        figure, axes = panels(len(GROUPS), height=3.6, width=PAGE)
        styles = dict(zip(COLUMNS, STYLES[1:5], strict=True))
        for ax, panel, ideal in zip(axes, GROUPS, IDEAL, strict=True):
            part = frame[frame["panel"] == panel]
            names = side_by_side(ax, part, styles, 0.18)
            _label(ax, panel, names, ideal)
        arm_legend(figure, {name.replace("_", " "): style for name, style in styles.items()}, lines=False)
        return figure

    def findings(self, frame: pd.DataFrame) -> str:
        """Return the columns of every figure."""
        return in_words(frame, "figure", "column")


def _label(ax: Axes, panel: str, names: list[str], ideal: float) -> None:
    ax.set_title(panel, x=1, ha="right")
    words = [name.replace("_complement", "").replace("_", " ") for name in reversed(names)]
    ax.set_yticks(range(len(names)), words)
    ax.axvline(ideal, color=FAINT, linewidth=0.7, linestyle=(0, (2, 2)))


def caption(told: Mapping[str, Any]) -> str:
    """Return what the panel shows."""
    return (
        f"Synthetic rows for {told['data']} beside a bootstrap of real rows, random rows and held-out real rows: means "
        f"over {told['seeds']} seeds with 95 % t intervals; dashed: the ideal."
    )

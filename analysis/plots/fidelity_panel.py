"""The fidelity panel: every figure of simulated users beside the null and the ceiling."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.plots.base import Panel
from analysis.plots.frames import in_words
from analysis.plots.style import FAINT, STYLES, arm_legend, panels, side_by_side

COLUMNS = ("simulated", "null", "ceiling")
GROUPS = {
    "choices (larger is better)": (
        "auc_uniform",
        "auc_matched",
        "auc_uniform_all",
        "auc_matched_all",
        "hit_1_9",
        "ap_1_9",
        "mcfadden_r2",
    ),
    "ratings (smaller is better)": ("rating_ks", "rating_ks_user", "rating_tv", "rating_js", "rating_rmse"),
    "ratios (1 is real)": ("calibration_slope", "gini_ratio", "entropy_ratio", "coconsumption_ratio", "base_rate"),
}
"""Panels and the figures in each."""


def tidy(told: Mapping[str, Any]) -> pd.DataFrame:
    """Return one row per figure and column that was measured."""
    rows = []
    for panel, names in GROUPS.items():
        for name in names:
            for column in COLUMNS:
                found = (told if column == "simulated" else told[column]).get(name)
                if found is not None and found["value"] is not None:
                    rows.append({"panel": panel, "figure": name, "column": column, **found})
    return pd.DataFrame(rows, columns=["panel", "figure", "column", "value", "low", "high"])


class FidelityPanel(Panel):
    """Draw every figure of simulated users beside the null and the ceiling."""

    title = "Fidelity panel"

    def draw(self, frame: pd.DataFrame) -> Figure:
        """Return one panel per group: points with intervals, the three columns apart."""
        figure, axes = panels(len(GROUPS), height=3.1)
        styles = dict(zip(COLUMNS, STYLES[1:4], strict=True))
        for ax, panel in zip(axes, GROUPS, strict=True):
            part = frame[frame["panel"] == panel]
            names = side_by_side(ax, part, styles, 0.22)
            _label(ax, panel, names)
        arm_legend(figure, styles, lines=False)
        return figure

    def findings(self, frame: pd.DataFrame) -> str:
        """Return the columns of every figure."""
        return in_words(frame, "figure", "column")


def _label(ax: Axes, panel: str, names: list[str]) -> None:
    ax.set_title(panel)
    ax.set_yticks(range(len(names)), [name.replace("_", " ") for name in reversed(names)])
    if "ratios" in panel:
        ax.axvline(1.0, color=FAINT, linewidth=0.7, linestyle=(0, (2, 2)))


def caption(told: Mapping[str, Any]) -> str:
    """Return what the panel shows."""
    return (
        f"Fidelity of {told['behavior']} users on {told['data']}: means over {told['seeds']} seeds, 95 % t intervals; "
        "null: items by popularity and ratings by their frequency; ceiling: random halves of what "
        "real users took."
    )

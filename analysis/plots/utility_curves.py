"""NDCG on real held-out rows over how many rows are added to real ones, by family and source."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.plots.base import Panel
from analysis.plots.style import FAINT, PAGE, ArmStyle, arm_legend, arm_styles, panels

COLUMNS = ["family", "source", "use", "ratio", "value", "low", "high", "gained", "verdict"]


def tidy(told: Mapping[str, Any]) -> pd.DataFrame:
    """Return one row per family and training set: NDCG@10 over all targets."""
    rows = [
        {name: row[name] for name in ("family", "source", "use", "ratio")}
        | {name: row["splits"]["all"][name] for name in ("value", "low", "high", "gained", "verdict")}
        for row in told["rows"]
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


class UtilityCurves(Panel):
    """Draw NDCG over the ratio, one panel per family; at the left, what each source is worth alone."""

    title = "Utility of synthetic rows"

    def draw(self, frame: pd.DataFrame) -> Figure:
        """Return the panels, sources overlaid."""
        families = list(dict.fromkeys(frame["family"]))
        figure, axes = panels(len(families), height=3.0, width=PAGE)
        styles = arm_styles([source for source in dict.fromkeys(frame["source"]) if source != "real"])
        for ax, family in zip(axes, families, strict=True):
            _panel(ax, frame[frame["family"] == family], styles)
            ax.set_title(family if len(family) < 30 else f"{family[:28]}…")
        axes[0].set_ylabel("NDCG@10, real held-out rows")
        arm_legend(figure, styles)
        return figure

    def findings(self, frame: pd.DataFrame) -> str:
        """Return what is shown to gain or to lose over real rows alone."""
        rows: list[Any] = list(frame[frame["use"] == "added"].itertuples())
        words = [
            f"{row.family}, {row.source} at {row.ratio:g}: {row.gained:+.4f}"
            for row in rows
            if row.verdict in ("shown", "opposite")
        ]
        return f"Shown to differ from real rows alone: {'; '.join(words) or 'nothing'}."


ALONE_AT = -0.15
"""Where on the axis stands what was trained on a source alone, in units of the highest ratio."""


def _panel(ax: Axes, some: pd.DataFrame, styles: Mapping[str, ArmStyle]) -> None:
    real = some[some["use"] == "real"].iloc[0]
    ratios = sorted(some.loc[some["use"] == "added", "ratio"].unique().tolist())
    unit = max(ratios, default=1.0)
    ax.axhline(real["value"], color=FAINT, linewidth=0.8, linestyle=(0, (2, 2)))
    for place, (source, style) in enumerate(styles.items()):
        mine = some[some["source"] == source]
        added = pd.concat([some[some["use"] == "real"], mine[mine["use"] == "added"]])
        ax.plot(added["ratio"], added["value"], color=style.color, linestyle=style.dashes, marker=style.marker)
        ax.fill_between(added["ratio"], added["low"], added["high"], color=style.color, alpha=0.12, linewidth=0)
        alone = mine[mine["use"] == "alone"]
        at = unit * (ALONE_AT + 0.02 * (place - len(styles) / 2))
        ax.plot([at] * len(alone), alone["value"], color=style.color, marker=style.marker, linestyle="none")
        ax.vlines([at] * len(alone), alone["low"], alone["high"], color=style.color, linewidth=1.0)
    ax.set_xlabel("rows added per real row")
    shown = [ratio for ratio in ratios if ratio >= unit / 4]  # smaller ones would lie on each other
    ax.set_xticks([ALONE_AT * unit, 0, *shown], ["alone", "0", *(f"{ratio:g}" for ratio in shown)])


def caption(told: Mapping[str, Any]) -> str:
    """Return what the figure shows."""
    return (
        f"Recommenders trained on real rows of {told['data']} with rows of a source added, and (left) on a source "
        f"alone, tested on real held-out rows: means over {told['seeds']} seeds with 95 % t intervals; the dashed line "
        "is real rows alone."
    )

"""Shares of genres in real rows, in synthetic rows and in both together."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from analysis.plots.base import Panel
from analysis.plots.style import STYLES, arm_legend, panels

COLUMNS = ("real", "synthetic", "after")
LABELS = {"real": "real", "synthetic": "synthetic", "after": "both together"}


def tidy(told: Mapping[str, Any]) -> pd.DataFrame:
    """Return one row per genre, the most common first."""
    frame = pd.DataFrame(told["genres"], columns=["genre", *COLUMNS])
    return frame.sort_values("real", ascending=False, kind="stable").reset_index(drop=True)


class GenreShares(Panel):
    """Draw how genres' shares move."""

    title = "Genre shares before and after"

    def draw(self, frame: pd.DataFrame) -> Figure:
        """Return one panel, a row per genre."""
        figure, (ax,) = panels(1, height=0.16 * len(frame) + 1.0)
        styles = dict(zip(LABELS.values(), STYLES[:3], strict=True))
        for (column, label), size in zip(LABELS.items(), (6.5, 4.5, 4.0), strict=True):
            style = styles[label]
            open_ = "white" if column == "real" else style.color
            ax.plot(frame[column], range(len(frame)), color=style.color, marker=style.marker, linestyle="none",
                    markersize=size, markerfacecolor=open_)  # fmt: skip
        ax.set_yticks(range(len(frame)), frame["genre"].tolist(), parse_math=False)
        ax.invert_yaxis()
        ax.set_xlabel("share of rows (an item splits its weight)")
        arm_legend(figure, styles, lines=False)
        return figure

    def findings(self, frame: pd.DataFrame) -> str:
        """Return the genres that move most."""
        moved = (frame["after"] - frame["real"]).abs().nlargest(3).index
        rows: list[Any] = list(frame.loc[moved].itertuples())
        return "; ".join(f"{row.genre} from {row.real:.3f} to {row.after:.3f}" for row in rows) + "."


def caption(told: Mapping[str, Any]) -> str:
    """Return what the figure shows."""
    return f"Shares of genres in the real rows of {told['data']}, in the synthetic rows, and in both together."

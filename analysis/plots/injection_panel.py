"""The injection panel: collaborative injection and its controls, on warm and on cold items."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from analysis.plots.base import Panel
from analysis.plots.frames import in_words
from analysis.plots.style import FAINT, STYLES, panels

PARTS = ("warm", "cold")


def tidy(told: Mapping[str, Any]) -> pd.DataFrame:
    """Return one row per control and kind of item: the AUC with its interval."""
    rows = [
        {"injection": row["injection"], "items": part, **row[f"auc_{part}"]} for row in told["rows"] for part in PARTS
    ]
    return pd.DataFrame(rows, columns=["injection", "items", "value", "low", "high"])


class InjectionPanel(Panel):
    """Draw the AUC of every control on warm and on cold items."""

    title = "Injection panel"

    def draw(self, frame: pd.DataFrame) -> Figure:
        """Return a panel for warm and one for cold items: points with intervals, chance as a dashed line."""
        figure, axes = panels(len(PARTS), height=2.2)
        names = list(dict.fromkeys(frame["injection"]))
        for ax, part, style in zip(axes, PARTS, STYLES[1:3], strict=True):
            mine = frame[frame["items"] == part]
            places = [len(names) - 1 - names.index(name) for name in mine["injection"]]
            ends = mine[["low", "high"]].astype(float)
            ax.hlines(places, ends["low"], ends["high"], color=style.color, linewidth=1.2)
            ax.plot(mine["value"], places, color=style.color, marker=style.marker, linestyle="none")
            ax.axvline(0.5, color=FAINT, linewidth=0.7, linestyle=(0, (2, 2)))
            ax.set_yticks(range(len(names)), [name.replace("_", " ") for name in reversed(names)])
            ax.set_title(f"{part} items")
            ax.set_xlabel("AUC")
        return figure

    def findings(self, frame: pd.DataFrame) -> str:
        """Return every control's AUC on warm and on cold items."""
        return in_words(frame, "injection", "items")


def caption(told: Mapping[str, Any]) -> str:
    """Return what the panel shows."""
    return (
        f"Collaborative injection into a text model and its controls on {told['data']}: share of comparable items that "
        f"the one really taken next beats, means over {told['seeds']} seeds with 95 % t intervals; cold items "
        f"({told['cold']:.0%} of the catalog) were kept out of training; the dashed line is chance."
    )

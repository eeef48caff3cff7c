"""The injection panel: what collaborative injection and its controls add to a text model, on warm and on cold items."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from analysis.compare import verdict
from analysis.plots.base import Panel
from analysis.plots.style import FAINT, STYLES, panels

PARTS = ("warm", "cold")


def tidy(told: Mapping[str, Any]) -> pd.DataFrame:
    """Return one row per control and kind of item: the AUC gained over the text alone, with its paired interval."""
    rows = [
        {"injection": row["injection"], "items": part, **row[f"auc_{part}_gained"], "auc": row[f"auc_{part}"]["value"]}
        for row in told["rows"]
        for part in PARTS
    ]
    return pd.DataFrame(rows, columns=["injection", "items", "value", "low", "high", "auc"])


class InjectionPanel(Panel):
    """Draw what every control gains on warm and on cold items."""

    title = "Injection panel"

    def draw(self, frame: pd.DataFrame) -> Figure:
        """Return a panel for warm and one for cold items: gains with intervals, none as a dashed line."""
        figure, axes = panels(len(PARTS), height=2.0)
        for ax, part, style in zip(axes, PARTS, STYLES[1:3], strict=True):
            some = frame[frame["items"] == part]
            mine, names = some.iloc[1:], some["injection"].iloc[1:].tolist()
            places = range(len(names) - 1, -1, -1)
            ends = mine[["low", "high"]].astype(float)
            ax.hlines(places, ends["low"], ends["high"], color=style.color, linewidth=1.2)
            ax.plot(mine["value"], places, color=style.color, marker=style.marker, linestyle="none")
            ax.axvline(0.0, color=FAINT, linewidth=0.7, linestyle=(0, (2, 2)))
            ax.set_yticks(range(len(names)), [name.replace("_", " ") for name in reversed(names)])
            ax.set_title(f"{part} items (text alone: {some['auc'].iloc[0]:.3f})")
            ax.set_xlabel("AUC gained over the text alone")
            ax.margins(y=0.2)
            ax.locator_params(axis="x", nbins=5)
        return figure

    def findings(self, frame: pd.DataFrame) -> str:
        """Return every control's gain, and whether one is shown."""
        rows: list[Any] = list(frame[frame["injection"] != frame["injection"].iloc[0]].itertuples())
        parts = (
            f"{row.injection} on {row.items} items {row.value:+.4f}, a gain {verdict(row.low, row.high)}"
            for row in rows
        )
        return "; ".join(parts) + "."


def caption(told: Mapping[str, Any]) -> str:
    """Return what the panel shows."""
    return (
        f"Collaborative injection into a text model and its controls on {told['data']}: share of comparable items that "
        f"the one really taken next beats (AUC), gain over the text alone, paired over {told['seeds']} seeds, with "
        f"95 % t intervals; cold items ({told['cold']:.0%} of the catalog) were kept out of training."
    )

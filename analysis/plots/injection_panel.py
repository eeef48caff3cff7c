"""The injection panel: collaborative injection and its controls, on warm and on cold items."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib
import pandas as pd
from matplotlib.figure import Figure

from agents.cache import replacing
from analysis.plots.style import FAINT, RC, STYLES, panels

DPI = 200
PARTS = ("warm", "cold")


def tidy(told: Mapping[str, Any]) -> pd.DataFrame:
    """Return one row per control and kind of item: the AUC with its interval."""
    rows = [
        {"injection": row["injection"], "items": part, **row[f"auc_{part}"]} for row in told["rows"] for part in PARTS
    ]
    return pd.DataFrame(rows, columns=["injection", "items", "value", "low", "high"])


def draw(frame: pd.DataFrame) -> Figure:
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


def caption(told: Mapping[str, Any]) -> str:
    """Return what the panel shows."""
    return (
        f"Collaborative injection into a text model and its controls on {told['data']}: share of comparable items that "
        f"the one really taken next beats, means over {told['seeds']} seeds with 95 % t intervals; cold items "
        f"({told['cold']:.0%} of the catalog) were kept out of training; the dashed line is chance."
    )


def save(told: Mapping[str, Any], folder: Path) -> None:
    """Write injection_panel as PNG, SVG, CSV and caption; nothing half-written stays."""
    frame, words = tidy(told), caption(told)
    described = {"Title": "Injection panel", "Description": words}
    with matplotlib.rc_context(RC):
        figure = draw(frame)
        with replacing(folder / "injection_panel.png") as path:
            figure.savefig(path, format="png", dpi=DPI, metadata=described)
        with replacing(folder / "injection_panel.svg") as path:
            figure.savefig(path, format="svg", metadata={**described, "Date": None})
    with replacing(folder / "injection_panel.csv") as path:
        frame.to_csv(path, index=False, float_format="%.10g")
    with replacing(folder / "injection_panel.json") as path:
        path.write_text(json.dumps({"title": "Injection panel", "caption": words}, indent=1) + "\n")

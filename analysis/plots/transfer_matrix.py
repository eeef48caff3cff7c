"""The transfer matrix: what each task gains by what is trained beside it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analysis.compare import verdict
from analysis.plots.base import Panel
from analysis.plots.style import panels

FIGURES = {"ndcg@10": 1, "rating_rmse": -1, "token_accuracy": 1}
"""One figure per task, and whether larger (1) or smaller (-1) is better."""
CLEAR = 0.6
"""Share of the darkest color above which words are written in white."""


def tidy(told: Mapping[str, Any]) -> pd.DataFrame:
    """Return one row per set of tasks and figure: value, interval, and percent gained over the task alone."""
    alone = {
        name: row[name]["value"] for row in told["rows"] for name in FIGURES if len(row["tasks"]) == 1 and name in row
    }
    rows = []
    for row in told["rows"]:
        for name, sign in FIGURES.items():
            if name in row:
                gained = 100 * sign * row[f"{name}_gained"]["value"] / alone[name] if alone[name] else float("nan")
                ends = row[f"{name}_gained"]
                said = verdict(ends["low"], ends["high"], more=sign > 0) if len(row["tasks"]) > 1 else ""
                cell = {**row[name], "gained_percent": gained, "verdict": said}
                rows.append({"tasks": " + ".join(row["tasks"]), "figure": name, **cell})
    return pd.DataFrame(rows, columns=["tasks", "figure", "value", "low", "high", "gained_percent", "verdict"])


class TransferMatrix(Panel):
    """Draw what each task gains by what is trained beside it."""

    title = "Transfer matrix"

    def draw(self, frame: pd.DataFrame) -> Figure:
        """Return a heat map, one row per set of tasks; every cell says its figure and its gain."""
        sets = list(dict.fromkeys(frame["tasks"]))
        gained, value, said = (
            frame.pivot(index="tasks", columns="figure", values=name).reindex(index=sets, columns=[*FIGURES])
            for name in ("gained_percent", "value", "verdict")
        )
        most = max(float(np.nanmax(np.abs(gained.to_numpy()), initial=0.0)), 1.0)
        figure, (ax,) = panels(1, height=0.42 * len(sets) + 0.9, width=5.2)
        ax.imshow(gained.to_numpy(), cmap="PuOr", vmin=-most, vmax=most, aspect="auto")
        for y, tasks in enumerate(sets):
            for x, name in enumerate(FIGURES):
                if np.isfinite(value.loc[tasks, name]):
                    percent, word = float(gained.loc[tasks, name]), said.loc[tasks, name]
                    star = " *" if word in ("shown", "opposite") else ""
                    more = f"\n{percent:+.1f} %{star}" if word else ""
                    color = "white" if abs(percent) > CLEAR * most else "black"
                    ax.text(x, y, f"{value.loc[tasks, name]:.3f}{more}", ha="center", va="center", color=color)
        ax.set_xticks(range(len(FIGURES)), [name.replace("_", " ") for name in FIGURES])
        ax.set_yticks(range(len(sets)), sets)
        ax.grid(visible=False)
        return figure

    def findings(self, frame: pd.DataFrame) -> str:
        """Return the gain of every task in company, and whether one is shown."""
        rows: list[Any] = list(frame[frame["verdict"] != ""].itertuples())
        gains = (f"{row.tasks}: {row.figure} {row.gained_percent:+.1f} %, a gain {row.verdict}" for row in rows)
        return "; ".join(gains) + "."


def caption(told: Mapping[str, Any]) -> str:
    """Return what the matrix shows."""
    return (
        f"Tasks of {told['recommender']} trained together on {told['data']}: means over {told['seeds']} seeds, and the "
        "percentage by which a task does better (positive) or worse than trained alone, with a star where the paired "
        "95 % t interval excludes none; empty cells were not trained."
    )

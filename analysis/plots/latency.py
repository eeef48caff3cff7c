"""Accuracy against the time that serving takes."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from analysis.metrics.discover import metrics
from analysis.plots.base import Drawing
from analysis.plots.labels import name_points
from analysis.plots.pareto import BAR, ENDS
from analysis.plots.style import INK, PAGE, STYLES, panels

ALL, FEW = STYLES[1].color, STYLES[2].color


class Latency(Drawing):
    """Draw NDCG against the processor milliseconds of serving one user, in one batch of all and in batches of 32."""

    title = "Accuracy against serving time"
    section = "outcomes"
    reading = (
        "Squares: processor milliseconds per user when all are served in one batch; the line beside: batches of 32 "
        "users, from the median to the 95th percentile of batches. Vertical bars are 95 % intervals over users."
    )
    counted = "users"

    def draw(self, frame: pd.DataFrame) -> Figure:
        """Return one panel per data set."""
        data = list(dict.fromkeys(frame["data"]))
        figure, axes = panels(len(data), height=3.0, width=PAGE if len(data) > 1 else 5.2)
        for ax, name in zip(axes, data, strict=True):
            some = frame[frame["data"] == name]
            _panel(ax, some)
            ax.set_title(name if len(data) > 1 else "")
        axes[0].set_ylabel("NDCG@10")
        figure.legend(handles=_handles(), loc="outside upper center", ncols=2)
        for ax, name in zip(axes, data, strict=True):
            some = frame[frame["data"] == name]
            name_points(ax, some["ms"].tolist(), some["y"].tolist(), some["arm"].tolist(), [INK] * len(some))
        return figure

    def findings(self, frame: pd.DataFrame) -> str:
        """Return every recommender's times and accuracy."""
        rows: list[Any] = list(frame.itertuples())
        return "; ".join(f"{row.data}, {row.arm}: {row.ms:.3g} ms a user, NDCG {row.y:.3g}" for row in rows) + "."

    def caption(self, frame: pd.DataFrame) -> str:
        """Return the reading, the definition, the protocol and the replication."""
        protocol, fits = frame["protocol"].iloc[0], f"mean of {frame['seeds'].max()} fit(s)"
        return (
            f"{self.reading} One thread. Protocol: {protocol}. Definition: {frame['definition_id'].iloc[0]}; "
            f"{frame['n'].max():,} users; {fits}."
        )


def tidy(rows: Sequence[Mapping[str, Any]], names: Mapping[str, str], protocol: str) -> pd.DataFrame:
    """Return one row per data set and recommender, in the order of the judged rows; ``names`` shortens them."""
    definition = next(metric.definition_id for metric in metrics() if metric.name == "ndcg_at_k")
    made = [
        {"data": row["data"], "protocol": protocol, "arm": names[row["recommender"]]}
        | {"ms": row["ms_per_user"], "ms_p50": row["ms_p50"], "ms_p95": row["ms_p95"]}
        | {f"y{suffix}": row["intervals"]["ndcg@10"][key] for suffix, key in ENDS}
        | {"seeds": len(row["fits"]), "n": row["users"], "definition_id": definition}
        for row in rows
    ]
    return pd.DataFrame(made).dropna(subset=["ms", "y"]).reset_index(drop=True)


def _panel(ax: Axes, some: pd.DataFrame) -> None:
    rows: list[Any] = list(some.itertuples())
    for row in rows:
        ax.plot([row.ms, row.ms], [row.y_low, row.y_high], color=BAR, linewidth=0.9, zorder=1.5)
        ax.plot([row.ms_p50, row.ms_p95], [row.y, row.y], color=FEW, linewidth=2.2, solid_capstyle="butt", zorder=2)
        ax.plot(row.ms, row.y, color=ALL, marker="s", markersize=5, linestyle="none", zorder=3)
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _place: f"{value:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_xlabel("processor milliseconds per user")
    ax.margins(x=0.16, y=0.12)
    ax.autoscale_view()
    ax.set_autoscale_on(False)


def _handles() -> list[Line2D]:
    return [
        Line2D([], [], color=ALL, marker="s", markersize=5, linestyle="none", label="one batch"),
        Line2D([], [], color=FEW, linewidth=2.2, label="batches of 32, median to 95th percentile"),
    ]

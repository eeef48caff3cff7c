"""Draw measured figures period by period: the part that all time figures share."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.load import Study
from analysis.plots.frames import SHARED, figures, grouped, over_seeds, over_time
from analysis.plots.style import arm_legend, arm_styles, day_axis, panels, spelled

TIMED = ["day", "period", "value", *SHARED]
"""Columns of a frame of time figures: ``day`` is that on which the ``period`` (1d, 6h) of a value begins."""


@dataclass(frozen=True, slots=True)
class Track:
    """One panel over time: a metric as measured on one side, with its axis label."""

    label: str
    metric: str
    on: str
    snapshot: str = ""


def series(study: Study, tracks: Sequence[Track]) -> pd.DataFrame:
    """Return the figures of every track period by period, as rows with ``panel`` and TIMED."""
    frames = [
        over_time(figures(study, track.metric, on=track.on, snapshot=track.snapshot)).assign(panel=track.label)
        for track in tracks
    ]
    return pd.concat(frames, ignore_index=True)[["panel", *TIMED]]


def draw_series(frame: pd.DataFrame, columns: int, height: float = 2.1) -> Figure:
    """Return one panel per track, arms overlaid, bands where there are intervals."""
    styles = arm_styles(frame["arm"])
    names = list(frame["panel"].unique())
    figure, axes = panels(columns, -(-len(names) // columns), height=height)
    for ax, name in zip(axes, names, strict=False):
        _lines(ax, over_seeds(frame[frame["panel"] == name], ["arm", "day"]), frame["period"].iloc[0])
        ax.set_title(name)
    for ax in axes[len(names) :]:
        ax.set_visible(False)
    arm_legend(figure, styles)
    return figure


def _lines(ax: Axes, means: pd.DataFrame, period: str) -> None:
    for arm, style in arm_styles(means["arm"]).items():
        line = means[means["arm"] == arm].sort_values("day")
        ax.plot(line["day"], line["mean"], color=style.color, linestyle=style.dashes, marker=style.marker)
        ax.fill_between(line["day"], line["low"], line["high"], color=style.color, alpha=0.15, linewidth=0)
    day_axis(ax, period)
    if means["mean"].min() >= 0:
        ax.set_ylim(0, 1.08 * max(means["mean"].max(), means["high"].max(skipna=True), 1e-9))


def first_to_last(frame: pd.DataFrame) -> str:
    """Return each panel's figure in the first and the last period, per arm, as running text."""
    outer = frame[frame["day"].isin([frame["day"].min(), frame["day"].max()])]
    texts: dict[str, list[str]] = {}
    for (panel, arm), rows in grouped(outer, ["panel", "arm"]):
        of = rows.groupby("day")["value"].mean()
        texts.setdefault(panel, []).append(f"{arm} {of.iloc[0]:.3g} to {of.iloc[-1]:.3g}")
    ends = f"first to last {spelled(frame['period'].iloc[0])}"
    return " ".join(f"{panel}, {ends}: {', '.join(parts)}." for panel, parts in texts.items())

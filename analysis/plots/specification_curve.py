"""One contrast under every choice an analyst could defend."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.compare import paired, verdict
from analysis.load import VARIANTS, Study
from analysis.metrics.variants import CHOICES
from analysis.plots.base import Plot
from analysis.plots.style import FAINT, INK, PAGE, STYLES

NAMES = {"on": "judged on", "depth": "places", "snapshot": "popularity", "head": "head", "profile": "profile"}
LINE = 0.17
"""Inches a choice takes."""


class SpecificationCurve(Plot):
    """Draw the first declared contrast, sorted, over depth, head, snapshot, profile and the grid's points."""

    title = "Specification curve"
    section = "outcomes"
    reading = (
        "The same contrast under every combination of choices below (Simonsohn et al. 2020), sorted by size; bars are "
        "95 % intervals over paired seeds, filled points exclude none. A claim that holds only under some choices is a "
        "claim about these choices."
    )
    counted = "users, items or pairs"
    bands = True

    def tidy(self, study: Study) -> pd.DataFrame:
        """Return one row per specification of the first hypothesis whose metric has any; none without hypotheses."""
        for said in study.hypotheses:
            rows = [row for there in study.everywhere for row in _contrasts(there, said)]
            if len(rows) > 1:
                frame = pd.DataFrame(rows).dropna(subset=["value"])
                frame = frame.sort_values("value", kind="stable").reset_index(drop=True)
                return frame.assign(metric=said["metric"], definition_id=f"{said['metric']}/variants")
        return pd.DataFrame()

    def draw(self, frame: pd.DataFrame) -> Figure:
        """Return the curve above, and below which choice each of its points stands for."""
        choices = [(key, value) for key in _keys(frame) for value in dict.fromkeys(frame[key])]
        height = 1.9 + LINE * len(choices)
        figure = Figure(figsize=(PAGE, height), layout="constrained")
        top, low = figure.subplots(2, 1, sharex=True, height_ratios=[1.7, LINE * len(choices) + 0.1])
        _curve(top, frame)
        for place, (key, value) in enumerate(choices):
            chosen = frame.index[frame[key] == value]
            low.plot(chosen, [place] * len(chosen), linestyle="none", marker="|", markersize=5, color=STYLES[1].color)
        low.set_yticks(range(len(choices)), [f"{NAMES.get(key, key)}: {value}" for key, value in choices])
        low.set_ylim(len(choices) - 0.4, -0.6)
        low.set_xlabel("specifications, sorted by effect")
        low.tick_params(bottom=False, labelbottom=False)
        low.grid(visible=False)
        return figure

    def findings(self, frame: pd.DataFrame) -> str:
        """Return under how many choices the contrast has which sign."""
        words = [verdict(low, high) for low, high in zip(frame["low"], frame["high"], strict=True)]
        more, less = words.count("shown"), words.count("opposite")
        first = frame.iloc[0]
        return (
            f"{first['metric']}, {first['arm']} less {first['against']}: of {len(frame)} specifications {more} show "
            f"more, {less} show less, {len(frame) - more - less} neither; from {frame['value'].min():+.3g} to "
            f"{frame['value'].max():+.3g}."
        )


def _keys(frame: pd.DataFrame) -> list[str]:
    """Return the choices that vary."""
    return [key for key in (*CHOICES, "where") if frame[key].nunique() > 1]


def _contrasts(study: Study, said: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the contrast of a hypothesis under every choice, at one point of the grid."""
    against = said["against"] or study.baseline
    cells = [cell for cell in study.cells if cell.arm in (said["arm"], against)]
    if not all((cell.run.folder / VARIANTS).is_file() for cell in cells):
        return
    frames = [pd.read_parquet(cell.run.folder / VARIANTS).assign(arm=cell.arm, seed=cell.seed) for cell in cells]
    frame = pd.concat(frames, ignore_index=True)
    frame = frame[frame["metric"] == said["metric"]]
    for choice, rows in frame.groupby(list(CHOICES), sort=False):
        found = paired(rows, said["arm"], against)
        ends = {"value": found.difference, "low": found.low, "high": found.high, "seeds": found.n}
        where = {"where": study.where, "arm": said["arm"], "against": against, "n": int(rows["n"].min())}
        yield dict(zip(CHOICES, choice, strict=True)) | where | ends


def _curve(ax: Axes, frame: pd.DataFrame) -> None:
    color = STYLES[2].color
    ax.vlines(frame.index, frame["low"], frame["high"], color=color, linewidth=0.8, alpha=0.6)
    shown = [verdict(low, high) != "not shown" for low, high in zip(frame["low"], frame["high"], strict=True)]
    for filled in (True, False):
        some = frame[[one == filled for one in shown]]
        face = color if filled else "white"
        ax.plot(
            some.index, some["value"], linestyle="none", marker="o", markersize=3.2, color=color, markerfacecolor=face
        )
    ax.axhline(0, color=INK, linewidth=0.8)
    ax.set_ylabel(f"{frame['metric'].iloc[0]}\n{frame['arm'].iloc[0]} less {frame['against'].iloc[0]}")
    ax.tick_params(bottom=False)
    ax.grid(axis="x", visible=False)
    ax.spines["bottom"].set_color(FAINT)

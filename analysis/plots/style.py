"""One style for all figures: legible in print, without color, and by color-blind readers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from analysis.metrics.periods import MINUTES_A_DAY
from simulator.scenario import minutes

COLUMN, PAGE = 3.5, 7.1
"""Widths in inches: one and two columns of a paper."""

TIME = "time:"
"""What the label of an axis of time begins with; it is drawn nowhere."""
INK, FAINT = "#222222", "#8a8a8a"
RC: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.labelsize": 8,
    "axes.titlesize": 8.5,
    "axes.titlelocation": "left",
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "legend.handlelength": 2.4,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.linewidth": 0.7,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "axes.grid": True,
    "grid.color": "#e3e3e3",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "lines.linewidth": 1.6,
    "lines.markersize": 4.5,
    "hatch.linewidth": 0.7,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "svg.hashsalt": "tasteloop",
    "svg.fonttype": "path",
}


@dataclass(frozen=True, slots=True)
class ArmStyle:
    """How one arm looks everywhere; never by color alone."""

    color: str
    dashes: Any
    marker: str
    hatch: str


STYLES = (
    ArmStyle("#000000", (0, (4, 2)), "o", ""),
    ArmStyle("#0072B2", "-", "s", "////"),
    ArmStyle("#D55E00", (0, (6, 2, 1, 2)), "^", "||||"),
    ArmStyle("#009E73", (0, (1, 1.2)), "D", "\\\\\\\\"),
    ArmStyle("#CC79A7", (0, (8, 2)), "v", "xxxx"),
    ArmStyle("#E69F00", (0, (3, 1, 1, 1, 1, 1)), "P", "----"),
    ArmStyle("#56B4E9", (0, (2, 2)), "X", "++++"),
)
"""Okabe and Ito's colors, yellow left out (too pale for lines); the baseline is black."""


ALONE = ArmStyle("#0072B2", "-", "o", "")
"""The style of a run that nothing is compared with."""


def arm_styles(arms: Iterable[str]) -> dict[str, ArmStyle]:
    """Return a style per arm in the order given, the baseline first; styles repeat after seven."""
    names = list(dict.fromkeys(arms))
    if len(names) == 1:
        return {names[0]: ALONE}
    return {arm: STYLES[place % len(STYLES)] for place, arm in enumerate(names)}


def panels(
    columns: int, rows: int = 1, height: float = 2.5, width: float | None = None
) -> tuple[Figure, Sequence[Axes]]:
    """Return an empty figure of equal panels, row by row; one panel takes a column, more the page."""
    figure = Figure(figsize=(width or (COLUMN if columns == 1 else PAGE), height * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    return figure, list(axes.flat)


def arm_legend(figure: Figure, styles: dict[str, ArmStyle], *, lines: bool = True) -> None:
    """Put one legend of the arms above the panels, where it can cover nothing."""
    if len(styles) < 2:
        return
    handles = [
        Line2D([], [], color=s.color, linestyle=s.dashes if lines else "none", marker=s.marker, label=arm)
        for arm, s in styles.items()
    ]
    widest = 0.55 + 0.075 * max(map(len, styles))  # inches of an entry: its line and 8 pt letters
    fitting = max(1, min(len(handles), int(figure.get_figwidth() / widest), 4))
    figure.legend(handles=handles, loc="outside upper center", ncols=fitting, columnspacing=1.6)


def side_by_side(ax: Axes, rows: pd.DataFrame, styles: dict[str, ArmStyle], step: float) -> list[str]:
    """Draw ``value`` with its interval, a row per ``figure`` and a style per ``column``; return the figures, top first.

    ``step`` is the distance between the columns of a row.
    """
    names = list(dict.fromkeys(rows["figure"]))
    for shift, (column, style) in enumerate(styles.items()):
        mine = rows[rows["column"] == column]
        off = step * ((len(styles) - 1) / 2 - shift)
        places = [len(names) - 1 - names.index(name) + off for name in mine["figure"]]
        ends = mine[["low", "high"]].astype(float)
        ax.hlines(places, ends["low"], ends["high"], color=style.color, linewidth=1.2)
        ax.plot(mine["value"], places, color=style.color, marker=style.marker, linestyle="none")
    return names


def spelled(period: str) -> str:
    """Return a period of time in words.

    >>> spelled("1d"), spelled("6h"), spelled("0.5m")
    ('day', '6 hours', '0.5 minutes')
    """
    number, unit = period[:-1], {"w": "week", "d": "day", "h": "hour", "m": "minute"}[period[-1]]
    return unit if number == "1" else f"{number} {unit}s"


def day_axis(axes: Axes, period: str, arm: str = "") -> None:
    """Label the x axis as simulated days, fractions only where points stand for less than a day.

    ``period`` is what a point stands for, such as 6h; ``arm`` says whose they are where not all arms'.
    """
    points = "" if period == "1d" else f",\na point per {spelled(period)}"
    axes.set_xlabel(f"simulated day (first = 0){points}")
    whole = minutes(period) >= MINUTES_A_DAY
    axes.xaxis.set_major_locator(MaxNLocator("auto" if whole else 5, integer=whole))
    axes.margins(x=0.06)
    axes.set_label(TIME + arm)


def shown_arm(axes: Axes) -> str | None:
    """Return the arm that an axis of time is about, nothing for all of them; None where x is not time."""
    label = str(axes.get_label())
    return label.removeprefix(TIME) if label.startswith(TIME) else None

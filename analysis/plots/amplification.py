"""What rounds of retraining add to what a recommender shows at first."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from agents.schema import Floats
from analysis.compare import FEWEST_FOR_INTERVAL, interval, verdict
from analysis.load import Study
from analysis.plots.base import Plot
from analysis.plots.frames import grouped
from analysis.plots.style import INK, PAGE, arm_styles, panels, spelled
from analysis.plots.timeline import Track, series

TRACKS = (
    Track("Mean popularity shown (ARP)", "arp", "shown", "initial"),
    Track("Gini of what was shown", "gini_index", "shown"),
    Track("Genre entropy, shown (bits)", "topic_entropy", "shown"),
)
MORE = {TRACKS[0].label: True, TRACKS[1].label: True, TRACKS[2].label: False}
"""Whether amplification is more of the figure or less."""

APART = 0.15
"""How far the two periods of an arm are drawn from its middle, in rows."""


class Amplification(Plot):
    """Draw each arm in the first and in the last period, and by how much more it moved than the baseline."""

    title = "Amplification from the first period to the last"
    section = "popularity"
    reading = (
        "Above, each arm in the first period (open: what it shows before any feedback) and in the last (filled). "
        "Below, the change from first to last minus that of the baseline in the same seed."
    )
    counted = "users or items"
    bands = True

    def tidy(self, study: Study) -> pd.DataFrame:
        """Return the figures of the first and the last period; none for a single arm or a single period."""
        if len(study.arms) < 2:
            return pd.DataFrame()
        frame = series(study, TRACKS)
        first, last = frame["day"].min(), frame["day"].max()
        ends = frame[frame["day"].isin([first, last])]
        return ends.reset_index(drop=True) if len(ends) and last > first else pd.DataFrame()

    def draw(self, frame: pd.DataFrame) -> Figure:
        """Return a column per metric: values above, changes beyond the baseline's below."""
        styles, table = arm_styles(frame["arm"]), changes(frame)
        arms, others = list(styles), list(styles)[1:]
        names = [name for name in MORE if name in set(frame["panel"])]
        figure, axes = panels(len(names), 2, width=PAGE)
        heights = [0.75 + 0.32 * len(arms), 0.75 + 0.2 * len(others)]
        figure.set_size_inches(PAGE, sum(heights) + 0.35)
        grid = axes[0].get_gridspec()
        assert grid is not None
        grid.set_height_ratios(heights)
        for column, name in enumerate(names):
            some = table[table["panel"] == name].set_index("arm")
            _values(axes[column], some, arms)
            _beyond(axes[len(names) + column], some, others)
            axes[column].set_title(name)
            for ax, rows in ((axes[column], arms), (axes[len(names) + column], others)):
                ax.set_yticks(range(len(rows)), rows if column == 0 else [""] * len(rows))
                ax.set_ylim(len(rows) - 0.5, -0.5)
                ax.tick_params(axis="y", length=0)
        first, last = frame["day"].min(), frame["day"].max()
        words = [f"{spelled(frame['period'].iloc[0])} from day {end:g}" for end in (first, last)]
        words = [word.removeprefix("day from ") for word in words]
        figure.legend(handles=_handles(*words), loc="outside upper center", ncols=2)
        return figure

    def findings(self, frame: pd.DataFrame) -> str:
        """Return what each arm did from first to last, and whether it amplified more than the baseline."""
        baseline = frame["arm"].iloc[0]
        rows: list[Any] = list(changes(frame).itertuples())
        return " ".join(_words(row, baseline) for row in rows)


def changes(frame: pd.DataFrame) -> pd.DataFrame:
    """Return per panel and arm both periods' means, the change, and that beyond the baseline's, with intervals.

    Intervals are over seeds, NaN under three of them; ``beyond`` pairs each seed with the baseline's.
    """
    first, baseline, rows = frame["day"].min(), frame["arm"].iloc[0], []
    for (panel,), some in grouped(frame, ["panel"]):
        ends = some.assign(end=np.where(some["day"] == first, "first", "last"))
        moved = ends.pivot_table(index="seed", columns=["arm", "end"], values="value", dropna=False)
        base = moved[baseline]["last"] - moved[baseline]["first"]
        for arm in dict.fromkeys(some["arm"]):
            change = moved[arm]["last"] - moved[arm]["first"]
            sides = {
                "first": moved[arm]["first"],
                "last": moved[arm]["last"],
                "change": change,
                "beyond": change - base,
            }
            rows.append(
                {"panel": panel, "arm": arm} | {k: v for name, side in sides.items() for k, v in _mean(name, side)}
            )
    return pd.DataFrame(rows)


def _mean(name: str, values: "pd.Series[float]") -> list[tuple[str, float]]:
    there: Floats = np.asarray(values.dropna(), dtype=np.float64)
    low, high = interval(there)[:2] if len(there) >= FEWEST_FOR_INTERVAL else (np.nan, np.nan)
    return [(name, float(there.mean()) if len(there) else np.nan), (f"{name}_low", low), (f"{name}_high", high)]


def _values(ax: Axes, some: pd.DataFrame, arms: list[str]) -> None:
    """Draw two rows per arm: the first period above the last."""
    for place, arm in enumerate(arms):
        row, style = some.loc[arm], arm_styles(arms)[arm]
        for end, at, face in (("first", place - APART, "white"), ("last", place + APART, style.color)):
            ax.plot([row[f"{end}_low"], row[f"{end}_high"]], [at, at], color=style.color, linewidth=1.2, zorder=1.8)
            ax.plot(row[end], at, color=style.color, marker=style.marker, markerfacecolor=face, zorder=3)
    ax.grid(axis="y", visible=False)
    ax.margins(x=0.1)
    ax.locator_params(axis="x", nbins=4)


def _beyond(ax: Axes, some: pd.DataFrame, others: list[str]) -> None:
    """Draw a row per arm but the baseline: by how much more it moved."""
    ax.axvline(0, color=INK, linewidth=0.8)
    styles = arm_styles(some.index)
    for place, arm in enumerate(others):
        row, style = some.loc[arm], styles[arm]
        ax.plot([row["beyond_low"], row["beyond_high"]], [place, place], color=style.color, linewidth=1.4)
        ax.plot(row["beyond"], place, color=style.color, marker=style.marker)
    ax.grid(axis="y", visible=False)
    ax.margins(x=0.12)
    ax.locator_params(axis="x", nbins=4)
    ax.set_xlabel(f"change beyond {some.index[0]}'s")


def _handles(first: str, last: str) -> list[Line2D]:
    look = {"color": INK, "marker": "o", "linestyle": "none"}
    return [
        Line2D([], [], markerfacecolor="white", label=first, **look),  # type: ignore[arg-type]
        Line2D([], [], label=last, **look),  # type: ignore[arg-type]
    ]


def _words(row: "pd.Series[float]", baseline: str) -> str:
    """Say one arm's move, and what intervals show of amplification in itself and beyond the baseline."""
    panel, arm = str(row.panel), str(row.arm)
    more = MORE[panel]
    own = f"{panel}, {arm}: {row.first:.3g} to {row.last:.3g}"
    if row.change_low != row.change_low:
        return f"{own} (too few seeds for intervals)."
    said = f"amplification {verdict(float(row.change_low), float(row.change_high), more=more)}"
    if arm == baseline:
        return f"{own}, {said}."
    beyond = verdict(float(row.beyond_low), float(row.beyond_high), more=more)
    interval_ = f"{row.beyond:+.2g} [{row.beyond_low:+.2g}, {row.beyond_high:+.2g}]"
    return f"{own}, {said}; more than {baseline}: {beyond} ({interval_})."

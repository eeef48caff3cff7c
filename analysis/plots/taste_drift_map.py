"""Where users' tastes lie at first, and where what they watch lies in the end."""

from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from agents.schema import Floats
from analysis.load import Study
from analysis.metrics.lists import Lists
from analysis.metrics.periods import Shown, by_period
from analysis.metrics.record import Record
from analysis.metrics.variety import genre_shares
from analysis.plots.base import Plot
from analysis.plots.frames import listed
from analysis.plots.style import FAINT, INK, arm_styles, panels

ARROWS, DOTS = 60, 300
"""Users drawn as arrows, and as dots where they began, at most: the first ones, who are a random draw already."""
PANELS_A_ROW = 4


class TasteDriftMap(Plot):
    """Draw each user's genres in what it had taken before, and in what it watched in the run's second half."""

    title = "Drift of tastes"
    section = "echo"
    reading = (
        "Two axes that explain most of how users' genres differed before the run (principal components, fitted once, "
        "at time 0); arrows lead from what a user had taken before to what it watched in the run's second half, the "
        "thick one is their mean. Arrows toward one place are homogenization, outward ones polarization."
    )
    counted = "users"

    def tidy(self, study: Study) -> pd.DataFrame:
        """Return one row per user of the first seed: where it began and ended, by arm."""
        frames = [_moves(Record(cells[0].run)).assign(arm=arm, seed=cells[0].seed)
                  for arm in study.arms if (cells := study.of(arm))]  # fmt: skip
        frame = pd.concat(frames, ignore_index=True)
        return frame.assign(n=len(frame) // max(frame["arm"].nunique(), 1), definition_id="genre-shares/pca-at-start")

    def draw(self, frame: pd.DataFrame) -> Figure:
        """Return one panel per arm on common axes."""
        styles = arm_styles(frame["arm"])
        columns = min(len(styles), PANELS_A_ROW)
        figure, axes = panels(columns, -(-len(styles) // columns), height=2.0)
        ends = {axis: frame[[f"{axis}0", f"{axis}1"]].to_numpy() for axis in "xy"}
        limits = {f"{axis}lim": (values.min() - 0.05, values.max() + 0.05) for axis, values in ends.items()}
        for ax, (arm, style) in zip(axes, styles.items(), strict=False):
            _arrows(ax, frame[frame["arm"] == arm], style.color)
            ax.set(title=arm, xlabel="first component", **limits)
            ax.tick_params(labelbottom=False, labelleft=False, length=0)
        axes[0].set_ylabel("second component")
        for ax in axes[len(styles) :]:
            ax.set_visible(False)
        return figure

    def findings(self, frame: pd.DataFrame) -> str:
        """Return how far users moved, and how far apart they ended beside how far apart they began."""
        moved = frame.assign(
            moved=np.hypot(frame["x1"] - frame["x0"], frame["y1"] - frame["y0"]),
            wider=frame.groupby("arm", sort=False)["x1"].transform("std")
            / frame.groupby("arm", sort=False)["x0"].transform("std"),
        )
        wider = listed(moved, "wider")
        return f"Mean move: {listed(moved, 'moved')}; spread along the first axis, end over start: {wider}."


@dataclass(frozen=True)
class Plane:
    """Two axes in the space of genre shares."""

    middle: Floats
    axes: Floats

    @staticmethod
    def of(shares: Floats) -> "Plane":
        """Return the plane that holds most of the variance; signs are fixed by the largest weight."""
        known = shares[~np.isnan(shares).any(axis=1)]
        middle = known.mean(axis=0)
        _, _, axes = np.linalg.svd(known - middle, full_matrices=False)
        axes = axes[:2]
        return Plane(middle, axes * np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])[:, None])

    def places(self, shares: Floats) -> Floats:
        """Return (users, 2) coordinates."""
        return np.asarray((shares - self.middle) @ self.axes.T)


def _moves(record: Record) -> pd.DataFrame:
    genres = record.run.items["genres"].astype(str).str.get_dummies(sep="|").to_numpy(float)
    if genres.shape[1] < 2:
        return pd.DataFrame(columns=["x0", "y0", "x1", "y1"])
    start = genre_shares(record.profiles, genres)
    if (~np.isnan(start).any(axis=1)).sum() < 3:  # no histories, no plane
        return pd.DataFrame(columns=["x0", "y0", "x1", "y1"])
    late = deque[Shown]()
    for periods, (_, rows) in enumerate(by_period(record.run, record.every), 1):
        late.append(rows)
        if len(late) > (periods + 1) // 2:
            late.popleft()
    if not late:
        return pd.DataFrame(columns=["x0", "y0", "x1", "y1"])
    users = np.concatenate([rows.user[rows.watched] for rows in late])
    items = np.concatenate([rows.item[rows.watched] for rows in late])
    end = genre_shares(Lists.of_showings(users, items, record.n_users), genres)
    plane = Plane.of(start)
    table = np.hstack([plane.places(start), plane.places(end)])
    return pd.DataFrame(table, columns=["x0", "y0", "x1", "y1"]).dropna()


def _arrows(ax: Axes, rows: pd.DataFrame, color: str) -> None:
    dots, some = rows.head(DOTS), rows.head(ARROWS)
    ax.plot(dots["x0"], dots["y0"], color=FAINT, marker=".", linestyle="none", markersize=2, zorder=1)
    units: Any = {"angles": "xy", "scale_units": "xy", "scale": 1}
    ax.quiver(some["x0"], some["y0"], some["x1"] - some["x0"], some["y1"] - some["y0"], color=color, alpha=0.55,
              width=0.006, **units)  # fmt: skip
    x0, y0, x1, y1 = rows[["x0", "y0", "x1", "y1"]].mean()
    ax.quiver(
        x0,
        y0,
        x1 - x0,
        y1 - y0,
        color=INK,
        width=0.014,
        headwidth=3,
        headlength=3,
        headaxislength=2.6,
        zorder=4,
        **units,
    )

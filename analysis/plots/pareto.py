"""Accuracy against popularity and against diversity: who gives up nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from agents.schema import Bools, Floats
from analysis.metrics.discover import metrics
from analysis.plots.base import Drawing
from analysis.plots.frames import grouped
from analysis.plots.labels import name_points
from analysis.plots.style import INK, PAGE, STYLES, panels


@dataclass(frozen=True, slots=True)
class Side:
    """What accuracy is weighed against: a figure, its axis, and whether more of it is wanted."""

    figure: str
    label: str
    more: bool


SIDES = (
    Side("arp", "mean popularity shown (ARP); left: less popular", more=False),
    Side("intra_list_diversity", "diversity of a list by genre; right: more diverse", more=True),
)
FRONT, BEHIND, BAR = STYLES[1].color, STYLES[0].color, "#bdbdbd"


class Pareto(Drawing):
    """Draw NDCG against the popularity and the diversity of the lists, the front marked."""

    title = "Accuracy against popularity and diversity"
    section = "outcomes"
    reading = (
        "Filled points joined by the line are the front: no other has both means better. Open points are shown to be "
        "behind (another is better in both, each 95 % interval over users excluding 0); half-filled points are behind "
        "by their means alone. Bars are 95 % intervals over users."
    )
    counted = "users"

    def draw(self, frame: pd.DataFrame) -> Figure:
        """Return two panels per data set."""
        data = list(dict.fromkeys(frame["data"]))
        figure, axes = panels(len(SIDES), len(data), height=2.9, width=PAGE)
        for row, name in enumerate(data):
            for column, side in enumerate(SIDES):
                ax = axes[row * len(SIDES) + column]
                some = frame[(frame["data"] == name) & (frame["across"] == side.figure)]
                _panel(ax, some)
                ax.set_title(name if len(data) > 1 else "")
                ax.set_xlabel(side.label if row == len(data) - 1 else "")
            axes[row * len(SIDES)].set_ylabel("NDCG@10")
        figure.legend(handles=_handles(), loc="outside upper center", ncols=3, handlelength=1.6)
        for ax, (_, some) in zip(axes, grouped(frame, ["data", "across"]), strict=True):
            colors = [FRONT if front else BEHIND for front in some["front"]]
            name_points(ax, some["x"].tolist(), some["y"].tolist(), some["arm"].tolist(), colors)
        return figure

    def findings(self, frame: pd.DataFrame) -> str:
        """Return who is on the front, and who is shown to be behind it."""
        parts = grouped(frame, ["data", "across"])
        return " ".join(_words(str(data), str(across), some) for (data, across), some in parts)

    def caption(self, frame: pd.DataFrame) -> str:
        """Return the reading, the definitions, the protocol and the replication."""
        definitions = ", ".join(sorted({name for both in frame["definition_id"] for name in both.split(", ")}))
        low, high = int(frame["n"].min()), int(frame["n"].max())
        size = f"{low:,}" if low == high else f"{low:,} to {high:,}"
        protocol, fits = frame["protocol"].iloc[0], f"mean of {frame['seeds'].max()} fit(s)"
        return f"{self.reading} Protocol: {protocol}. Definition: {definitions}; {size} users; {fits}."


def tidy(rows: Sequence[Mapping[str, Any]], names: Mapping[str, str], protocol: str) -> pd.DataFrame:
    """Return one row per recommender and side, data sets and recommenders in the order of the judged rows.

    ``names`` shortens what recommenders were asked for as; figures that do not exist are left out.
    """
    made = []
    known = {metric.name: metric.definition_id for metric in metrics()}
    for row in rows:
        accuracy = row["intervals"]["ndcg@10"]
        for side in SIDES:
            across = row["intervals"][side.figure]
            made.append(
                {"data": row["data"], "protocol": protocol, "across": side.figure, "arm": names[row["recommender"]]}
                | {f"x{suffix}": across[key] for suffix, key in ENDS}
                | {f"y{suffix}": accuracy[key] for suffix, key in ENDS}
                | {"behind": "; ".join(names[name] for name in row["dominated_by"][side.figure])}
                | {"seeds": len(row["fits"]), "n": row["users"]}
                | {"definition_id": f"{known['ndcg_at_k']}, {known[side.figure]}"}
            )
    frame = pd.DataFrame(made).dropna(subset=["x", "y"])
    place = {side.figure: at for at, side in enumerate(SIDES)}
    order = {name: at for at, name in enumerate(dict.fromkeys(frame["data"]))}
    frame = frame.sort_values(
        ["data", "across"], key=lambda column: column.map(place if column.name == "across" else order), kind="stable"
    ).reset_index(drop=True)
    return frame.assign(front=np.concatenate([_front(some) for _, some in grouped(frame, ["data", "across"])]))


ENDS = (("", "mean"), ("_low", "low"), ("_high", "high"))


def _front(some: pd.DataFrame) -> Bools:
    sign = 1 if next(side.more for side in SIDES if side.figure == some["across"].iloc[0]) else -1
    return front(sign * some["x"].to_numpy(dtype=float), some["y"].to_numpy(dtype=float))


def front(x: Floats, y: Floats) -> Bools:
    """Return which points no other reaches in both and beats in one, larger being better.

    >>> front(np.array([1.0, 2.0, 1.0]), np.array([2.0, 1.0, 1.0])).tolist()
    [True, True, False]
    """
    reached = (x[None, :] >= x[:, None]) & (y[None, :] >= y[:, None])
    beats = (x[None, :] > x[:, None]) | (y[None, :] > y[:, None])
    return np.asarray(~(reached & beats).any(axis=1))


def _panel(ax: Axes, some: pd.DataFrame) -> None:
    """Draw intervals, points by their standing, and the line of the front."""
    rows: list[Any] = list(some.itertuples())
    for row in rows:
        ax.plot([row.x_low, row.x_high], [row.y, row.y], color=BAR, linewidth=0.9, zorder=1.5)
        ax.plot([row.x, row.x], [row.y_low, row.y_high], color=BAR, linewidth=0.9, zorder=1.5)
        look = "front" if row.front else "behind" if row.behind else "unsure"
        ax.plot(row.x, row.y, **LOOKS[look], zorder=3)
    best = some[some["front"]].sort_values(["x", "y"])
    ax.plot(best["x"], best["y"], color=FRONT, linewidth=1.2, zorder=2)
    ax.margins(x=0.16, y=0.12)
    ax.locator_params(axis="x", nbins=6)
    ax.autoscale_view()
    ax.set_autoscale_on(False)


LOOKS: dict[str, dict[str, Any]] = {
    "front": {"color": FRONT, "marker": "o", "linestyle": "none", "markersize": 5.5},
    "unsure": {"color": INK, "marker": "o", "linestyle": "none", "markersize": 5.5, "fillstyle": "left",
               "markerfacecoloralt": "white"},
    "behind": {"color": INK, "marker": "o", "linestyle": "none", "markersize": 5.5, "markerfacecolor": "white"},
}  # fmt: skip


def _handles() -> list[Line2D]:
    names = {"front": "front", "unsure": "behind, not shown", "behind": "behind, shown"}
    return [Line2D([], [], label=label, **LOOKS[look]) for look, label in names.items()]


def _words(data: str, across: str, some: pd.DataFrame) -> str:
    best = "; ".join(some.loc[some["front"], "arm"])
    rows: list[Any] = list(some.itertuples())
    behind = ". ".join(f"{row.arm} (by {row.behind})" for row in rows if row.behind)
    against = {"arp": "popularity", "intra_list_diversity": "diversity"}[across]
    return f"{data}, NDCG against {against}: on the front {best}; shown to be behind: {behind or 'none'}."

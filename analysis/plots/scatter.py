"""Draw arms as labelled points between two measured figures."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.load import Study
from analysis.plots.frames import figures, whole_run
from analysis.plots.style import FAINT, arm_styles, panels
from analysis.plots.timeline import Track


def between(study: Study, across: Track, up: Track) -> pd.DataFrame:
    """Return one row per cell with ``x`` and ``y``, the two figures over the whole run; none for a single arm."""
    if len(study.arms) < 2:
        return pd.DataFrame()
    sides = [
        whole_run(figures(study, track.metric, on=track.on, snapshot=track.snapshot)).set_index(["arm", "seed"])
        for track in (across, up)
    ]
    x, y = (side[~side.index.duplicated()] for side in sides)
    frame = pd.DataFrame({"x": x["value"], "y": y["value"].reindex(x.index), "n": x["n"]})
    both = x["definition_id"] + ", " + y["definition_id"].reindex(x.index)
    return frame.assign(x_name=across.label, y_name=up.label, definition_id=both).dropna().reset_index()


def draw_between(frame: pd.DataFrame) -> Figure:
    """Return one panel: seeds as small points, means large and labelled, the baseline's mean as cross hairs."""
    figure, (ax,) = panels(1, height=2.9)
    styles = arm_styles(frame["arm"])
    means = frame.groupby("arm", sort=False)[["x", "y"]].mean()
    ax.axvline(means["x"].iloc[0], color=FAINT, linewidth=0.7, linestyle=(0, (2, 2)))
    ax.axhline(means["y"].iloc[0], color=FAINT, linewidth=0.7, linestyle=(0, (2, 2)))
    for arm, style in styles.items():
        seeds = frame[frame["arm"] == arm]
        if len(seeds) > 1:
            ax.plot(
                seeds["x"],
                seeds["y"],
                color=style.color,
                marker=style.marker,
                linestyle="none",
                markersize=3,
                alpha=0.45,
            )
        ax.plot(*means.loc[arm], color=style.color, marker=style.marker, linestyle="none", markersize=7)
    ax.margins(x=0.22, y=0.16)
    _name(ax, means, frame)
    ax.set(xlabel=frame["x_name"].iloc[0], ylabel=frame["y_name"].iloc[0])
    return figure


def _name(ax: Axes, means: pd.DataFrame, frame: pd.DataFrame) -> None:
    """Write each arm's name beside its mean, toward the middle of the panel."""
    styles, middle = arm_styles(frame["arm"]), sum(ax.get_xlim()) / 2
    for arm, (x, y) in means.iterrows():
        left = x > middle
        ax.annotate(str(arm), (x, y), (-7 if left else 7, 5), textcoords="offset points",
                    ha="right" if left else "left", color=styles[str(arm)].color, fontweight="bold")  # fmt: skip


def points(frame: pd.DataFrame) -> str:
    """Return both figures per arm as running text."""
    means = frame.groupby("arm", sort=False)[["x", "y"]].mean()
    return "; ".join(f"{arm}: {x:.3g} across, {y:.3g} up" for arm, (x, y) in means.iterrows()) + "."

"""Popularity lift by user group."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import PercentFormatter

from analysis.load import Study
from analysis.metrics.strata import GROUPS
from analysis.plots.base import Plot
from analysis.plots.frames import SHARED, figures, grouped, mean_by, over_seeds
from analysis.plots.style import INK, PAGE, ArmStyle, arm_styles, panels

ORDER = ("all", *GROUPS)
HALO = [withStroke(linewidth=2.4, foreground="white")]
"""White around what crosses a bar, so that it shows on dark and on light."""


class PopularityLift(Plot):
    """Draw by how much slates are more popular than the users' own profiles, by user group."""

    title = "Popularity lift by user group"
    section = "popularity"
    reading = (
        "By how much the shown items are more popular than what the same users had taken before; 0 is faithful to "
        "taste. Niche and blockbuster are the fifths of users with the least and the most popular profiles."
    )
    counted = "users"
    bands = True

    def tidy(self, study: Study) -> pd.DataFrame:
        """Return the lift of what was shown, popularity at time 0, by user group."""
        frame = figures(study, "popularity_lift", on="shown", snapshot="initial")
        return frame.loc[(frame["day"] < 0) & frame["group"].isin(ORDER), ["group", "value", *SHARED]]

    def draw(self, frame: pd.DataFrame) -> Figure:
        """Return grouped bars with their values."""
        styles = arm_styles(frame["arm"])
        figure, (ax,) = panels(1, height=2.6, width=PAGE if len(styles) > 1 else None)
        bars = {key: rows.iloc[0] for key, rows in grouped(over_seeds(frame, ["arm", "group"]), ["arm", "group"])}
        groups = [group for group in ORDER if group in set(frame["group"])]
        width = 0.8 / len(styles)
        for row, (arm, style) in enumerate(styles.items()):
            offset = (row - (len(styles) - 1) / 2) * width
            for place, group in enumerate(groups):
                if (arm, group) in bars:
                    _bar(ax, place + offset, width * 0.88, bars[arm, group], style, arm if place == 0 else "")
        ax.axhline(0, color=INK, linewidth=0.8)
        ax.set_xticks(range(len(groups)), ["all users" if group == "all" else group for group in groups])
        ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        ax.grid(axis="x", visible=False)
        ax.margins(y=0.14)
        ax.set_ylabel("popularity lift")
        if len(styles) > 1:
            figure.legend(loc="outside upper center", ncols=min(len(styles), 4))
        return figure

    def findings(self, frame: pd.DataFrame) -> str:
        """Return the lift per group and arm."""
        means = mean_by(frame, ["arm", "group"])
        return "; ".join(f"{arm}, {group} users: {value:+.0%}" for (arm, group), value in means.items()) + "."


def _bar(ax: Axes, x: float, width: float, bar: "pd.Series[float]", style: ArmStyle, label: str) -> None:
    """Draw one bar with its interval and, beyond both, its value."""
    mean, low, high = (float(bar[name]) for name in ("mean", "low", "high"))
    face = "white" if style.hatch else style.color
    ax.bar(x, mean, width, facecolor=face, edgecolor=style.color, hatch=style.hatch, linewidth=0.8, label=label or None)
    ends = [mean]
    if low == low:
        ax.plot([x, x], [low, high], color=INK, linewidth=1.1, path_effects=HALO)
        ends = [low, mean, high]
    up = mean >= 0
    ax.annotate(
        f"{mean:+.0%}".replace("-", "−"),
        (x, max(ends) if up else min(ends)),
        (0, 2 if up else -2),
        textcoords="offset points",
        ha="center",
        va="bottom" if up else "top",
    )

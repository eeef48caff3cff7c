"""Popularity lift by user group."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from analysis.load import Study
from analysis.metrics.strata import GROUPS
from analysis.plots.base import Plot
from analysis.plots.frames import SHARED, figures, over_seeds
from analysis.plots.style import INK, arm_styles, panels

ORDER = ("all", *GROUPS)


class PopularityLift(Plot):
    """Draw by how much slates are more popular than the users' own profiles, by user group."""

    title = "Popularity lift by user group"
    section = "popularity"
    reading = (
        "By how much the shown items are more popular than what the same users had taken before; 0 is faithful to taste. "
        "Niche and blockbuster are the fifths of users with the least and the most popular profiles."
    )
    counted = "users"

    def tidy(self, study: Study) -> pd.DataFrame:
        """Return the lift of what was shown, popularity at time 0, by user group."""
        frame = figures(study, "popularity_lift", on="shown", snapshot="initial")
        return frame.loc[(frame["day"] < 0) & frame["group"].isin(ORDER), ["group", "value", *SHARED]]

    def draw(self, frame: pd.DataFrame) -> Figure:
        """Return grouped bars with their values."""
        styles = arm_styles(frame["arm"])
        figure, (ax,) = panels(1, height=2.6, width=5.2 if len(styles) > 1 else None)
        means = over_seeds(frame, ["arm", "group"]).set_index(["arm", "group"])
        groups = [group for group in ORDER if group in set(frame["group"])]
        width = 0.8 / len(styles)
        for row, (arm, style) in enumerate(styles.items()):
            for place, group in enumerate(groups):
                mean, low, high = means.loc[(arm, group)]
                x = place + (row - (len(styles) - 1) / 2) * width
                filled = style.hatch != ""
                ax.bar(x, mean, width * 0.9, facecolor="white" if filled else style.color, edgecolor=style.color,
                       hatch=style.hatch, linewidth=0.8, label=arm if place == 0 else None)  # fmt: skip
                if low == low:
                    ax.plot([x, x], [low, high], color=INK, linewidth=1.1)
                top = max(mean, high if high == high else mean) if mean >= 0 else min(mean, low if low == low else mean)
                ax.annotate(f"{mean:+.0%}", (x, top), (0, 2 if mean >= 0 else -2), textcoords="offset points",
                            ha="center", va="bottom" if mean >= 0 else "top")  # fmt: skip
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
        means = frame.groupby(["arm", "group"], sort=False)["value"].mean()
        return "; ".join(f"{arm}, {group} users: {value:+.0%}" for (arm, group), value in means.items()) + "."

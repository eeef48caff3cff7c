"""What users took before against what they are shown, by user group."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from analysis.load import Study
from analysis.metrics.strata import GROUPS
from analysis.plots.base import Plot
from analysis.plots.frames import SHARED, figures, mean_by
from analysis.plots.style import INK, arm_styles, panels


class TastePopularity(Plot):
    """Draw the popularity of profiles and of slates for niche, diverse and blockbuster users."""

    title = "Own taste against what is shown"
    section = "popularity"
    reading = (
        "The bar is the mean popularity of what a group's users had taken before the run, the markers that of what "
        "they were shown: right of the bar means more popular than their own taste."
    )
    counted = "users"

    def tidy(self, study: Study) -> pd.DataFrame:
        """Return group-average popularity of profiles and slates, by user group, popularity at time 0."""
        frames = [
            figures(study, metric, on=on, snapshot="initial").assign(side=side)
            for side, metric, on in (
                ("profile", "profile_average_popularity", "profile"),
                ("slate", "group_average_popularity", "shown"),
            )
        ]
        every = pd.concat(frames, ignore_index=True)
        every = every[(every["day"] < 0) & every["group"].isin(GROUPS)]
        return every[["side", "group", "value", *SHARED]]

    def draw(self, frame: pd.DataFrame) -> Figure:
        """Return one panel with a block of rows per group."""
        styles = arm_styles(frame["arm"])
        figure, (ax,) = panels(1, height=0.75 + 0.62 * len(GROUPS) + 0.12 * len(styles))
        means = mean_by(frame, ["side", "group", "arm"])
        step = 0.7 / max(len(styles), 1)
        for block, group in enumerate(GROUPS):
            for row, (arm, style) in enumerate(styles.items()):
                own, shown = means.get(("profile", group, arm)), means.get(("slate", group, arm))
                if own is None or shown is None:
                    continue
                y = block + (row - (len(styles) - 1) / 2) * step
                ax.plot([own, shown], [y, y], color=style.color, linestyle="-", linewidth=1.2)
                ax.plot(shown, y, color=style.color, marker=style.marker, linestyle="none", markersize=5.5)
                ax.plot([own, own], [y - step / 2, y + step / 2], color=INK, linewidth=2.6, solid_capstyle="projecting")
        ax.set_yticks(range(len(GROUPS)), GROUPS)
        ax.set_ylim(len(GROUPS) - 0.5, -0.5)
        ax.set_xlim(left=0)
        ax.xaxis.set_major_locator(MaxNLocator(5))
        ax.grid(axis="y", visible=False)
        ax.set_xlabel("mean popularity (share of users with the item)")
        handles = [
            Line2D(
                [], [], color=INK, linewidth=2.6, marker="|", linestyle="none", markeredgewidth=2.6, label="own taste"
            )
        ]
        handles += [
            Line2D([], [], color=s.color, marker=s.marker, linestyle="none", label=arm) for arm, s in styles.items()
        ]
        figure.legend(
            handles=handles,
            loc="outside upper center",
            ncols=len(handles) if len(handles) < 5 else 3,
            handlelength=1,
            columnspacing=1.2,
        )
        return figure

    def findings(self, frame: pd.DataFrame) -> str:
        """Return profile and slate popularity per group and arm."""
        means = mean_by(frame, ["group", "arm", "side"])
        rows = [
            f"{group} users, {arm}: {own:.3f} to {means.get((group, arm, 'slate'), float('nan')):.3f}"
            for (group, arm, side), own in means.items()
            if side == "profile"
        ]
        return f"From own taste to what was shown: {'; '.join(rows)}."

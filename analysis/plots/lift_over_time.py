"""Popularity lift day by day, group by group."""

import pandas as pd
from matplotlib.figure import Figure

from analysis.load import Study
from analysis.metrics.strata import GROUPS
from analysis.plots.base import Plot
from analysis.plots.frames import SHARED, figures
from analysis.plots.timeline import draw_daily, first_to_last


class LiftOverTime(Plot):
    """Draw by how much each day's slates are more popular than the users' own profiles, a panel per user group."""

    title = "Popularity lift over time"
    section = "popularity"
    reading = (
        "By how much the items shown on a day are more popular, as of time 0, than what the same users had taken "
        "before the run; groups are fifths of users by the popularity of their profiles, frozen at time 0."
    )
    counted = "users"
    bands = True

    def tidy(self, study: Study) -> pd.DataFrame:
        """Return the daily lift of what was shown, popularity at time 0, by user group."""
        frame = figures(study, "popularity_lift", on="shown", snapshot="initial")
        daily = frame.loc[(frame["day"] >= 0) & frame["group"].isin(GROUPS), ["group", "day", "value", *SHARED]]
        parts = [daily[daily["group"] == group].assign(panel=f"{group} users") for group in GROUPS]
        return pd.concat(parts, ignore_index=True).drop(columns="group")

    def draw(self, frame: pd.DataFrame) -> Figure:
        """Return a panel per group on one scale."""
        figure = draw_daily(frame, columns=frame["panel"].nunique(), height=2.3)
        ends = [ax.get_ylim() for ax in figure.axes]
        for ax in figure.axes:
            ax.set_ylim(min(low for low, _ in ends), max(high for _, high in ends))
        figure.axes[0].set_ylabel("popularity lift")
        return figure

    def findings(self, frame: pd.DataFrame) -> str:
        """Return the lift of the first and the last day."""
        return first_to_last(frame)

"""Popularity lift over time, group by group."""

import pandas as pd
from matplotlib.figure import Figure

from analysis.load import Study
from analysis.metrics.strata import GROUPS
from analysis.plots.base import Plot
from analysis.plots.frames import figures
from analysis.plots.timeline import TIMED, draw_series, first_to_last


class LiftOverTime(Plot):
    """Draw by how much each period's slates are more popular than the users' own profiles, a panel per user group."""

    title = "Popularity lift over time"
    section = "popularity"
    reading = (
        "By how much the items shown in a period are more popular, as of time 0, than what the same users had taken "
        "before the run; groups are fifths of users by the popularity of their profiles, frozen at time 0."
    )
    counted = "users"
    bands = True

    def tidy(self, study: Study) -> pd.DataFrame:
        """Return the lift of what was shown, popularity at time 0, by user group."""
        frame = figures(study, "popularity_lift", on="shown", snapshot="initial")
        series = frame.loc[(frame["day"] >= 0) & frame["group"].isin(GROUPS), ["group", *TIMED]]
        parts = [series[series["group"] == group].assign(panel=f"{group} users") for group in GROUPS]
        return pd.concat(parts, ignore_index=True).drop(columns="group")

    def draw(self, frame: pd.DataFrame) -> Figure:
        """Return a panel per group on one scale."""
        figure = draw_series(frame, columns=frame["panel"].nunique(), height=2.3)
        ends = [ax.get_ylim() for ax in figure.axes]
        for ax in figure.axes:
            ax.set_ylim(min(low for low, _ in ends), max(high for _, high in ends))
        figure.axes[0].set_ylabel("popularity lift")
        return figure

    def findings(self, frame: pd.DataFrame) -> str:
        """Return the lift of the first and the last period."""
        return first_to_last(frame)

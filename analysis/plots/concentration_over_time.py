"""Concentration of exposure, day by day."""

import pandas as pd
from matplotlib.figure import Figure

from analysis.load import Study
from analysis.plots.base import Plot
from analysis.plots.timeline import Track, daily, draw_daily, first_to_last

TRACKS = (
    Track("Gini index of exposure", "gini_index", "shown"),
    Track("Catalog coverage", "catalog_coverage", "shown"),
    Track("Mean popularity shown, as of time 0", "arp", "shown", "initial"),
    Track("Mean popularity shown, as of the day", "arp", "shown", "current"),
)


class ConcentrationOverTime(Plot):
    """Draw Gini index, catalog coverage and average popularity of what was shown on each day."""

    title = "Concentration over time"
    section = "popularity"
    reading = (
        "Each point is one simulated day by itself. Popularity (ARP) is the share of users who have an item, counted "
        "once at time 0 and once as of that day: in a closed loop the two can move apart."
    )
    counted = "items or users"
    bands = True

    def tidy(self, study: Study) -> pd.DataFrame:
        """Return the four daily figures."""
        return daily(study, TRACKS)

    def draw(self, frame: pd.DataFrame) -> Figure:
        """Return four panels."""
        return draw_daily(frame, columns=2)

    def findings(self, frame: pd.DataFrame) -> str:
        """Return the figures of the first and the last day."""
        return first_to_last(frame)

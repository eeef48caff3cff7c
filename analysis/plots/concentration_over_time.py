"""Concentration of exposure over time."""

import pandas as pd
from matplotlib.figure import Figure

from analysis.load import Study
from analysis.plots.base import Plot
from analysis.plots.timeline import Track, draw_series, first_to_last, series

TRACKS = (
    Track("Gini index of exposure", "gini_index", "shown"),
    Track("Catalog coverage", "catalog_coverage", "shown"),
    Track("Mean popularity shown, as of time 0", "arp", "shown", "initial"),
    Track("Mean popularity shown, as of then", "arp", "shown", "current"),
)


class ConcentrationOverTime(Plot):
    """Draw Gini index, catalog coverage and average popularity of what was shown in each period."""

    title = "Concentration over time"
    section = "popularity"
    reading = (
        "Each point is one period of simulated time by itself. Popularity (ARP) is the share of users who have an "
        "item, counted once at time 0 and once at the end of that period: in a closed loop the two can move apart."
    )
    counted = "items or users"
    bands = True

    def tidy(self, study: Study) -> pd.DataFrame:
        """Return the four figures."""
        return series(study, TRACKS)

    def draw(self, frame: pd.DataFrame) -> Figure:
        """Return four panels."""
        return draw_series(frame, columns=2)

    def findings(self, frame: pd.DataFrame) -> str:
        """Return the figures of the first and the last period."""
        return first_to_last(frame)

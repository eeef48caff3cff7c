"""How alike the users' slates and choices are over time."""

import pandas as pd
from matplotlib.figure import Figure

from analysis.load import Study
from analysis.plots.base import Plot
from analysis.plots.timeline import Track, draw_series, first_to_last, series

TRACKS = (
    Track("Overlap of what two users were shown", "mean_pairwise_jaccard", "shown"),
    Track("Overlap of what two users watched", "mean_pairwise_jaccard", "consumed"),
)


class HomogenizationOverTime(Plot):
    """Draw the mean pairwise Jaccard overlap of users, shown and watched."""

    title = "Homogenization over time"
    section = "echo"
    reading = (
        "Mean Jaccard overlap of two users' items in one period: 0 nothing in common, 1 all the same. Left is the "
        "recommender's doing, right what the users made of it."
    )
    counted = "user pairs"
    bands = True

    def tidy(self, study: Study) -> pd.DataFrame:
        """Return the overlap of what was shown and of what was watched."""
        return series(study, TRACKS)

    def draw(self, frame: pd.DataFrame) -> Figure:
        """Return two panels."""
        return draw_series(frame, columns=2, height=2.4)

    def findings(self, frame: pd.DataFrame) -> str:
        """Return the overlaps of the first and the last period."""
        return first_to_last(frame)

"""Individual against aggregate diversity."""

import pandas as pd
from matplotlib.figure import Figure

from analysis.load import Study
from analysis.plots.base import Plot
from analysis.plots.scatter import between, draw_between, points
from analysis.plots.timeline import Track

ACROSS = Track("variety within one user's slates (ILD)", "intra_list_diversity", "shown")
UP = Track("share of the catalog shown to anyone", "catalog_coverage", "shown")


class DiversityQuadrant(Plot):
    """Draw the diversity one user sees against the diversity all users see together."""

    title = "Individual against aggregate diversity"
    section = "echo"
    reading = (
        "The cross hairs are the baseline. Lower right of them every user sees variety, but all see the same; upper "
        "left the catalog is spread over users who are each kept to few kinds."
    )
    counted = "users"

    def tidy(self, study: Study) -> pd.DataFrame:
        """Return intra-list diversity and catalog coverage of each cell over the whole run."""
        return between(study, ACROSS, UP)

    def draw(self, frame: pd.DataFrame) -> Figure:
        """Return one panel of labelled points."""
        return draw_between(frame)

    def findings(self, frame: pd.DataFrame) -> str:
        """Return both figures per arm."""
        return f"Intra-list diversity across, catalog coverage up. {points(frame)}"

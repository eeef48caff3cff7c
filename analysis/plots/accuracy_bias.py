"""What users get against how popular it is."""

import pandas as pd
from matplotlib.figure import Figure

from analysis.load import Study
from analysis.plots.base import Plot
from analysis.plots.scatter import between, draw_between, points
from analysis.plots.timeline import Track

ACROSS = Track("mean popularity shown (ARP, as of time 0)", "arp", "shown", "initial")
UP = Track("share of shown items that were watched", "view_ratio", "user")


class AccuracyBias(Plot):
    """Draw the view ratio against the average popularity of what was shown."""

    title = "Usefulness against popularity"
    section = "outcomes"
    reading = (
        "Up is more useful to the users, left less popular: an arm above and left of another gives more with less bias."
    )
    counted = "users"

    def tidy(self, study: Study) -> pd.DataFrame:
        """Return ARP and view ratio of each cell over the whole run."""
        return between(study, ACROSS, UP)

    def draw(self, frame: pd.DataFrame) -> Figure:
        """Return one panel of labelled points."""
        return draw_between(frame)

    def findings(self, frame: pd.DataFrame) -> str:
        """Return both figures per arm."""
        return f"ARP across, view ratio up. {points(frame)}"

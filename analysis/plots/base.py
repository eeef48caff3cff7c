"""What a figure is: a tidy frame, a drawing of it, and the words beside it."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd
from matplotlib.figure import Figure

from analysis.compare import FEWEST_FOR_INTERVAL
from analysis.load import Study
from analysis.plots.style import spelled


class Drawing(ABC):
    """Draw one figure from one tidy frame.

    Every frame has the columns ``arm``, ``seed``, ``definition_id`` and ``n`` (what a figure is
    averaged or counted over) beside its own, those of figures over time ``day`` and ``period`` (as measured).
    """

    title: ClassVar[str]
    section: ClassVar[str]
    """Where the report shows it: popularity, echo, outcomes or fidelity."""
    reading: ClassVar[str]
    """How to read the figure, one or two sentences."""
    counted: ClassVar[str]
    """What ``n`` counts."""
    bands: ClassVar[bool] = False
    """Whether it draws intervals over seeds where there are enough."""

    @abstractmethod
    def draw(self, frame: pd.DataFrame) -> Figure:
        """Return the figure, drawn under the style of analysis.plots.style."""

    @abstractmethod
    def findings(self, frame: pd.DataFrame) -> str:
        """Return what can be seen, in numbers, for readers who cannot see it."""

    def caption(self, frame: pd.DataFrame) -> str:
        """Return the reading, the definitions and the replication behind the figure."""
        definitions = ", ".join(sorted(frame["definition_id"].unique()))
        seeds = int(frame["seeds"].max()) if "seeds" in frame else frame["seed"].nunique()
        banded = self.bands and seeds >= FEWEST_FOR_INTERVAL
        spread = "mean and 95 % interval over seeds" if banded else "mean over seeds" if seeds > 1 else "no interval"
        low, high = int(frame["n"].min()), int(frame["n"].max())
        size = f"{low:,}" if low == high else f"{low:,} to {high:,}"
        runs = "1 seed" if seeds == 1 else f"{seeds} seeds"
        points = f" A point per {spelled(frame['period'].iloc[0])}." if "period" in frame else ""
        about = f"Definition: {definitions}; {size} {self.counted} per value; n = {runs}, {spread}."
        return f"{self.reading}{points} {about}"

    def alt(self, frame: pd.DataFrame) -> str:
        """Return the figure in words."""
        return f"{self.title}. {self.findings(frame)}"


class Plot(Drawing):
    """Draw one figure of a study, arms overlaid in the order of the study."""

    @abstractmethod
    def tidy(self, study: Study) -> pd.DataFrame:
        """Return the figure's data, empty where the study has none."""


@dataclass
class Panel(Drawing):
    """Draw one figure of an experiment; its frame needs no columns but its own."""

    words: str
    """The caption."""

    section = "outcomes"
    reading = ""
    counted = ""

    def caption(self, frame: pd.DataFrame) -> str:
        """Return the words it was made with."""
        return self.words

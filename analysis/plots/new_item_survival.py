"""Whether items nobody had taken before the run are shown at all, and go on being shown."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analysis.load import Run, Study
from analysis.metrics.periods import by_period
from analysis.plots.base import Plot
from analysis.plots.timeline import draw_series, first_to_last
from simulator.scenario import duration

PANELS = ("shown, %", "found so far, %", "share of impressions, %")


class NewItemSurvival(Plot):
    """Draw over time which share of the new items is shown, and which has found somebody who watched it."""

    title = "New items"
    section = "popularity"
    reading = (
        "New items are those nobody had taken before the run, items that interventions let in later included: the "
        "share of them shown to anybody in a period, the share watched by anybody up to its end, and what share of its "
        "impressions they are."
    )
    counted = "new items"
    bands = True

    def tidy(self, study: Study) -> pd.DataFrame:
        """Return one row per cell, period and panel; none where every item had been taken."""
        frames = [_series(cell.run).assign(arm=arm, seed=cell.seed) for arm in study.arms for cell in study.of(arm)]
        return pd.concat(frames, ignore_index=True)

    def draw(self, frame: pd.DataFrame) -> Figure:
        """Return three panels."""
        return draw_series(frame, columns=len(PANELS), height=2.3)

    def findings(self, frame: pd.DataFrame) -> str:
        """Return the shares of the first and the last period."""
        return first_to_last(frame)


def _series(run: Run) -> pd.DataFrame:
    new = run.table("items", ["initial_count"])["initial_count"].to_numpy() == 0
    found, rows = np.zeros(len(new), dtype=np.bool_), []
    for day, shown in by_period(run, run.every) if new.any() else ():
        seen = np.unique(shown.item[new[shown.item]])
        found[shown.item[shown.watched]] = True
        shares = (len(seen) / new.sum(), found[new].mean(), new[shown.item].mean() if len(shown.item) else np.nan)
        rows += [(day, panel, 100 * share) for panel, share in zip(PANELS, shares, strict=True)]
    frame = pd.DataFrame(rows, columns=["day", "panel", "value"])
    return frame.assign(period=duration(run.every), n=int(new.sum()), definition_id="new_items/initial-count-0")

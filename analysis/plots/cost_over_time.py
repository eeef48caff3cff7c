"""What language models cost, and how often they failed, over time."""

import pandas as pd
from matplotlib.figure import Figure

from analysis.load import Run, Study
from analysis.metrics.periods import begins
from analysis.plots.base import Plot
from analysis.plots.timeline import draw_series, first_to_last
from simulator.scenario import duration

PANELS = ("questions", "tokens, thousands", "US dollars", "unusable answers, %")


class CostOverTime(Plot):
    """Draw questions, tokens, dollars and the share of answers that could not be used."""

    title = "Language models over time"
    section = "outcomes"
    reading = (
        "Questions put to language models in each period, tokens read and written, their price where one is "
        "known, and the share of answers that could not be used as they came (repaired, failed or replaced)."
    )
    counted = "questions"
    bands = True

    def tidy(self, study: Study) -> pd.DataFrame:
        """Return one row per cell, period and panel; none where nobody was asked, no dollars without a price."""
        frames = [_series(cell.run).assign(arm=arm, seed=cell.seed) for arm in study.arms for cell in study.of(arm)]
        frame = pd.concat(frames, ignore_index=True)
        return frame.dropna(subset=["value"]).reset_index(drop=True)

    def draw(self, frame: pd.DataFrame) -> Figure:
        """Return a panel per figure."""
        return draw_series(frame, columns=frame["panel"].nunique(), height=2.3)

    def findings(self, frame: pd.DataFrame) -> str:
        """Return the figures of the first and the last period."""
        return first_to_last(frame)


def _series(run: Run) -> pd.DataFrame:
    calls = run.table("llm_calls", ["now", "tokens_in", "tokens_out", "cost", "status", "parse_status"])
    day = begins(calls["now"].astype(float), run.every).rename("day")
    useless = (calls["status"].astype(str) != "ok") | (calls["parse_status"].astype(str) != "ok")
    columns = pd.DataFrame(
        {
            PANELS[0]: 1.0,
            PANELS[1]: (calls["tokens_in"] + calls["tokens_out"]) / 1000,
            PANELS[2]: calls["cost"].astype(float),
            PANELS[3]: 100.0 * useless,
        },
        index=calls.index,
    )
    by_period = columns.groupby(day)
    figures = by_period.sum(min_count=1)
    figures[PANELS[3]] = by_period[PANELS[3]].mean()
    tall = figures.reset_index().melt("day", var_name="panel")
    n = tall["day"].map(by_period.size())
    return tall.assign(period=duration(run.every), n=n, definition_id="llm_calls/by-period")

"""What language models cost, and how often they failed, day by day."""

import pandas as pd
from matplotlib.figure import Figure

from analysis.load import Run, Study
from analysis.metrics.visits import MINUTES_A_DAY
from analysis.plots.base import Plot
from analysis.plots.timeline import draw_daily, first_to_last

PANELS = ("questions", "tokens, thousands", "US dollars", "unusable answers, %")


class CostOverTime(Plot):
    """Draw questions, tokens, dollars and the share of answers that could not be used."""

    title = "Language models over time"
    section = "outcomes"
    reading = (
        "Questions put to language models on each simulated day, tokens read and written, their price where one is "
        "known, and the share of answers that could not be used as they came (repaired, failed or replaced)."
    )
    counted = "questions"
    bands = True

    def tidy(self, study: Study) -> pd.DataFrame:
        """Return one row per cell, day and panel; none where nobody was asked, no dollars where there is no price."""
        frames = [_daily(cell.run).assign(arm=arm, seed=cell.seed) for arm in study.arms for cell in study.of(arm)]
        frame = pd.concat(frames, ignore_index=True)
        return frame.dropna(subset=["value"]).reset_index(drop=True)

    def draw(self, frame: pd.DataFrame) -> Figure:
        """Return a panel per figure."""
        return draw_daily(frame, columns=frame["panel"].nunique(), height=2.3)

    def findings(self, frame: pd.DataFrame) -> str:
        """Return the figures of the first and the last day."""
        return first_to_last(frame)


def _daily(run: Run) -> pd.DataFrame:
    calls = run.table("llm_calls", ["now", "tokens_in", "tokens_out", "cost", "status", "parse_status"])
    day = (calls["now"].astype(float) // MINUTES_A_DAY).astype(int).rename("day")
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
    by_day = columns.groupby(day)
    figures = by_day.sum(min_count=1)
    figures[PANELS[3]] = by_day[PANELS[3]].mean()
    tall = figures.reset_index().melt("day", var_name="panel")
    return tall.assign(n=tall["day"].map(by_day.size()), definition_id="llm_calls/by-day")

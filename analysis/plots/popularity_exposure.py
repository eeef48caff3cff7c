"""Who gets exposed: popular or unpopular items."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from analysis.load import Study
from analysis.plots.base import Plot
from analysis.plots.frames import exposure, listed, over_seeds
from analysis.plots.style import FAINT, arm_legend, arm_styles, panels

BINS = 10


class PopularityExposure(Plot):
    """Draw the exposure of an average item against its popularity before the run."""

    title = "Popularity against exposure"
    section = "popularity"
    reading = (
        "Items in ten equal groups by interactions before the run; 1 on the vertical axis is an equal share of all "
        "impressions (linear below 1, logarithmic above)."
    )
    counted = "items"
    bands = True

    def tidy(self, study: Study) -> pd.DataFrame:
        """Return the mean exposure per popularity decile, ties broken by item id, relative to an equal share."""
        items = exposure(study)
        cell = items.groupby(["arm", "seed"], sort=False)
        place = cell["popularity"].rank(method="first") - 1
        items["decile"] = (place * BINS // cell["popularity"].transform("size")).astype(int) + 1
        items["relative"] = items["count"] / cell["count"].transform("mean")
        groups = items.groupby(["arm", "seed", "decile"], sort=False)
        frame = groups.agg(popularity=("popularity", "mean"), relative=("relative", "mean"), n=("relative", "size"))
        frame = frame.reset_index().sort_values(["arm", "seed", "decile"], kind="stable")
        order = frame["arm"].map({arm: at for at, arm in enumerate(study.arms)}).sort_values(kind="stable").index
        return (
            frame.loc[order].reset_index(drop=True).assign(definition_id="relative_exposure/popularity-deciles/initial")
        )

    def draw(self, frame: pd.DataFrame) -> Figure:
        """Return one panel, the exposure symmetric-logarithmic around zero."""
        styles = arm_styles(frame["arm"])
        figure, (ax,) = panels(1, height=2.8)
        ax.axhline(1, color=FAINT, linewidth=0.8)
        means = over_seeds(frame, ["arm", "decile"], "relative")
        for arm, style in styles.items():
            line = means[means["arm"] == arm]
            ax.plot(line["decile"], line["mean"], color=style.color, linestyle=style.dashes, marker=style.marker)
            ax.fill_between(line["decile"], line["low"], line["high"], color=style.color, alpha=0.15, linewidth=0)
        ax.set_yscale("symlog", linthresh=1, linscale=0.6)
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}×" if value else "0"))
        ax.set_yticks(
            [0, 1, *([2, 5, 10, 20, 50, 100][: int(np.searchsorted([2, 5, 10, 20, 50], means["mean"].max())) + 1])]
        )
        ax.minorticks_off()
        ax.set_ylim(bottom=-0.06)
        ax.set_xticks(range(1, BINS + 1))
        ax.set(xlabel="popularity decile before the run (10 = most popular)", ylabel="exposure / equal share")
        arm_legend(figure, styles)
        return figure

    def findings(self, frame: pd.DataFrame) -> str:
        """Return the relative exposure of the most popular tenth per arm."""
        top = frame[frame["decile"] == BINS]
        times = listed(top, "relative", "{arm} {value:.2g} times")
        return f"Exposure of the most popular tenth relative to an equal share: {times}."

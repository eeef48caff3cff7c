"""How exposure falls with rank, before and after."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analysis.load import Study
from analysis.plots.base import Plot
from analysis.plots.frames import exposure, grouped, listed
from analysis.plots.style import FAINT, arm_styles, panels

TRAINING = "interactions before the run"
MOST_POINTS = 120


class LongTail(Plot):
    """Draw the share of all impressions by item rank on logarithmic axes, beside the training data."""

    title = "Long tail of exposure"
    section = "popularity"
    reading = "Items are ranked by their own exposure; the gray line is how interactions were spread before the run."
    counted = "impressions"

    def tidy(self, study: Study) -> pd.DataFrame:
        """Return share by rank at up to 120 ranks, logarithmically spaced; items never shown have share 0."""
        items = exposure(study)
        before = items[items["arm"] == study.baseline].assign(arm=TRAINING, count=lambda f: f["popularity"])
        before["n"] = before.groupby("seed")["count"].transform("sum")
        every = pd.concat([items, before], ignore_index=True)
        frames = [
            _ranked(group["count"].to_numpy(dtype=float)).assign(arm=arm, seed=seed, n=int(group["n"].iloc[0]))
            for (arm, seed), group in grouped(every, ["arm", "seed"])
        ]
        return pd.concat(frames, ignore_index=True).assign(definition_id="exposure_share/by-own-rank")

    def draw(self, frame: pd.DataFrame) -> Figure:
        """Return one panel, both axes logarithmic."""
        arms = arm_styles(frame.loc[frame["arm"] != TRAINING, "arm"])
        figure, (ax,) = panels(1, height=2.9)
        before = _mean(frame, TRAINING)
        ax.plot(
            before.index, before, color=FAINT, linewidth=3.2, alpha=0.55, solid_capstyle="butt", label="before the run"
        )
        for arm, style in arms.items():
            curve = _mean(frame, arm)
            ax.plot(curve.index, curve, color=style.color, linestyle=style.dashes, label=arm)
        ax.set(xscale="log", yscale="log", xlabel="item rank by exposure", ylabel="share of the total")
        ax.legend(loc="lower left")
        return figure

    def findings(self, frame: pd.DataFrame) -> str:
        """Return the share of the most exposed item per arm."""
        return f"Share of the most exposed item: {listed(frame[frame['rank'] == 1], 'share', '{arm} {value:.1%}')}."


def _ranked(counts: np.ndarray) -> pd.DataFrame:
    shares = np.sort(counts)[::-1] / max(counts.sum(), 1)
    ranks = np.unique(np.geomspace(1, len(shares), MOST_POINTS).round().astype(int))
    return pd.DataFrame({"rank": ranks, "share": shares[ranks - 1]})


def _mean(frame: pd.DataFrame, arm: str) -> "pd.Series[float]":
    means = frame[frame["arm"] == arm].groupby("rank")["share"].mean()
    return means[means > 0]

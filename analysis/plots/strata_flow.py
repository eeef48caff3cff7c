"""How head, mid and tail fare from the training data to what is watched."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import PercentFormatter

from analysis.load import Run, Study
from analysis.metrics.strata import bands
from analysis.plots.base import Plot
from analysis.plots.style import INK, panels

BANDS = ("head", "mid", "tail")
COLORS = ("#0072B2", "#a9cde4", "#ffffff")
STAGES = ("before", "shown", "watched")


class StrataFlow(Plot):
    """Draw the shares of head, mid and tail items before the run, in the slates and among the watches."""

    title = "Head, mid and tail: before, shown, watched"
    section = "popularity"
    reading = (
        "Head and tail are the most and least popular items that hold the first and last fifth of all interactions "
        "before the run."
    )
    counted = "interactions, impressions or watches"

    def tidy(self, study: Study) -> pd.DataFrame:
        """Return the share of each band per arm, seed and stage."""
        frames = [_shares(cell.run).assign(arm=arm, seed=cell.seed) for arm in study.arms for cell in study.of(arm)]
        return pd.concat(frames, ignore_index=True).assign(definition_id="band_share/20-60-20-of-interactions/initial")

    def draw(self, frame: pd.DataFrame) -> Figure:
        """Return stacked bars, a block per arm."""
        arms = list(frame["arm"].unique())
        figure, (ax,) = panels(1, height=0.85 + 0.74 * len(arms))
        means = frame.groupby(["arm", "stage", "band"], sort=False)["share"].mean()
        rows = [(arm, stage) for arm in arms for stage in STAGES]
        heights = [at + 1.15 * (at // len(STAGES)) for at in range(len(rows))]
        for y, (arm, stage) in zip(heights, rows, strict=True):
            left = 0.0
            for band, color in zip(BANDS, COLORS, strict=True):
                share = float(means.get((arm, stage, band), 0.0))
                ax.barh(y, share, 0.86, left=left, facecolor=color, edgecolor=INK, linewidth=0.5)
                if share >= 0.09:
                    ax.text(
                        left + share / 2,
                        y,
                        f"{share:.0%}",
                        ha="center",
                        va="center_baseline",
                        color="white" if band == "head" else INK,
                    )
                left += share
            if stage == STAGES[0] and len(arms) > 1:
                ax.annotate(arm, (0, y - 0.5), (0, 2), textcoords="offset points", va="bottom", fontweight="bold")
        ax.set_yticks(heights, [stage for _, stage in rows])
        ax.tick_params(axis="y", length=0)
        ax.invert_yaxis()
        ax.grid(visible=False)
        ax.spines["left"].set_visible(False)
        ax.set(xlim=(0, 1), xlabel="share")
        ax.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        patches = [
            Patch(facecolor=color, edgecolor=INK, linewidth=0.5, label=band)
            for band, color in zip(BANDS, COLORS, strict=True)
        ]
        figure.legend(handles=patches, loc="outside upper center", ncols=3)
        return figure

    def findings(self, frame: pd.DataFrame) -> str:
        """Return the tail's share at each stage per arm."""
        tail = frame[frame["band"] == "tail"].groupby(["arm", "stage"], sort=False)["share"].mean().unstack("stage")
        rows = [f"{arm} {' to '.join(f'{row[stage]:.0%}' for stage in STAGES)}" for arm, row in tail.iterrows()]
        return f"Share of tail items before, shown, watched: {'; '.join(rows)}."


def _shares(run: Run) -> pd.DataFrame:
    popularity = run.table("items", ["initial_count"])["initial_count"].to_numpy(dtype=float)
    band = bands(popularity)
    exposure = run.exposure.items
    weights = [popularity, *(exposure[side].to_numpy(dtype=float) for side in ("shown", "watched"))]
    found = []
    for stage, weight in zip(STAGES, weights, strict=True):
        sums = np.bincount(band, weights=weight, minlength=len(BANDS))
        found += [(stage, name, s / max(sums.sum(), 1), int(sums.sum())) for name, s in zip(BANDS, sums, strict=True)]
    return pd.DataFrame(found, columns=["stage", "band", "share", "n"])

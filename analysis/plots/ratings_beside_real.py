"""Ratings that simulated users gave, beside those of real ones."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.stats import ks_2samp

from agents.schema import Floats
from analysis.load import Study
from analysis.plots.base import Plot
from analysis.plots.frames import grouped
from analysis.plots.style import INK, arm_legend, arm_styles, panels

REAL = "real"


class RatingsBesideReal(Plot):
    """Draw how often each rating was given in the run, and in the real interactions the platform knew before."""

    title = "Ratings beside real ones"
    section = "fidelity"
    reading = (
        "Share of each rating among those simulated users gave, and among the real interactions the platform knew "
        "before the run (dashes). They are of different items, those shown by the recommender and those people once "
        "chose, so they need not agree; `fidelity` compares them on the same pairs."
    )
    counted = "ratings"

    def tidy(self, study: Study) -> pd.DataFrame:
        """Return the share of every level per cell, and of the real ratings (arm ``real``); none without ratings."""
        rows = []
        for cell in study.cells:
            given = cell.run.table("impressions", ["rating"])["rating"].dropna().to_numpy(dtype=float)
            real = cell.run.table("history", ["rating"])["rating"].dropna().to_numpy(dtype=float)
            if len(given) and len(real):
                levels = np.unique(np.round(2 * real) / 2)
                distance = float(ks_2samp(given, real).statistic)
                for arm, values in ((cell.arm, given), (REAL, real)):
                    shares = _shares(values, levels)
                    about = {"arm": arm, "seed": cell.seed, "n": len(values), "ks": distance if arm != REAL else np.nan}
                    pairs = zip(levels, shares, strict=True)
                    rows += [about | {"rating": level, "share": share} for level, share in pairs]
        return pd.DataFrame(rows).assign(definition_id="rating-share/ks") if rows else pd.DataFrame()

    def draw(self, frame: pd.DataFrame) -> Figure:
        """Return bars per arm and the real shares as a line."""
        shares = frame.groupby(["arm", "rating"], sort=False)["share"].mean()
        styles = arm_styles([arm for arm in dict.fromkeys(frame["arm"]) if arm != REAL])
        figure, (ax,) = panels(1, height=2.4)
        levels = sorted(frame["rating"].unique())
        width = 0.8 / len(styles)
        for place, (arm, style) in enumerate(styles.items()):
            mine = shares[arm].reindex(levels).fillna(0.0)
            at = np.arange(len(levels)) + (place - (len(styles) - 1) / 2) * width
            ax.bar(at, mine, width * 0.9, facecolor="white" if style.hatch else style.color, edgecolor=style.color,
                   hatch=style.hatch, linewidth=0.8)  # fmt: skip
        real = shares[REAL].reindex(levels).fillna(0.0)
        ax.plot(range(len(levels)), real, color=INK, marker="_", markersize=12, linestyle="none", markeredgewidth=2)
        ax.set_xticks(range(len(levels)), [f"{level:g}" for level in levels])
        ax.set(xlabel="rating (dashes: real)", ylabel="share")
        ax.grid(axis="x", visible=False)
        arm_legend(figure, styles, lines=False)
        return figure

    def findings(self, frame: pd.DataFrame) -> str:
        """Return the largest gap between the cumulative shares (Kolmogorov-Smirnov) per arm."""
        parts = (f"{arm} {some['ks'].mean():.3f}" for (arm,), some in grouped(frame, ["arm"]) if arm != REAL)
        return f"Largest gap of cumulative shares from real ratings (KS): {', '.join(parts)}."


def _shares(values: Floats, levels: Floats) -> Floats:
    nearest = np.abs(values[:, None] - levels).argmin(axis=1)
    return np.bincount(nearest, minlength=len(levels)) / len(values)

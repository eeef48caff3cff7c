"""Lorenz curves of what was shown and of what was watched."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analysis.load import Study
from analysis.metrics.concentration import gini_index, lorenz_curve
from analysis.plots.base import Plot
from analysis.plots.frames import exposure, grouped, listed
from analysis.plots.style import FAINT, arm_styles, panels

GRID = np.linspace(0, 1, 201)
PANELS = {"shown": "Shown", "consumed": "Watched"}


class LorenzCurve(Plot):
    """Draw the cumulative share of exposure against the share of the catalog, least shown first."""

    title = "Lorenz curve of exposure"
    section = "popularity"
    reading = "The further a curve hangs below the diagonal, the fewer items take most of the exposure."
    counted = "impressions or watches"

    def tidy(self, study: Study) -> pd.DataFrame:
        """Return the curves at 201 shares of the catalog."""
        frames = []
        for on in PANELS:
            for (arm, seed), items in grouped(exposure(study, watched=on == "consumed"), ["arm", "seed"]):
                counts = items["count"].to_numpy(dtype=float)
                curve = lorenz_curve(counts)
                shares = np.interp(GRID, np.linspace(0, 1, len(curve)), curve)
                frame = pd.DataFrame({"on": on, "item_share": GRID, "exposure_share": shares})
                frames.append(frame.assign(gini=float(gini_index(counts)), arm=arm, seed=seed, n=items["n"].iloc[0]))
        return pd.concat(frames, ignore_index=True).assign(definition_id="lorenz_curve/full-catalog")

    def draw(self, frame: pd.DataFrame) -> Figure:
        """Return two panels, shown and watched."""
        styles = arm_styles(frame["arm"])
        figure, axes = panels(2, height=2.9, width=6.4)
        for ax, (on, name) in zip(axes, PANELS.items(), strict=True):
            ax.plot([0, 1], [0, 1], color=FAINT, linewidth=0.8)
            ax.text(0.47, 0.5, "equal shares", rotation=45, rotation_mode="anchor", ha="center", color=FAINT)
            part = frame[frame["on"] == on]
            for arm, style in styles.items():
                curve = part[part["arm"] == arm].groupby("item_share")[["exposure_share", "gini"]].mean()
                label = f"{arm}: Gini {curve['gini'].iloc[0]:.2f}"
                ax.plot(curve.index, curve["exposure_share"], color=style.color, linestyle=style.dashes, label=label)
            ax.legend(loc="upper left", bbox_to_anchor=(0.0, 0.98), handlelength=2.2)
            ax.set(
                title=name, xlim=(0, 1), ylim=(0, 1), xlabel="share of the catalog, least exposed first", aspect="equal"
            )
        axes[0].set_ylabel("cumulative share")
        return figure

    def findings(self, frame: pd.DataFrame) -> str:
        """Return the Gini index per arm."""
        shown = frame[frame["on"] == "shown"]
        return f"Gini index of what was shown: {listed(shown, 'gini')}."

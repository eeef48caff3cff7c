"""Watch rate by position on the page."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from analysis.load import Study
from analysis.plots.base import Plot
from analysis.plots.frames import by_arm, over_seeds
from analysis.plots.style import arm_legend, arm_styles, panels


class ClickThrough(Plot):
    """Draw the share of shown items that were watched, by position."""

    title = "Watch rate by position"
    section = "outcomes"
    reading = "Users read from the top and may stop, so lower positions are watched less whatever is there."
    counted = "impressions"
    bands = True

    def tidy(self, study: Study) -> pd.DataFrame:
        """Return the watch rate per arm, seed and position over all pages."""
        frames = []
        for cell in study.cells:
            shown = cell.run.exposure.positions.query("shown > 0").rename_axis("position").reset_index()
            rates = pd.DataFrame(
                {"position": shown["position"], "rate": shown["watched"] / shown["shown"], "n": shown["shown"]}
            )
            frames.append(rates.assign(arm=cell.arm, seed=cell.seed))
        return by_arm(study, pd.concat(frames, ignore_index=True)).assign(
            definition_id="watch_rate/by-position/all-pages"
        )

    def draw(self, frame: pd.DataFrame) -> Figure:
        """Return one panel."""
        styles = arm_styles(frame["arm"])
        figure, (ax,) = panels(1, height=2.6)
        means = over_seeds(frame, ["arm", "position"], "rate")
        for arm, style in styles.items():
            line = means[means["arm"] == arm]
            ax.plot(line["position"], line["mean"], color=style.color, linestyle=style.dashes, marker=style.marker)
            ax.fill_between(line["position"], line["low"], line["high"], color=style.color, alpha=0.15, linewidth=0)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        ax.set_ylim(bottom=0)
        ax.set(xlabel="position on the page (1 = top)", ylabel="share watched")
        arm_legend(figure, styles)
        return figure

    def findings(self, frame: pd.DataFrame) -> str:
        """Return the watch rate of the first and the last position per arm."""
        rates = frame.groupby(["arm", "position"], sort=False)["rate"].mean()
        ends = [(arm, of.iloc[0], of.iloc[-1]) for arm, of in rates.groupby(level=0, sort=False)]
        return "From the top to the lowest position: " + "; ".join(f"{a} {x:.0%} to {y:.0%}" for a, x, y in ends) + "."

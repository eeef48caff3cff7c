"""How the variety of genres a user is shown is distributed over users, over time."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analysis.load import Run, Study
from analysis.metrics.lists import Lists
from analysis.metrics.periods import by_period
from analysis.metrics.variety import entropy_bits, genre_shares
from analysis.plots.base import Plot
from analysis.plots.frames import listed
from analysis.plots.style import arm_styles, day_axis, panels, spelled
from simulator.scenario import duration

QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
PANELS_A_ROW = 4


class TopicEntropyFan(Plot):
    """Draw quantiles over users of the genre entropy of each period's slates."""

    title = "Variety of genres per user"
    section = "echo"
    reading = (
        "Line: the middle user; bands: the middle half and the middle 80 % of users. A sinking fan means that users "
        "are shown fewer kinds; a widening one that some are locked in while others are not."
    )
    counted = "users"

    def tidy(self, study: Study) -> pd.DataFrame:
        """Return the quantiles per arm, seed and period."""
        frames = [_quantiles(cell.run).assign(arm=arm, seed=cell.seed) for arm in study.arms for cell in study.of(arm)]
        return pd.concat(frames, ignore_index=True).assign(
            period=duration(study.every), definition_id="topic_entropy/bits/split-genres/quantiles-over-users"
        )

    def draw(self, frame: pd.DataFrame) -> Figure:
        """Return one panel per arm on a common scale."""
        styles = arm_styles(frame["arm"])
        columns = min(len(styles), PANELS_A_ROW)
        figure, axes = panels(columns, -(-len(styles) // columns), height=2.4)
        quantiles = [f"q{int(100 * q)}" for q in QUANTILES]
        low, high = frame[quantiles[0]].min(), frame[quantiles[-1]].max()
        for ax, (arm, style) in zip(axes, styles.items(), strict=False):
            fan = frame[frame["arm"] == arm].groupby("day")[quantiles].mean()
            ax.fill_between(fan.index, fan["q10"], fan["q90"], color=style.color, alpha=0.15, linewidth=0)
            ax.fill_between(fan.index, fan["q25"], fan["q75"], color=style.color, alpha=0.25, linewidth=0)
            ax.plot(fan.index, fan["q50"], color=style.color, linestyle=style.dashes, marker=style.marker)
            ax.set_title(arm)
            ax.set_ylim(low - 0.08 * (high - low), high + 0.08 * (high - low))
            day_axis(ax, frame["period"].iloc[0], arm)
        for ax in axes[len(styles) :]:
            ax.set_visible(False)
        axes[0].set_ylabel("genre entropy (bits)")
        return figure

    def findings(self, frame: pd.DataFrame) -> str:
        """Return the middle user's entropy in the last period per arm."""
        last = frame[frame["day"] == frame["day"].max()]
        when = f"in the last {spelled(last['period'].iloc[0])}"
        return f"Genre entropy of the middle user {when}, in bits: {listed(last, 'q50')}."


def _quantiles(run: Run) -> pd.DataFrame:
    labels = run.table("items", ["genres"])["genres"].astype(str)
    genres = labels.str.get_dummies("|").reindex(columns=run.manifest["genre_names"], fill_value=0)
    rows, users = [], len(run.table("users", ["user_id"]))
    for day, shown in by_period(run, run.every):
        lists = Lists.of_showings(shown.user, shown.item, users)
        entropy = entropy_bits(genre_shares(lists, genres.to_numpy(dtype=float)))
        entropy = entropy[~np.isnan(entropy)]
        if len(entropy):
            rows.append((day, *np.quantile(entropy, QUANTILES), len(entropy)))
    return pd.DataFrame(rows, columns=["day", *(f"q{int(100 * q)}" for q in QUANTILES), "n"])

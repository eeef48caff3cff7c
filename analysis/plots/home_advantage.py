"""Which recommender wins under which kind of user: does the winner sit at home?"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analysis.compare import FEWEST_FOR_INTERVAL, WHOLE_RUN, interval
from analysis.load import Study, point_in_words
from analysis.plots.base import Plot
from analysis.plots.style import FAINT, PAGE, STYLES, arm_legend, panels

METRIC = "view_ratio"


class HomeAdvantage(Plot):
    """Draw what users of each family get of each recommender, over the other points of the grid."""

    title = "Recommenders by user family"
    section = "outcomes"
    reading = (
        "Share of shown items that were watched, over its mean over all recommenders under the same users: above 1 "
        "a recommender serves these users better than the others do. Bars are 95 % intervals over seeds. A ranking may "
        "be claimed only where all families agree; where one alone puts a recommender first, it has an advantage at "
        "home."
    )
    counted = "users"
    bands = True

    def tidy(self, study: Study) -> pd.DataFrame:
        """Return one row per recommender, family and point; none unless the grid varies ``behavior``."""
        if "behavior" not in study.point or len(study.arms) < 2:
            return pd.DataFrame()
        rows = [row for there in study.everywhere for row in _rows(there)]
        return pd.DataFrame(rows)

    def draw(self, frame: pd.DataFrame) -> Figure:
        """Return a panel: a block per recommender, a row per family in it."""
        arms, families = (list(dict.fromkeys(frame[name])) for name in ("arm", "family"))
        styles = dict(zip(families, STYLES[1:], strict=False))
        figure, (ax,) = panels(1, height=0.34 * len(arms) * len(families) ** 0.7 + 0.9, width=PAGE)
        for place, arm in enumerate(arms):
            for shift, (family, style) in enumerate(styles.items()):
                mine: list[Any] = list(frame[(frame["arm"] == arm) & (frame["family"] == family)].itertuples())
                for n, row in enumerate(mine):
                    y = place + 0.8 * ((shift + (n + 0.5) / len(mine)) / len(families) - 0.5)
                    ax.plot([row.low, row.high], [y, y], color=style.color, linewidth=0.9)
                    ax.plot(row.value, y, color=style.color, marker=style.marker, markersize=3.5, linestyle="none")
        for place in range(len(arms) - 1):
            ax.axhline(place + 0.5, color=FAINT, linewidth=0.3)
        ax.axvline(1, color=FAINT, linewidth=0.8, linestyle=(0, (2, 2)))
        ax.set_yticks(range(len(arms)), arms)
        ax.set_ylim(len(arms) - 0.45, -0.55)
        ax.set_xlabel("watched of shown, over its mean over recommenders under the same users")
        ax.grid(axis="y", visible=False)
        arm_legend(figure, styles, lines=False)
        return figure

    def caption(self, frame: pd.DataFrame) -> str:
        """Return also in which order the other points of the grid stand."""
        points = "; ".join(point for point in dict.fromkeys(frame["where"]) if point)
        return super().caption(frame) + (f" The points of a family, from above: {points}." if points else "")

    def findings(self, frame: pd.DataFrame) -> str:
        """Return each family's best recommender, and every recommender's home advantage."""
        means = frame.groupby(["family", "arm"], sort=False)["value"].mean().unstack("family")
        best = "; ".join(f"{family} users: {means[family].idxmax()}" for family in means)
        spread = ", ".join(
            f"{arm} {row.max() / np.delete(row.to_numpy(), row.to_numpy().argmax()).mean():.2f} ({row.idxmax()})"
            for arm, row in means.iterrows()
        )
        return f"Best under {best}. Home advantage, best family over the mean of the others: {spread}."


def _rows(study: Study) -> "list[dict[str, Any]]":
    frame = study.metrics
    rows = frame[(frame["metric"] == METRIC) & (frame["day"] == WHOLE_RUN) & (frame["group"] == "all")]
    values = rows.pivot_table(index="seed", columns="arm", values="value").reindex(columns=study.arms)
    relative = values.div(values.mean(axis=1), axis=0)
    others = point_in_words({key: value for key, value in study.point.items() if key != "behavior"})
    shared = {"family": family(study.point["behavior"]), "where": others, "seeds": len(values)}
    found = []
    for arm in study.arms:
        mine = relative[arm].dropna().to_numpy(dtype=float)
        low, high = interval(mine)[:2] if len(mine) >= FEWEST_FOR_INTERVAL else (np.nan, np.nan)
        ends = {"value": mine.mean(), "low": low, "high": high}
        about = {"n": int(rows.loc[rows["arm"] == arm, "n"].min()), "definition_id": rows["definition_id"].iloc[0]}
        found.append({"arm": arm} | shared | ends | about)
    return found


def family(behavior: Mapping[str, Any]) -> str:
    """Return what kind of users a behavior makes, in a word.

    >>> family({"kind": "calibrated"}), family({"kind": "llm", "decide": "likeness"})
    ('calibrated', 'llm')
    """
    return str(behavior["kind"])

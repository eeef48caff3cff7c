"""Diversity and novelty of kinds of recommenders at equal accuracy."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.metrics.discover import metrics
from analysis.plots.base import Drawing
from analysis.plots.style import INK, PAGE, arm_legend, arm_styles, panels

LABELS = {"intra_list_diversity": "diversity of a list by genre", "miuf": "novelty (MIUF, bits)"}
SAID = {"shown": "shown to be more", "opposite": "shown to be less", "not shown": "no difference shown"}


class MatchedAccuracy(Drawing):
    """Draw each kind's figures along its knob, and how kinds differ where they are equally accurate."""

    title = "Diversity and novelty at matched accuracy"
    section = "outcomes"
    reading = (
        "Above, a curve joins one kind's recommenders by NDCG; a ring marks the highest NDCG that a kind and the first "
        "both reach, where they are read by linear interpolation. Below, their difference there, with 95 % intervals "
        "over 1,000 resamples of the users, accuracy matched anew in each."
    )
    counted = "users"

    def draw(self, frame: pd.DataFrame) -> Figure:
        """Return curves above and differences below, a pair of columns per data set's figures."""
        data, figures = list(dict.fromkeys(frame["data"])), list(dict.fromkeys(frame["figure"]))
        kinds = list(dict.fromkeys(frame["kind"]))
        figure, axes = panels(len(figures), 2 * len(data), width=PAGE)
        short = 0.6 + 0.2 * (len(kinds) - 1)
        figure.set_size_inches(PAGE, len(data) * (2.5 + short) + 0.3)
        grid = axes[0].get_gridspec()
        assert grid is not None
        grid.set_height_ratios([2.5, short] * len(data))
        for row, name in enumerate(data):
            for column, wanted in enumerate(figures):
                some = frame[(frame["data"] == name) & (frame["figure"] == wanted)]
                above, below = (axes[(2 * row + part) * len(figures) + column] for part in (0, 1))
                _curves(above, some)
                _differences(below, some, kinds)
                above.set_title(f"{name}: {LABELS[wanted]}" if len(data) > 1 else LABELS[wanted])
        arm_legend(figure, arm_styles(kinds))
        return figure

    def findings(self, frame: pd.DataFrame) -> str:
        """Return what is shown at equal accuracy, and what is not."""
        return " ".join(_words(row) for row in _read(frame).itertuples())

    def caption(self, frame: pd.DataFrame) -> str:
        """Return the reading, the definitions, the protocol and the replication."""
        fits = frame["seeds"].max()
        defined = ", ".join(sorted({name for both in frame["definition_id"] for name in both.split(", ")}))
        return (
            f"{self.reading} Protocol: {frame['protocol'].iloc[0]}. Definition: {defined}; {frame['n'].max():,} users; "
            f"mean of {fits} fit(s)."
        )


def tidy(result: Mapping[str, Any], names: Mapping[str, str], protocol: str) -> pd.DataFrame:
    """Return a row per recommender (``matched`` False) and per kind that is compared; empty where nothing is."""
    known = {metric.name: metric.definition_id for metric in metrics()}
    made: list[dict[str, Any]] = []
    for data, figure, baseline in dict.fromkeys((m["data"], m["figure"], m["baseline"]) for m in result["matched"]):
        matches = [m for m in result["matched"] if (m["data"], m["figure"]) == (data, figure)]
        kinds = [baseline, *(m["kind"] for m in matches)]
        rows = [row for row in result["rows"] if row["data"] == data and _kind(row) in kinds]
        about: dict[str, Any] = {"protocol": protocol, "definition_id": f"{known['ndcg_at_k']}, {known[figure]}"}
        about |= {"seeds": len(rows[0]["fits"]), "n": rows[0]["users"], "data": data, "figure": figure}
        for row in sorted(rows, key=lambda row: kinds.index(_kind(row))):
            ndcg, value = (row["intervals"][name]["mean"] for name in ("ndcg@10", figure))
            arm = {"arm": names[row["recommender"]], "kind": _kind(row), "baseline": baseline}
            made.append({**about, **arm, "matched": False, "ndcg": ndcg, "value": value})
        made += [{**about, "arm": match["kind"], **match, "matched": True} for match in matches]
    return pd.DataFrame(made)


def _kind(row: Mapping[str, Any]) -> str:
    return str(row["spec"]["kind"]).replace("-", "_")


def _read(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame["matched"]]


def _curves(ax: Axes, some: pd.DataFrame) -> None:
    """Draw a curve per kind, and where they are compared."""
    for kind, style in arm_styles(some["kind"]).items():
        curve = some[(some["kind"] == kind) & ~some["matched"]].sort_values("ndcg")
        ax.plot(curve["ndcg"], curve["value"], color=style.color, linestyle=style.dashes, marker=style.marker)
    rows: list[Any] = list(_read(some).itertuples())
    for row in rows:
        for value, kind in ((row.value, row.kind), (row.baseline_value, row.baseline)):
            color = arm_styles(some["kind"])[str(kind)].color
            ax.plot(row.ndcg, value, marker="o", markersize=9, fillstyle="none", color=color)
    ax.set_xlabel("NDCG@10")
    ax.margins(x=0.08, y=0.12)
    ax.locator_params(axis="x", nbins=6)


def _differences(ax: Axes, some: pd.DataFrame, kinds: list[str]) -> None:
    """Draw a row per kind other than the first: its difference with its interval."""
    rows: list[Any] = list(_read(some).itertuples())
    styles = arm_styles(kinds)
    ax.axvline(0, color=INK, linewidth=0.8)
    for place, row in enumerate(rows):
        style = styles[str(row.kind)]
        ax.plot([row.low, row.high], [place, place], color=style.color, linewidth=1.4)
        ax.plot(row.difference, place, color=style.color, marker=style.marker, linestyle="none")
    ax.set_yticks(range(len(rows)), [str(row.kind) for row in rows])
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.grid(axis="y", visible=False)
    ax.margins(x=0.1)
    ax.set_xlabel(f"difference from {some['baseline'].iloc[0]} at equal NDCG")


def _words(row: Any) -> str:
    where = f"{row.data}, {LABELS[row.figure]}: {row.kind} against {row.baseline}"
    if row.ndcg != row.ndcg:
        return f"{where}: not comparable, their accuracies do not overlap."
    if row.low != row.low:
        return f"{where}: not shown, their accuracies overlap in too few resamples."
    interval = f"{row.difference:+.3g} [{row.low:+.3g}, {row.high:+.3g}]"
    return f"{where} at NDCG {row.ndcg:.3f}: {interval}, {SAID[row.verdict]}."

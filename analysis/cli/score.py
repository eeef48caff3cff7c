"""Measure anyone's recommendation lists."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from analysis.metrics.base import Metric, Value
    from analysis.metrics.evidence import Evidence
    from analysis.metrics.tables import Scored

BY_GROUP = ("popularity_lift", "group_average_popularity", "profile_average_popularity")
CURVE_POINTS = 100


def command(
    slates: Annotated[Path, typer.Option(help="CSV: user_id,item_id,rank (1 the first place)")],
    train: Annotated[Path, typer.Option(help="CSV: user_id,item_id, what users had taken before")],
    test: Annotated[Path | None, typer.Option(help="CSV: user_id,item_id, what they took afterwards")] = None,
    items: Annotated[Path | None, typer.Option(help="CSV: item_id,genres (separated by |), the catalog")] = None,
    chosen: Annotated[Path | None, typer.Option(help="CSV: user_id,item_id, what they took of the slates")] = None,
    ties: Annotated[Path | None, typer.Option(help="CSV: user_id,friend_id, who knows whom")] = None,
    opinions: Annotated[Path | None, typer.Option(help="CSV: user_id,opinion (a number); else tastes lean")] = None,
    raw: Annotated[bool, typer.Option("--raw", help="lists may repeat items, which duplicate_rate counts")] = False,
    k: Annotated[int, typer.Option("-k", min=1, help="judge the first k places of each list")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON line")] = False,
) -> None:
    """Print every metric of bias, diversity, polarization and accuracy that plain tables allow.

    Columns that may be there too: presented in slates (the place at which a ranker was told of the item),
    codes in items (semantic IDs such as 3-17-4). `list metrics` says what each metric is.
    """
    from analysis.metrics.reading import Tables
    from analysis.metrics.tables import read_evidence

    scored = read_evidence(Tables(slates, train, test, items, chosen, ties, opinions, raw), k)
    figures = measured(scored.evidence)
    if as_json:
        print(json.dumps({"metrics": figures, **facts(scored)}))
    else:
        print_table(figures, facts(scored))


def facts(scored: "Scored") -> dict[str, Any]:
    """Return what the figures rest on."""
    evidence = scored.evidence
    return {
        "k": evidence.k,
        "catalog": scored.catalog,
        "n_items": evidence.n_catalog,
        "n_users": evidence.slates.n,
        "unknown_items": list(scored.unknown_items),
        "repeated_rows": scored.repeats,
    }


def measured(evidence: "Evidence") -> dict[str, dict[str, Any]]:
    """Return every applicable figure by name: overall, the Lorenz curve, by user group, and by part of the catalog."""
    from analysis.metrics.discover import metrics

    figures = {"lorenz_curve": curve(evidence)}
    for metric in metrics():
        figures |= entries(of_stated(metric, evidence), metric.measure(evidence))
        if metric.name in BY_GROUP:
            figures |= by_group(evidence, metric)
    for needed, part, partial in evidence.parts():
        for metric in metrics():
            if needed in metric.inputs:
                figures |= entries(metric, metric.measure(partial), part.removesuffix(" items").replace(" ", "_"))
    return dict(sorted(figures.items()))


def of_stated(metric: "Metric", evidence: "Evidence") -> "Metric":
    """Return the metric, by a definition_id of its own where leanings are opinions that were stated."""
    if evidence.opinions is None or not {"leaning", "camp"} & set(metric.inputs):
        return metric
    return replace(metric, definition_id=f"{metric.definition_id}/of-stated-opinions")


def by_group(evidence: "Evidence", metric: "Metric") -> dict[str, dict[str, Any]]:
    """Return one metric for each user group."""
    import numpy as np

    from analysis.metrics.strata import GROUPS

    figures: dict[str, dict[str, Any]] = {}
    for code, group in enumerate(GROUPS):
        assert evidence.groups is not None
        of_group = evidence.of_users(np.flatnonzero(evidence.groups == code))
        figures |= entries(metric, metric.measure(of_group), group)
    return figures


def entries(metric: "Metric", value: "Value | None", part: str = "") -> dict[str, dict[str, Any]]:
    """Return a metric's figures by name, with the part of users or of the catalog that they are about."""
    if value is None:
        return {}
    name, definition = (f"_{part}", f"/{part}") if part else ("", "")
    return {
        figure + name: entry(replace(value, value=number), definition_id + definition)
        for figure, definition_id, number in metric.figures(value)
    }


def entry(value: "Value", definition_id: str) -> dict[str, Any]:
    """Return a figure as JSON has it: NaN becomes null, the tied mass is named where there is one."""
    shown = None if math.isnan(value.value) else value.value
    tied = {"tied_mass": value.tied_mass} if value.tied_mass else {}
    return {"value": shown, "definition_id": definition_id, "n": value.n, "n_skipped": value.n_skipped, **tied}


def curve(evidence: "Evidence") -> dict[str, Any]:
    """Return the Lorenz curve: every point up to CURVE_POINTS items, else read off at so many equal steps."""
    import numpy as np

    from analysis.metrics.concentration import lorenz_curve

    assert evidence.counts is not None
    points, n = lorenz_curve(evidence.counts), len(evidence.counts)
    if n > CURVE_POINTS:
        points = np.interp(np.linspace(0, n, CURVE_POINTS + 1), np.arange(n + 1), points)
    steps = "every-item" if n <= CURVE_POINTS else f"{CURVE_POINTS}-steps"
    return {"value": points.tolist(), "definition_id": f"lorenz_curve/full-catalog/{steps}", "n": n, "n_skipped": 0}


def print_table(figures: dict[str, dict[str, Any]], about: dict[str, Any]) -> None:
    """Print the figures one a line, and what they rest on."""
    print(f"{'metric':<40}{'value':>12}{'n':>9}{'skipped':>9}  definition")
    for name, figure in figures.items():
        value = figure["value"]
        if not isinstance(value, list):
            shown = "undefined" if value is None else f"{value:.5f}"
            print(f"{name:<40}{shown:>12}{figure['n']:>9}{figure['n_skipped']:>9}  {figure['definition_id']}")
    print(", ".join(f"{name}: {value}" for name, value in about.items()))

"""``list``: what a scenario can name, and what is measured."""

import json
from typing import Annotated, Any

import typer

from agents.errors import InvalidInput
from simulator.components import FAMILIES, find, names
from simulator.problems import unknown

METRICS = "metrics"
LISTED = (*FAMILIES, METRICS)


def command(
    what: Annotated[str, typer.Argument(help=f"one of {', '.join(LISTED)}; left out, all of them")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="print one line of JSON")] = False,
) -> None:
    """List the components a scenario can name by `kind:`, and the metrics, one line on each."""
    if what and what not in LISTED:
        raise InvalidInput(unknown(what, "family", LISTED))
    wanted = [what] if what else list(LISTED)
    found = {family: kinds(family) for family in wanted if family != METRICS}
    declared = metrics() if METRICS in wanted else {}
    if as_json:
        typer.echo(json.dumps(found | ({METRICS: declared} if METRICS in wanted else {})))
        return
    for family, about in found.items():
        typer.echo(f"{family}:" + ("" if about else " none yet"))
        for kind, line in about.items():
            typer.echo(f"  {kind:<22} {line}")
    if declared:
        typer.echo(f"{METRICS}:")
    for name, facts in declared.items():
        typer.echo(f"  {name:<34} {facts['meaning']}")
        typer.echo(f"    {facts['definition_id']}; larger is {facts['direction']}; {facts['source']}")
        for place in ("runs", "score"):
            if (told := facts[f"in_{place}"]) != "yes":
                typer.echo(f"    in {place}: {told}")


def kinds(family: str) -> dict[str, str]:
    """Return the kinds of a family with one line on each."""
    from simulator.scenario_schema import explain

    return {kind: explain(find(family, kind))[0] for kind in names(family)}


def metrics() -> dict[str, dict[str, Any]]:
    """Return every metric by name: its declaration, its edge cases, and whether runs and ``score`` measure it.

    An end of a range that is open is null.
    """
    from math import isfinite

    from analysis.metrics import discover, sources

    facts = ("meaning", "details", "definition_id", "direction", "outcome", "level", "inputs", "edges", "source")
    return {
        metric.name: {fact: getattr(metric, fact) for fact in facts}
        | {"range": [end if isfinite(end) else None for end in metric.range]}
        | {"in_runs": sources.in_runs(metric), "in_score": sources.in_score(metric)}
        for metric in sorted(discover.metrics(), key=lambda metric: metric.name)
    }

"""``list``: what a scenario can name."""

import json
from typing import Annotated

import typer

from agents.errors import InvalidInput
from simulator.components import FAMILIES, find, names
from simulator.problems import unknown


def command(
    what: Annotated[str, typer.Argument(help=f"one of {', '.join(FAMILIES)}; left out, all of them")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="print one line of JSON")] = False,
) -> None:
    """List the components a scenario can name by `kind:`, one line on each."""
    from simulator.scenario_schema import explain

    if what and what not in FAMILIES:
        raise InvalidInput(unknown(what, "family", FAMILIES))
    families = [what] if what else list(FAMILIES)
    found = {family: {kind: explain(find(family, kind))[0] for kind in names(family)} for family in families}
    if as_json:
        typer.echo(json.dumps(found))
        return
    for family, kinds in found.items():
        typer.echo(f"{family}:" + ("" if kinds else " none yet"))
        for kind, about in kinds.items():
            typer.echo(f"  {kind:<22} {about}")

"""``schema``: what a scenario file may hold."""

import json
from typing import Annotated

import typer


def command(
    markdown: Annotated[
        bool, typer.Option("--markdown", help="a page for people instead (scenarios/README.md)")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print one line of JSON")] = False,
) -> None:
    """Print the JSON Schema of scenario files (draft 7), for editors that complete and check."""
    from simulator.scenario_page import markdown as page
    from simulator.scenario_schema import json_schema

    if markdown:
        typer.echo(page(), nl=False)
    else:
        typer.echo(json.dumps(json_schema(), indent=None if as_json else 2))

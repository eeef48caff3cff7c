"""``estimate``: what a scenario would take."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer


def command(
    scenario: Annotated[Path, typer.Argument(help="scenario file", show_default=False)],
    sets: Annotated[list[str] | None, typer.Option("--set", help="override a.b=value (repeatable)")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print one line of JSON")] = False,
) -> None:
    """Say how many questions, tokens, dollars and seconds a scenario takes, before any is spent."""
    from simulator.forecast import ASSUMPTIONS, forecast, pages
    from simulator.scenario_file import expand, read

    whole = read(scenario, sets or [])
    cells = expand(whole)
    looked_at = round(sum(pages(part.scenario) for part in cells))
    models = forecast(whole)
    if as_json:
        rows = [asdict(model) for model in models]
        typer.echo(json.dumps({"runs": len(cells), "pages": looked_at, "models": rows, "assumptions": ASSUMPTIONS}))
        return
    typer.echo(f"{whole.name}: {len(cells)} run{'s' * (len(cells) > 1)}, up to about {looked_at:,} pages")
    for m in models:
        cost = "cost unknown (no price given)" if m.cost is None else f"${m.cost:,.2f}"
        seconds = "time unknown" if m.seconds is None else f"about {m.seconds:,.0f} s"
        tokens = f"{m.tokens_in:,} tokens in, {m.tokens_out:,} out"
        typer.echo(f"llm.{m.model} ({m.kind}): {m.users} users, {m.questions:,} questions, {tokens}, {cost}, {seconds}")
    if not models:
        typer.echo("no language model is asked")
    typer.echo("Assumed:")
    for line in ASSUMPTIONS:
        typer.echo(f"- {line}")

"""The command-line options that more than one command has, each written once."""

from pathlib import Path
from typing import Annotated

import typer

ScenarioFile = Annotated[Path, typer.Argument(help="scenario file", show_default=False)]
Sets = Annotated[list[str] | None, typer.Option("--set", help="override a.b=value (repeatable)")]
Seed = Annotated[int | None, typer.Option(help="override seed")]
Agents = Annotated[int | None, typer.Option(help="override users.count")]
Days = Annotated[float | None, typer.Option(help="override days")]
Llm = Annotated[str | None, typer.Option(help="kind, or {kind: ...}, in place of every language model")]
Replay = Annotated[Path | None, typer.Option(help="answer only from this run's recorded answers")]
BudgetUsd = Annotated[float | None, typer.Option(help="stop, resumable, at this cost")]
BudgetTokens = Annotated[int | None, typer.Option(help="stop, resumable, at this many tokens")]
BudgetMinutes = Annotated[float | None, typer.Option(help="stop, resumable, after this wall time")]
Out = Annotated[Path | None, typer.Option(help="folder to write (default: a new one under runs/)")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="validate, say what would run, write nothing")]
Json = Annotated[bool, typer.Option("--json", help="print one JSON line")]

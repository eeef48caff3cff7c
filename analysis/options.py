"""The command-line options that more than one command has, each written once."""

import inspect
from collections.abc import Callable
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
Datasets = Annotated[
    list[Path],
    typer.Argument(
        help="dataset folders (augment) or run folders (their watches), of one pipeline: seeds take them in turn",
        show_default=False,
    ),
]
NoLlm = Annotated[
    list[Path] | None, typer.Option(help="the same pipeline without its language model (one per dataset)")
]
On = Annotated[str | None, typer.Option(help="ray, or ray:HOST:PORT: on a Ray cluster instead of this process")]
Shards = Annotated[int | None, typer.Option(min=1, help="parts the users of a run are in (default: what it can run)")]
Json = Annotated[bool, typer.Option("--json", help="print one JSON line")]


def _of_a_scenario(
    scenario: ScenarioFile,
    sets: Sets = None,
    seed: Seed = None,
    agents: Agents = None,
    days: Days = None,
    llm: Llm = None,
    replay: Replay = None,
    budget_usd: BudgetUsd = None,
    budget_tokens: BudgetTokens = None,
    budget_minutes: BudgetMinutes = None,
    on: On = None,
    shards: Shards = None,
    out: Out = None,
    dry_run: DryRun = False,
    json_: Json = False,
) -> None:
    """Stand for the signature of every command that executes a scenario file."""


def scenario_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command that takes ``**asked`` the arguments and options of executing a scenario file."""
    command.__signature__ = inspect.signature(_of_a_scenario)  # type: ignore[attr-defined]
    command.__annotations__ = dict(_of_a_scenario.__annotations__)
    return command

"""Continue a run or study that was stopped, killed or out of budget."""

from pathlib import Path
from typing import Annotated

import typer

from analysis.options import BudgetMinutes, BudgetTokens, BudgetUsd, Json, On, Shards


def command(
    run: Annotated[Path, typer.Argument(help="run or study folder", show_default=False)],
    budget_usd: BudgetUsd = None,
    budget_tokens: BudgetTokens = None,
    budget_minutes: BudgetMinutes = None,
    on: On = None,
    shards: Shards = None,
    json_: Json = False,
) -> None:
    """Continue a stopped or killed run; its log comes out as if it had never stopped."""
    from analysis.execute import restart

    budget = {"budget_usd": budget_usd, "budget_tokens": budget_tokens, "budget_minutes": budget_minutes}
    restart(run, on=on, shards=shards, json_=json_, **budget)

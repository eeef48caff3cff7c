"""Run one scenario and measure it."""

from analysis.options import (
    Agents,
    BudgetMinutes,
    BudgetTokens,
    BudgetUsd,
    Days,
    DryRun,
    Json,
    Llm,
    Out,
    Replay,
    ScenarioFile,
    Seed,
    Sets,
)


def command(
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
    out: Out = None,
    dry_run: DryRun = False,
    json_: Json = False,
) -> None:
    """Run a scenario and measure it; the last line printed is the run folder."""
    from analysis.execute import overrides, start

    entries = overrides(
        sets,
        seed=seed,
        users__count=agents,
        days=days,
        budget__usd=budget_usd,
        budget__tokens=budget_tokens,
        budget__minutes=budget_minutes,
    )
    start(scenario, entries, llm=llm, replay=replay, out=out, dry_run=dry_run, as_json=json_, study=False)

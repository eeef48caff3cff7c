"""Compare arms of a study, or single runs, with a baseline."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from analysis.options import Json

if TYPE_CHECKING:
    import pandas as pd

METRICS_SHOWN = (
    "gini_index", "catalog_coverage", "effective_items", "arp", "aplt", "popularity_lift", "mean_pairwise_jaccard",
    "topic_entropy", "intra_list_diversity", "view_ratio", "satisfaction", "exit_page",
)  # fmt: skip
"""What is compared where no --metric asks for anything else."""


def command(
    folders: Annotated[list[Path], typer.Argument(help="a study folder, or run folders, the first the baseline")],
    metric: Annotated[list[str] | None, typer.Option(help="compare only this metric (repeatable)")] = None,
    fail_if: Annotated[
        list[str] | None,
        typer.Option(help="exit with 6 where an arm's difference is beyond: 'gini_index>+5%', 'view_ratio<-0.01'"),
    ] = None,
    json_: Json = False,
) -> None:
    """Print paired differences from the baseline: intervals from 3 seeds on, effect sizes, Holm-corrected p.

    Without --metric the headline metrics over all users are compared; a named metric is compared in
    every variant that was measured. Holm's correction runs over the rows printed. --fail-if looks at the mean
    difference over all users, on what was shown unless METRIC@consumed (or @profile, @user) says otherwise.
    """
    import json

    from agents.errors import GateFailed
    from analysis.compare import compare
    from analysis.finish import measured
    from analysis.gate import Gate
    from analysis.load import gather

    gates = [Gate.read(text) for text in fail_if or ()]
    study = measured(gather(folders))
    table = compare(study, metric or METRICS_SHOWN, groups=() if metric else ("all",))
    if json_:
        print(json.dumps({"baseline": study.baseline, "seeds": study.seeds, "rows": _records(table)}))
    else:
        _print(table, study.seeds)
    if gates:
        crossed = [line for gate in gates for line in gate.crossed(study)]
        if crossed:
            raise GateFailed("; ".join(crossed))


def _records(table: "pd.DataFrame") -> list[dict[str, object]]:
    """Return the rows as JSON can hold them: what does not exist is null."""
    return [
        {str(name): None if value != value else value for name, value in row.items()}
        for row in table.to_dict("records")
    ]


def _print(table: "pd.DataFrame", seeds: tuple[int, ...]) -> None:
    from rich.console import Console
    from rich.table import Table

    baseline = table["baseline"].iloc[0]
    title = f"Differences from {baseline}, paired over {len(seeds)} seed(s)"
    shown = Table(title=title, title_justify="left")
    grid = table["where"].any()
    for column in ("metric", "on", "popularity", "users", *(("at",) if grid else ()), "arm"):
        shown.add_column(column)
    for column in (baseline, "arm's", "difference", "95 % interval", "d", "p (Holm)"):
        shown.add_column(column, justify="right")
    for row in table.to_dict("records"):
        enough = row["low"] == row["low"]
        shown.add_row(
            row["metric"], row["on"], row["snapshot"] or "–", row["group"],
            *((row["where"],) if grid else ()), row["arm"],
            *(f"{row[name]:.4g}" for name in ("baseline_mean", "arm_mean")),
            f"{row['difference']:+.4g}",
            f"{row['low']:+.4g} to {row['high']:+.4g}" if enough else row["method"],
            *(f"{row[name]:.3g}" if row[name] == row[name] else "–" for name in ("d", "p_holm")),
        )  # fmt: skip
    Console(width=None if Console().is_terminal else 160).print(shown)

"""Execute a finished run or study again from its own recorded answers."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from analysis.options import Json, Out

if TYPE_CHECKING:
    from rich.console import Console

    from simulator.scenario import Scenario

Verify = Annotated[bool, typer.Option("--verify", help="keep nothing, compare with what the run recorded; exit 6")]


def command(
    run: Annotated[Path, typer.Argument(help="run folder, study folder or cell of a study", show_default=False)],
    verify: Verify = False,
    out: Out = None,
    json_: Json = False,
) -> None:
    """Re-execute a run or study from its recorded answers; no language model is opened or asked."""
    from rich.console import Console

    from agents.errors import InvalidInput
    from analysis.execute import execute, new_folder, print_outcome, written
    from analysis.load import load_study
    from simulator.scenario_file import read

    load_study(run)  # refuses what is neither run nor study, or is not finished
    source = written(run)
    scenario = read(source, ["budget.minutes=null"])  # the other caps are on what is asked, and nothing is
    if not verify:
        folder = new_folder(scenario, out)
        print_outcome(execute(scenario, source, folder, Console(stderr=True), replay=run), json_)
    elif out is not None:
        raise InvalidInput("--verify keeps nothing: leave out --out, or leave out --verify to keep the second run")
    else:
        _verify(scenario, run, json_)


def _verify(scenario: "Scenario", run: Path, as_json: bool) -> None:
    """Execute again into a folder that is gone afterwards; print the comparison, raise GateFailed where it fails."""
    import json
    import tempfile

    from rich.console import Console

    from agents.errors import GateFailed, InvalidInput
    from analysis.difference import compare_runs

    with tempfile.TemporaryDirectory(prefix="tasteloop-replay-") as place:
        again = Path(place) / "again"
        try:
            _execute(scenario, run, again, Console(stderr=True))
        except InvalidInput as error:  # of a scenario that finished once: its answers lead elsewhere, or are gone
            raise GateFailed(f"{run} cannot be executed again as recorded: {error}") from error
        pairs = _pairs(run, again) if scenario.study else [(run, again)]
        rows = [compare_runs(one, other, scenario.platform.window) for one, other in pairs]
    equal = all(row["equal"] for row in rows)
    if as_json:
        print(json.dumps({"study": str(run), "equal": equal, "cells": rows} if scenario.study else rows[0]))
    else:
        print("\n".join(_line(row) for row in rows))
    if not equal:
        wrong = "\n".join(_line(row) for row in rows if not row["equal"])
        raise GateFailed(f"the recorded answers do not give the recorded log:\n{wrong}")


def _execute(scenario: "Scenario", run: Path, folder: Path, console: "Console") -> None:
    from contextlib import suppress
    from functools import partial

    from agents.errors import Degraded
    from analysis.execute import journal
    from analysis.progress import Display
    from simulator import run as engine
    from simulator.study import cells, study

    answers = journal(run) if scenario.llm else None
    names = [f"{cell.arm} s{cell.seed}" for cell in cells(scenario, folder)] if scenario.study else [scenario.name]
    with suppress(Degraded), Display(console, names) as display:  # a degraded run is complete, and so is its replay
        if scenario.study:
            study(scenario, folder, replay=answers, watch=display.show)
            return
        with engine.models(scenario, folder / "answers.journal", answers) as dispatcher:
            engine.run(scenario, folder, dispatcher, engine.budget_of(scenario), watch=partial(display.show, 0))


def _pairs(run: Path, again: Path) -> list[tuple[Path, Path]]:
    """Return the folder of every cell of a study, in the recorded study and in the replayed one."""
    from analysis.load import mapping

    folders = [cell["folder"] for cell in mapping(run / "study.json")["cells"]]
    return [(run / folder, again / folder) for folder in folders]


def _line(row: dict[str, Any]) -> str:
    if row["equal"]:
        return f"{row['run']}: equal, {row['tables']['impressions']['rows']:,} impressions, digest {row['log_digest']}"
    wrong = (f"{name} {table['first']}" for name, table in row["tables"].items() if not table["equal"])
    return f"{row['run']}: differs: {'; '.join(wrong)}"

"""Run published studies anew, and say whether what they claim comes out."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from analysis.options import Json, Out, Sets

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

WORDS = {
    (True, True): "passed",
    (True, False): "FAILED",
    (False, True): "reproduced, not claimed",
    (False, False): "not reproduced, not claimed",
}
"""What is printed of a claim by whether the study is held to it, and whether it came out."""

Names = Annotated[list[str] | None, typer.Argument(help="studies by name, or all (the default)", show_default=False)]
Fast = Annotated[
    bool, typer.Option("--fast", help="studies that need little, with fewer seeds and days: a check within two minutes")
]


def command(names: Names = None, fast: Fast = False, sets: Sets = None, out: Out = None, json_: Json = False) -> None:
    """Run published studies and print what they claim beside what came out; exit code 6 where a claim fails."""
    import json
    import time
    from datetime import UTC, datetime
    from pathlib import Path

    from rich.console import Console

    from agents.errors import GateFailed
    from simulator.manifest import plain

    began, console = time.monotonic(), Console(stderr=True)
    folder = out or Path("runs") / f"validation-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    rows = [played(name, fast, sets or [], folder / name, console) for name in chosen(names or ["all"], fast)]
    failed = [f"{row['study']}: {one['claim']}" for row in rows for one in row["claims"] if failing(one)]
    result = {"studies": rows, "passed": not failed, "fast": fast, "wall_s": time.monotonic() - began}
    if json_:
        print(json.dumps(plain(result)))
    else:
        show(rows)
        print(folder)
    if failed:
        raise GateFailed("claims that did not come out:\n" + "\n".join(failed))


def chosen(names: list[str], fast: bool) -> list[str]:
    """Return the studies asked for, by name; raise InvalidInput for one that is unknown or has no fast form."""
    import importlib
    import pkgutil

    from agents.errors import InvalidInput
    from analysis import validation
    from simulator.problems import unknown

    known = sorted(module.name for module in pkgutil.iter_modules(validation.__path__) if module.name != "base")
    for name in names:
        if name not in (*known, "all"):
            raise InvalidInput(unknown(name, "study", [*known, "all"]))
    quick = [name for name in known if importlib.import_module(f"analysis.validation.{name}").FAST is not None]
    if "all" in names:
        return quick if fast else known
    slow = sorted(set(names) - set(quick))
    if fast and slow:
        raise InvalidInput(f"{', '.join(slow)} cannot be told with less: leave out --fast, or take {', '.join(quick)}")
    return sorted(set(names))


def played(name: str, fast: bool, sets: list[str], folder: "Path", console: "Console") -> dict[str, Any]:
    """Run a study into a folder, cells that are finished there left as they are, and return its claims."""
    import importlib
    import os
    import time
    from pathlib import Path

    from agents.errors import InvalidInput
    from analysis.execute import make_folder, run_study
    from analysis.load import load_study
    from simulator.scenario_file import read, resolved

    began, used = time.monotonic(), os.times()
    published = importlib.import_module(f"analysis.validation.{name}")
    source = Path(__file__).parents[2] / "scenarios" / "validation" / f"{name}.yaml"
    scenario = read(source, [*(published.FAST if fast else ()), *sets])
    before = folder / "study.resolved.yaml"
    if before.exists() and before.read_text(encoding="utf-8") != resolved(scenario):
        raise InvalidInput(f"{folder} holds another form of this study; give another --out")
    make_folder(scenario, source, folder)
    run_study(scenario, folder, console)
    claims = [claim.row() for claim in published.claims(load_study(folder))]
    spent = sum(now - then for now, then in zip(os.times()[:4], used[:4], strict=True))
    costs = {"wall_s": time.monotonic() - began, "cpu_s": spent, "folder": str(folder)}
    return {"study": name, "claims": claims, "passed": not any(map(failing, claims)), **costs}


def failing(claim: dict[str, Any]) -> bool:
    """Tell whether a claim that the study is held to did not come out."""
    return bool(claim["claimed"] and not claim["passed"])


def show(rows: list[dict[str, Any]]) -> None:
    """Print one table per study."""
    from rich.console import Console
    from rich.table import Table

    screen = Console()
    for row in rows:
        title = f"{row['study']}: {row['wall_s']:.0f} s, {row['cpu_s']:.0f} s of processor"
        table = Table(title=title, title_justify="left")
        table.add_column("claim", overflow="fold")
        for heading in ("published", "expected", "measured", "95 % interval", "seeds", ""):
            table.add_column(heading, justify="right")
        for claim in row["claims"]:
            words = (claim["claim"], claim["published"], claim["expected"], figure(claim["value"]))
            ends = " to ".join(figure(claim[end]) for end in ("low", "high"))
            table.add_row(*words, ends, str(claim["seeds"]), WORDS[claim["claimed"], claim["passed"]])
        Console(width=None if screen.is_terminal else 200).print(table)


def figure(value: float | None) -> str:
    """Write a figure, or that there is none."""
    return "–" if value is None else f"{value:.4g}"

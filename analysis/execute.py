"""Run a scenario as a user asks for it: folder, display, interruption, then metrics, figures, report."""

import errno
import json
import os
import re
import shutil
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

from agents.errors import Degraded, Interrupted, InvalidInput, MissingResource, Terminated
from agents.llm.journal import Journal
from analysis.finish import finish, measure_run
from analysis.hypotheses import by_hypothesis
from analysis.load import METRICS, load_study
from analysis.logbook import logbook
from analysis.metrics.discover import metrics
from analysis.progress import Display, step
from simulator.commits import write_durably
from simulator.execution.cluster import address, connected
from simulator.manifest import plain, read_json, seal
from simulator.problems import Problem, unknown
from simulator.run import budget_of, models, run
from simulator.scenario import Scenario
from simulator.scenario_file import expand, read, resolved
from simulator.study import After, cells, study

KEYS = {
    "seed": "seed",
    "days": "days",
    "agents": "users.count",
    "budget_usd": "budget.usd",
    "budget_tokens": "budget.tokens",
    "budget_minutes": "budget.minutes",
}
"""Option -> the scenario key it is short for."""
FULL = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS))
"""What the system calls a disk that takes no more."""


def new_folder(scenario: Scenario, out: Path | None) -> Path:
    """Return the folder to write to: ``out``, or a fresh one under ``runs``."""
    if out is not None:
        if out.exists() and (not out.is_dir() or any(not file.name.startswith(".") for file in out.iterdir())):
            raise InvalidInput(f"--out {out} exists and is not empty; give another folder, or: run_sim.py resume {out}")
        return out
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    base = Path("runs") / f"{scenario.name}-{stamp}"
    return next(path for n in range(1000) if not (path := base if not n else Path(f"{base}-{n}")).exists())


def written(folder: Path) -> Path:
    """Return the resolved scenario that a run or study folder holds; raise InvalidInput for any other folder."""
    for name in ("study.resolved.yaml", "scenario.resolved.yaml"):
        if (folder / name).exists():
            return folder / name
    raise InvalidInput(f"{folder} is no run or study folder: it has no scenario.resolved.yaml")


def journal(folder: Path) -> Path:
    """Return the recorded answers of a run or study; a cell's lie with its study."""
    for place in (folder, *folder.parents[1:2]):
        if (place / "answers.journal").is_file():
            return place / "answers.journal"
    raise InvalidInput(f"{folder} has no answers.journal, nor has its study: there is nothing to replay from")


@contextmanager
def interruption(console: Console) -> Iterator[Callable[[], bool]]:
    """Turn the first Ctrl-C or SIGTERM into a stop at the next committed window; the second aborts."""
    asked: list[int] = []

    def ask(number: int, _frame: object) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)
        console.print("stopping at the end of this window; once more to abort", style="yellow")

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(asked)
    except Interrupted as error:
        if asked[:1] == [signal.SIGTERM]:
            raise Terminated(str(error)) from error
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def make_folder(scenario: Scenario, source: Path, folder: Path) -> None:
    """Create the folder with the scenario in it, as written and resolved: from then on it can be resumed.

    Raise MissingResource where it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        name = "study.resolved.yaml" if scenario.study else "scenario.resolved.yaml"
        write_durably(folder / name, resolved(scenario).encode())
        if not (folder / "scenario.yaml").exists():
            write_durably(folder / "scenario.yaml", source.read_bytes())
    except OSError as error:
        raise MissingResource(
            f"cannot write to {folder}: {error.strerror}; give a writable folder with --out"
        ) from error


def worth_keeping(folder: Path, language_models: int) -> bool:
    """Say whether anything happened in a folder that a second attempt would have to do again."""
    if any(file.stat().st_size for name in ("commits.log", "seal-*.json", "fit-*.npz") for file in folder.rglob(name)):
        return True
    path = folder / "answers.journal"
    if not path.exists():
        return False
    with Journal(path, read_only=True) as answers:  # one record per model says only what it can do
        return len(answers) > language_models


class Place(NamedTuple):
    """Where a scenario is executed: in this process, or on a Ray cluster."""

    on: str | None = None
    shards: int | None = None

    def check(self, *, study: bool) -> None:
        """Raise InvalidInput where it is none."""
        if self.on is not None:
            address(self.on)
        if self.shards is not None and (study or self.on is None):
            why = "a study spreads its cells" if study else "there are shards on a cluster only: add --on ray"
            raise InvalidInput(f"--shards {self.shards}: {why}")

    @contextmanager
    def taken(self, scenario: Scenario) -> Iterator[int]:
        """Yield how many parts run side by side there; 0 in this process."""
        if self.on is None:
            yield 0
            return
        with connected(self.on, scenario.engine.threads) as cluster:
            yield self.shards or cluster


HERE = Place()


def execute(
    scenario: Scenario, source: Path, folder: Path, console: Console, *, replay: Path | None = None, place: Place = HERE
) -> dict[str, Any]:
    """Run (or continue) a scenario or study in ``folder`` and return what the command prints as JSON.

    A degraded run is finished and reported before Degraded is raised.
    """
    answers = journal(replay) if replay and scenario.llm else None  # without a language model there are none
    new = source.parent != folder  # what is resumed takes its scenario from its folder
    make_folder(scenario, source, folder)
    try:
        with writable(folder), logbook(folder) as log:
            log.info("%s %s, seed %d", "begun:" if new else "continued:", scenario.name, scenario.seed)
            degraded = _execute(scenario, folder, console, answers, place)
            outcome = measured(folder, console)
            log.info("finished and reported, digest %s", outcome.get("log_digest", "of each cell in study.json"))
    except (InvalidInput, MissingResource):
        if new and not worth_keeping(folder, len(scenario.llm)):
            shutil.rmtree(folder)
        raise
    if degraded:
        raise degraded
    return outcome


def _execute(scenario: Scenario, folder: Path, console: Console, answers: Path | None, place: Place) -> Degraded | None:
    """Run a scenario or study to its end and seal what it left; return, rather than raise, that it is degraded."""
    degraded = None
    try:
        if not unreported(folder):
            if scenario.study:
                run_study(scenario, folder, console, answers, after=measure_run, place=place)
            else:
                _run(scenario, folder, console, answers, place)
    except Degraded as error:
        degraded = error
    for manifest in (folder / "manifest.json", *folder.glob("cells/*/manifest.json")):
        if manifest.exists():
            seal(manifest.parent)
    return degraded


@contextmanager
def writable(folder: Path) -> Iterator[None]:
    """Turn a disk that takes no more (full, over quota, read-only) into MissingResource with the way to go on."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise MissingResource(
            f"cannot write {error.filename or folder}: {os.strerror(error.errno or 0)}; nothing that was recorded is "
            f"lost: make room and continue with: python run_sim.py resume {folder}"
        ) from error


def measured(folder: Path, console: Console) -> dict[str, Any]:
    """Measure, draw and report what is finished and was not yet; return what the command prints as JSON."""
    if not reported(folder):
        with step(console, "measuring") as progress:
            finish(folder, progress, anew=False)
    return summary(folder) | {"report": str(folder / "report.html")}


def reported(folder: Path) -> bool:
    """Tell whether the report of a folder is newer than all that was measured in it, in every cell."""
    report = folder / "report.html"
    cells = read_json(folder / "study.json")["cells"] if (folder / "study.json").exists() else [{"folder": "."}]
    figures = [folder / cell["folder"] / METRICS for cell in cells]
    if not all(path.exists() for path in (report, *figures)):
        return False
    return report.stat().st_mtime_ns > max(path.stat().st_mtime_ns for path in figures)


def _run(scenario: Scenario, folder: Path, console: Console, answers: Path | None, place: Place) -> None:
    with (
        interruption(console) as stop,
        Display(console, [scenario.name]) as display,
        models(scenario, folder / "answers.journal", answers) as dispatcher,
        place.taken(scenario) as shards,
    ):
        run(
            scenario,
            folder,
            dispatcher,
            budget_of(scenario),
            watch=partial(display.show, 0),
            stop=stop,
            shards=shards,
        )
        display.show(0, None)


def run_study(
    scenario: Scenario,
    folder: Path,
    console: Console,
    answers: Path | None = None,
    after: After | None = None,
    place: Place = HERE,
) -> None:
    """Run what is not finished of a study, watched and interruptible."""
    names = [cell.folder.name for cell in cells(scenario, folder)]
    with (
        interruption(console) as stop,
        Display(console, names) as display,
        place.taken(scenario) as cluster,
    ):
        study(scenario, folder, replay=answers, watch=display.show, stop=stop, after=after, cluster=cluster)


def summary(folder: Path) -> dict[str, Any]:
    """Return the figures a script wants of a finished run or study."""
    if (folder / "study.json").exists():
        content = read_json(folder / "study.json")
        judged = by_hypothesis(load_study(folder))
        return {"study": str(folder), "cells": content["cells"], "hypotheses": judged}
    manifest = read_json(folder / "manifest.json")
    names = ("status", "log_digest", "seed", "counts", "calls", "tokens", "cost_usd", "fallback_share", "wall_s")
    return {"run": str(folder)} | {name: manifest[name] for name in names}


def start(
    scenario: Path,
    *,
    study: bool,
    sets: Sequence[str] | None,
    llm: str | None,
    replay: Path | None,
    on: str | None,
    shards: int | None,
    out: Path | None,
    dry_run: bool,
    json_: bool,
    **named: float | None,
) -> None:
    """Read, check and execute a scenario file as ``run`` or ``study`` was asked to, and print the outcome."""
    entries = overrides(sets, **{KEYS[name]: value for name, value in named.items()})
    whole = read(scenario, entries, misnamed)
    if llm:
        whole = read(scenario, [*entries, *llm_overrides(whole, llm)], misnamed)
    if study != (whole.study is not None):
        other, has = ("run", "no") if study else ("study", "a")
        raise InvalidInput(f"{scenario} has {has} study: section; use: run_sim.py {other} {scenario}")
    place = Place(on, shards)
    place.check(study=study)
    if dry_run:
        count = len(expand(whole))
        runs = {"valid": True, "scenario": whole.name, "runs": count}
        print(json.dumps(runs) if json_ else f"{scenario} is valid and would make {count} run(s); nothing was written")
        return
    folder = new_folder(whole, out)
    print_outcome(execute(whole, scenario, folder, Console(stderr=True), replay=replay, place=place), json_)


def misnamed(data: Any) -> list[Problem]:
    """Return the metrics that the hypotheses of a scenario's data name and that do not exist."""
    study = data.get("study") if isinstance(data, dict) else None
    said = study.get("hypotheses") if isinstance(study, dict) else None
    known = {metric.name for metric in metrics()}
    return [
        Problem(("study", "hypotheses", place, "metric"), unknown(one["metric"], "metric", known))
        for place, one in enumerate(said if isinstance(said, list) else ())
        if isinstance(one, dict) and isinstance(one.get("metric"), str) and one["metric"] not in known
    ]


def restart(folder: Path, *, on: str | None, shards: int | None, json_: bool, **named: float | None) -> None:
    """Continue the run or study in a folder and print the outcome."""
    entries = overrides(None, **{KEYS[name]: value for name, value in named.items()})
    source, place = written(folder), Place(on, shards)
    scenario = read(source, entries)
    place.check(study=scenario.study is not None)
    print_outcome(execute(scenario, source, folder, Console(stderr=True), place=place), json_)


def unreported(folder: Path) -> bool:
    """Say whether a run came to its end, but was stopped before it was measured and reported."""
    path = folder / "manifest.json"
    return path.exists() and read_json(path)["status"] == "finished" and not (folder / "report.html").exists()


def print_outcome(outcome: dict[str, Any], as_json: bool) -> None:
    """Print a finished run or study: as JSON, or its report and, last, its folder."""
    if as_json:
        print(json.dumps(plain(outcome)))
        return
    for judged in outcome.get("hypotheses", ()):
        print(f"{judged['verdict']}: {judged['claim']}")
    print(f"report: {outcome['report']}\n{outcome.get('run') or outcome['study']}")


def overrides(sets: Sequence[str] | None, **named: float | None) -> list[str]:
    """Return ``--set`` entries, those for the keys of named options that were given last."""
    return [*(sets or ()), *(f"{key}={value}" for key, value in named.items() if value is not None)]


def llm_overrides(scenario: Scenario, spec: str | None) -> list[str]:
    """Return ``--set`` entries that put one component in place of every language model of a scenario."""
    if spec is None:
        return []
    if not scenario.llm:
        raise InvalidInput(f"--llm {spec}: the scenario has no llm: section to replace")
    inline = spec if re.match(r"\s*\{", spec) else f"{{kind: {spec}}}"
    return [f"llm.{name}={inline}" for name in scenario.llm]

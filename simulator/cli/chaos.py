"""Kill runs at random moments and inside their writes, resume them, and compare what comes out."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from concurrent.futures import Future

    from rich.console import Console

    from simulator.chaos import End

AT_ONCE = 2
TALKING = """
name: talking
days: 2
data: {kind: "synthetic:tiny", min_interactions: 5}
users: {count: 40, max_pages: 2}
behavior:
  kind: mixed
  members: [{kind: llm, share: 0.5, model: stub, decide: structured}, {kind: calibrated, share: 0.5}]
llm: {stub: {kind: scripted}}
recommender: {kind: ease, slate_size: 5, retrain: 1d}
budget: {fallback_share: 1.0}
engine: {concurrency: 8}
"""
RULES = """
name: rules
days: 4
data: {kind: "synthetic:tiny", min_interactions: 5}
users: {count: 500, persona: {kind: sampled}}
behavior:
  kind: mixed
  members: [{kind: calibrated, share: 0.5}, {kind: affinity, share: 0.25}, {kind: cascade, share: 0.25}]
recommender: {kind: popularity, slate_size: 10, retrain: 1d}
"""
Scenarios = Annotated[
    list[Path] | None,
    typer.Argument(help="scenario files without study: (default: two of seconds)", show_default=False),
]


def command(
    scenario: Scenarios = None,
    kills: Annotated[int, typer.Option(min=1, help="runs to kill")] = 20,
    seed: Annotated[int, typer.Option(help="of the moments and places to kill at")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="print one line of JSON")] = False,
) -> None:
    """Kill runs with SIGKILL, resume them, compare their logs with those of undisturbed ones; exit 6 if one differs.

    Every other run is killed at a moment, the rest at a named point inside a write; one in four is
    killed again while it resumes. Language models are replaced by a scripted server on this
    machine, which counts what it is asked.
    """
    import json
    import tempfile

    from agents.errors import GateFailed

    with tempfile.TemporaryDirectory(prefix="tasteloop-chaos-") as place:
        files = scenario or _built_in(Path(place))
        told = _run_all(files, Path(place), kills, seed)
    print(json.dumps(told) if as_json else _lines(told))
    if told["equal"] < kills:
        raise GateFailed(f"{kills - told['equal']} of {kills} killed runs came out differently after they were resumed")


def _built_in(folder: Path) -> list[Path]:
    paths = []
    for name, text in (("talking.yaml", TALKING), ("rules.yaml", RULES)):
        paths.append(folder / name)
        paths[-1].write_text(text, encoding="utf-8")
    return paths


def _lines(told: Mapping[str, Any]) -> str:
    places = ", ".join(f"{name} {count}" for name, count in told["points"].items())
    return (
        f"{told['equal']} of {told['kills']} killed runs gave the undisturbed log ({told['killed_twice']} were killed "
        f"twice)\nasked again: {told['asked_again']} questions, where undisturbed runs ask {told['asked']}\n"
        f"killed at: {places}"
    )


def _run_all(files: Sequence[Path], folder: Path, kills: int, seed: int) -> dict[str, Any]:
    """Kill runs of the scenarios in turn, two at a time, and add up what came of them."""
    from concurrent.futures import ThreadPoolExecutor

    from rich.console import Console

    from simulator.chaos import Subject, counting_server, trial

    console = Console(stderr=True)
    with counting_server() as server:
        subjects = []
        for number, path in enumerate(files):
            subjects.append(Subject.undisturbed(path, folder / f"reference-{number}", server))
            console.print(f"{path.stem}: undisturbed in {subjects[-1].wall_s:.1f} s", style="dim", highlight=False)
        before = server.asked()
        with ThreadPoolExecutor(AT_ONCE) as pool:
            trials: list[Future[End]] = []
            for number in range(kills):
                subject = subjects[number % len(subjects)]
                trials.append(pool.submit(trial, subject, folder / f"run-{number}", number // len(subjects), seed))
            ends = list(_told(trials, console))
        asked, usual = server.asked() - before, sum(end.asked for end in ends)
    return {
        "kills": kills,
        "equal": sum(end.equal for end in ends),
        "killed_twice": sum(end.twice for end in ends),
        "asked": usual,
        "asked_again": asked - usual,
        "points": dict(sorted(Counter(end.point for end in ends).items())),
        "scenarios": {subject.name: subject.digest for subject in subjects},
        "seed": seed,
    }


def _told(trials: "Sequence[Future[End]]", console: "Console") -> "Iterator[End]":
    """Yield how trials ended, in order, saying so."""
    for number, trial in enumerate(trials, 1):
        end = trial.result()
        word = "equal" if end.equal else "DIFFERENT"
        again = ", and again while it resumed" if end.twice else ""
        console.print(
            f"{number}/{len(trials)} {end.subject.name} killed at {end.where}{again}: {word}",
            style="dim",
            highlight=False,
        )
        yield end

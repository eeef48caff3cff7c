"""Make a dataset for training recommenders out of runs."""

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from agents.errors import InvalidInput
from analysis.options import Json

if TYPE_CHECKING:
    from agents.llm.base import Answer, Prompt
    from agents.llm.dispatcher import Dispatcher
    from analysis.augment.build import Options
    from analysis.augment.dataset import TrainingData
    from analysis.augment.strategies.base import Strategy
    from analysis.load import Study

Prefer = Literal["random", "score", "propensity", "rating"]


def command(
    folders: Annotated[
        list[Path], typer.Argument(metavar="RUN_OR_STUDY...", help="finished runs, or a study", show_default=False)
    ],
    out: Annotated[Path | None, typer.Option(help="folder to write the dataset to")] = None,
    strategy: Annotated[
        list[str] | None, typer.Option(help="NAME or {kind: NAME, ...}; repeat to join several (see: list strategies)")
    ] = None,
    ratio: Annotated[float | None, typer.Option(min=0, help="synthetic rows per real row, at most")] = None,
    weight: Annotated[float, typer.Option(help="of a synthetic row, where a real one weighs 1")] = 1.0,
    decided_by: Annotated[
        list[str] | None, typer.Option(help="take only what this decided (repeat); all but fallback if left out")
    ] = None,
    prefer: Annotated[Prefer, typer.Option(help="what goes first where the ratio leaves rows out")] = "random",
    seed: Annotated[int, typer.Option(help="of the choice where nothing is preferred")] = 0,
    llm: Annotated[str | None, typer.Option(help="component that writes, instead of the run's")] = None,
    check: Annotated[bool, typer.Option("--check", help="check the gates of a dataset that is there")] = False,
    json_: Json = False,
) -> None:
    """Make a dataset for training recommenders out of finished runs, or check one.

    Every gate (ids, ratings, order, duplicates, references, future, leakage) must hold, else nothing is written.
    """
    if check:
        _tell(folders[0], _checked(folders), json_)
        return
    if out is None:
        raise InvalidInput("say where the dataset is to be written: --out FOLDER")
    if not weight > 0:
        raise InvalidInput(f"--weight {weight:g}: a row weighs more than 0")
    from analysis.augment.build import Options

    options = Options(ratio, weight, tuple(decided_by or ()), prefer, seed)
    _tell(out, _made(folders, out, strategy or ["all"], options, llm), json_)


def _checked(folders: Sequence[Path]) -> dict[str, Any]:
    from analysis.augment.dataset import altered, read
    from analysis.augment.gates import gates, require, values

    if len(folders) > 1:
        raise InvalidInput("--check takes one dataset")
    data = read(folders[0])
    found = gates(data, altered(folders[0], data.about))
    require(found, folders[0])
    return data.about | {"gates": values(found)}


def _made(
    folders: Sequence[Path], out: Path, named: Sequence[str], options: "Options", llm: str | None
) -> dict[str, Any]:
    """Build, check and write a dataset; return dataset.json."""
    from analysis.augment.dataset import TrainingData, write
    from analysis.augment.gates import gates, require, values
    from analysis.load import gather
    from simulator.components import build, describe, read_spec

    strategies = [build("strategies", read_spec(text, "--strategy")) for text in named]
    study = gather(folders)
    built = _built(study, strategies, options, llm)
    about = {"name": out.name, **built.about, "strategies": [describe("strategies", one) for one in strategies]}
    found = gates(built)
    require(found, f"the dataset of {', '.join(map(str, folders))}")
    return write(TrainingData(about | {"gates": values(found)}, built.tables), out)


def _built(study: "Study", strategies: "Sequence[Strategy]", options: "Options", llm: str | None) -> "TrainingData":
    from analysis.augment.build import build
    from analysis.augment.shown import played
    from analysis.cli.source import read_source
    from simulator.seeds import Streams

    runs = played(study)
    source = read_source([one.run.folder for one in runs])
    streams = Streams(options.seed)
    with _voice(runs[0].run.folder, llm, any(one.writes for one in strategies)) as voice:
        return build(
            source, runs, study.baseline, strategies, options, lambda *key: streams.uniform("augment", *key), voice
        )


@dataclass(frozen=True)
class Speaker:
    """A scenario's language model, as strategies know it (analysis.augment.strategies.base.Voice)."""

    dispatcher: "Dispatcher"
    model: str

    @property
    def name(self) -> str:
        """Return the fingerprint."""
        return self.dispatcher.fingerprint(self.model)

    def ask(self, prompts: "Sequence[Prompt]") -> "list[Answer]":
        """Return the answers, in order."""
        return self.dispatcher.ask_all(self.model, prompts)


@contextmanager
def _voice(run: Path, llm: str | None, wanted: bool) -> Iterator[Speaker | None]:
    """Open the language model of a run, or the one named; None where nothing is to be written or there is none."""
    from analysis.cli.interview import spoken_by
    from simulator.run import models

    scenario = spoken_by(run, llm) if wanted else None
    if scenario is None or not scenario.llm:
        yield None
        return
    with tempfile.TemporaryDirectory() as scratch, models(scenario, Path(scratch) / "answers.journal") as dispatcher:
        yield Speaker(dispatcher, next(iter(scenario.llm)))


def _tell(folder: Path, about: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps({"dataset": str(folder), **about}))
        return
    counts = about["counts"]
    print(f"{counts['real']:,} real and {counts['synthetic']:,} synthetic rows, {about['ratio']:.3f} for each real one")
    left_out = {name.replace("_", " "): number for name, number in counts["left_out"].items() if name != "taken"}
    print(f"of {counts['left_out']['taken']:,} taken: " + ", ".join(f"{n:,} {what}" for what, n in left_out.items()))
    for name, value in about["gates"].items():
        print(f"  {name:<26}{value:g}")
    print(folder)

"""What the commands have in common that make an experiment of one recommender of a scenario file."""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    import pandas as pd

    from agents.llm.dispatcher import Dispatcher
    from analysis.plots.base import Drawing
    from simulator.data.base import Dataset


@dataclass(frozen=True)
class Asked:
    """What a scenario file asks about: its data, its recommender, and where to say what is going on."""

    dataset: "Dataset"
    spec: Mapping[str, Any]
    say: Callable[[str], None]


def one_thread() -> None:
    """Let libraries that load from now on (torch) compute on one thread: figures are per processor core."""
    for library in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[library] = "1"


@contextmanager
def experiment(scenario: Path, kind: str, varied: str) -> Iterator[Asked]:
    """Read a scenario file and yield what it asks about, on one thread.

    Raise InvalidInput where its recommender is not of the kind, or names the parameter that is to be varied.
    """
    one_thread()
    from rich.console import Console
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped,unused-ignore]

    from agents.errors import InvalidInput
    from simulator.components import build
    from simulator.scenario_file import read

    section = read(scenario)
    spec = section.recommender.spec()
    if spec["kind"] != kind or varied in spec:
        raise InvalidInput(
            f"{scenario}: recommender is {spec}; this experiment takes a {kind} that leaves {varied} open, "
            f"such as {{kind: {kind}}}"
        )
    build("recommenders", spec)  # say what is wrong before any data is loaded
    dataset = build("data", section.data.spec()).load()
    with threadpool_limits(limits=1), Console(stderr=True).status(section.name) as status:
        yield Asked(dataset, spec, status.update)


Figure = tuple[str, "Drawing", "pd.DataFrame"]


def tell(
    told: Mapping[str, Any],
    name: str,
    figure: Callable[[Mapping[str, Any]], Figure],
    show: Callable[[Mapping[str, Any]], None],
    out: Path | None,
    as_json: bool,
) -> None:
    """Print what was found and, given a folder, write it there as NAME.json with its figure."""
    from simulator.manifest import plain, write_json

    if out is not None:
        from analysis.plots.save import save_all

        save_all([figure(told)], 1, out)
        write_json(out / f"{name}.json", dict(told))
    if as_json:
        typer.echo(json.dumps(plain(told)))
    else:
        show(told)


def spread(value: Mapping[str, float | None] | None, digits: int = 3, sign: str = "") -> str:
    """Write a mean with half the width of its interval, as far as they exist; None and NaN do not.

    >>> spread({"value": 0.5, "low": 0.4, "high": 0.6}), spread({"value": 0.5, "low": None, "high": None}), spread(None)
    ('0.500 ± 0.100', '0.500', '–')
    >>> spread({"value": 0.5, "low": float("nan"), "high": float("nan")})
    '0.500'
    """
    mean, high = (None, None) if value is None else (value["value"], value["high"])
    if mean is None or mean != mean:
        return "–"
    text = f"{mean:{sign}.{digits}f}"
    if high is None or high != high:
        return text
    return f"{text} ± {high - mean:.{digits}f}"  # a t interval lies evenly around the mean


def llm_spec(text: str) -> dict[str, Any]:
    """Return the language model a ``kind:model`` or an inline mapping describes."""
    from simulator.components import read_spec

    spec = read_spec(text, "--llm")
    kind, colon, model = spec["kind"].partition(":")
    return {**spec, "kind": kind, "model": model} if colon and kind in ("transformers", "llamacpp", "openai") else spec


@contextmanager
def asking(llm: str, name: str, command: str, data: str) -> "Iterator[Dispatcher]":
    """Yield what asks a language model, called by a name.

    Its answers are kept in the cache folder, a file per command and data set, so that the same command asks nothing
    twice.
    """
    from agents.cache import home
    from agents.llm.dispatcher import Dispatcher
    from agents.llm.journal import Journal
    from agents.llm.stack import assemble
    from simulator.components import build

    model = build("llm", llm_spec(llm))
    path = home() / command / f"{data.replace(':', '-').replace('/', '-')}.journal"
    path.parent.mkdir(parents=True, exist_ok=True)
    with Journal(path) as journal, Dispatcher({name: assemble(model, journal, concurrency=2)}) as voices:
        yield voices

"""``evaluate``: how well recommenders predict real next choices, and what they show and cost for it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agents.errors import InvalidInput
from analysis.cli.experiment import asking, one_thread
from analysis.options import Json

if TYPE_CHECKING:
    from analysis.judge import Say
    from analysis.offline import Make
    from simulator.data.base import Dataset
    from simulator.data.held_out import HeldOut

FITS, FITS_OF_TIES = 3, 5
"""Fits per recommender where nothing else is asked for; under permuted ties one for each order."""


def command(
    scenario: Annotated[
        Path | None,
        typer.Argument(help="scenario or study file: judge the recommender of every arm", show_default=False),
    ] = None,
    recommender: Annotated[
        list[str] | None, typer.Option(help="NAME or '{kind: NAME, ..., levers: [...]}' (repeatable)")
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option(help="data set: NAME or '{kind: NAME, ...}' (repeatable; default: the scenario's, else ml-100k)"),
    ] = None,
    split: Annotated[str, typer.Option(help="leave_one_out, temporal or last_fifth")] = "leave_one_out",
    seeds: Annotated[int | None, typer.Option(min=1, help="fits per recommender (default: 3, else 5)")] = None,
    users: Annotated[int | None, typer.Option(min=2, help="users judged, at most; all are learned from")] = None,
    llm: Annotated[
        str | None, typer.Option(help="language model for recommenders that ask one: kind:model, or {kind: ...}")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="folder for the figures and the rows")] = None,
    json_: Json = False,
) -> None:
    """Judge recommenders offline: full ranking, seen items filtered, one thread.

    leave_one_out asks for each user's last item, ties in the order of the file. temporal cuts the log at
    one moment and asks for the last fifth; last_fifth asks for the last fifth of each user's items. Both
    go through 5 orders of equal times, one a fit.
    """
    one_thread()
    from rich.console import Console

    from analysis.progress import step

    wanted, sets = _asked(scenario, recommender or [], data or [])
    with step(Console(stderr=True), "evaluate") as progress:
        result = _judged(wanted, sets, _parting(split, seeds, users), llm, progress)
        drawn = _drawn(result, wanted, out, progress) if out else []
    if json_:
        from simulator.manifest import plain

        typer.echo(json.dumps(plain(result | {"figures": drawn})))
    else:
        from analysis.cli.evaluate_table import show

        show(result, shortened(wanted))
        for figure in drawn:
            typer.echo(f"{figure['alt']}\n{out}/{figure['png']}")


Specs = dict[str, dict[str, Any]]


def _asked(scenario: Path | None, recommenders: Sequence[str], data: Sequence[str]) -> tuple[Specs, list[Any]]:
    """Return what to judge, by the name it is asked for by, and on which data sets; both are checked first."""
    from simulator.components import build, read_spec
    from simulator.levers.base import levered

    arms, sets = _of_scenario(scenario) if scenario else ({}, ["ml-100k"])
    wanted = arms | {text: read_spec(text, "--recommender") for text in recommenders}
    if not wanted:
        raise InvalidInput("nothing to judge; give a scenario file, or --recommender NAME (list recommenders)")
    for spec in wanted.values():
        levered(spec)
    return wanted, [build("data", spec) for spec in ([read_spec(text, "--data") for text in data] or sets)]


def _of_scenario(path: Path) -> tuple[Specs, list[Any]]:
    """Return the recommender of every arm of a scenario file, and its data set."""
    from simulator.scenario_file import expand, read

    scenario = read(path)
    arms: Specs = {}
    for part in expand(scenario):
        if part.point == 0:
            arms[part.arm or scenario.name] = part.scenario.recommender.spec()
    return arms, [scenario.data.spec()]


@dataclass(frozen=True, slots=True)
class Parting:
    """How logs are parted: the protocol, how many fits, the users judged at most, and the orders of ties."""

    split: str
    fits: int
    users: int | None
    tie_keys: list[int] | None
    """None: ties stay as in the file."""

    def of(self, dataset: "Dataset") -> "list[HeldOut]":
        """Return what is held out under each order of ties."""
        from simulator.data.held_out import PROTOCOLS

        part = PROTOCOLS[self.split]
        every = [part(dataset.interactions, dataset.catalog, key) for key in self.tie_keys or [0]]
        return [one.some(self.users) for one in every] if self.users else every


def _parting(split: str, seeds: int | None, users: int | None) -> Parting:
    from simulator.data.held_out import PROTOCOLS, TIE_KEYS

    if split not in PROTOCOLS:
        raise InvalidInput(f"--split {split!r}: there is no such protocol; there are: {', '.join(PROTOCOLS)}")
    if split == "leave_one_out":
        return Parting(split, seeds or FITS, users, None)
    return Parting(split, seeds or FITS_OF_TIES, users, list(range(min(seeds or FITS_OF_TIES, TIE_KEYS))))


def _judged(wanted: Specs, sets: Sequence[Any], parting: Parting, llm: str | None, progress: "Say") -> dict[str, Any]:
    """Return the rows of every data set, one data set after the other."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped,unused-ignore]

    from analysis.judge import fitted, judge, published
    from analysis.matched import curves, matched

    rows, matches = [], []
    about: list[dict[str, Any]] = []
    for place, source in enumerate(sets):
        dataset = source.load()
        held_out = parting.of(dataset)
        told = _nested(progress, place, len(sets), dataset.name)
        with threadpool_limits(limits=1), told as say, _making(llm, dataset.name) as make:
            every = fitted(wanted, held_out, parting.fits, say, make)
        users, again = len(held_out[0].requests), sum(one["name"] == dataset.name for one in about)
        name = f"{dataset.name} ({again + 1})" if again else dataset.name
        rows += [{"data": name, "users": users, **row} for row in judge(wanted, every)]
        matches += [{"data": name, **row} for row in matched(curves(wanted), every)]
        counts = {"users": users, "targets": len(held_out[0].target), "items": len(dataset.catalog)}
        about.append({"data": name, "name": dataset.name, **counts, "published": published(dataset.name)})
    head = {"data": ", ".join(one["data"] for one in about), "users": sum(one["users"] for one in about)}
    how = {"seeds": parting.fits, "split": parting.split, "tie_keys": parting.tie_keys}
    return head | how | {"datasets": about, "rows": rows, "matched": matches}


@contextmanager
def _making(llm: str | None, data: str) -> "Iterator[Make]":
    """Yield what builds recommenders, which may ask the language model if one is named."""
    from simulator.levers.base import levered

    if llm is None:
        yield levered
        return
    from simulator.recommenders.talking import Everyone, lend

    with asking(llm, "only", "evaluate", data) as voices:
        yield lambda spec: lend(levered(spec), Everyone(voices, "only"))


@contextmanager
def _nested(progress: "Say", place: int, count: int, name: str) -> "Iterator[Say]":
    """Yield progress of one of several equal parts."""
    yield lambda share, word: progress((place + share) / count, f"{name}: {word}" if count > 1 else word)


def _drawn(result: Mapping[str, Any], wanted: Specs, out: Path, progress: "Say") -> list[dict[str, Any]]:
    """Write the figures, their data and the rows into a folder; return what was drawn."""
    from dataclasses import asdict

    from analysis.plots import latency, matched_accuracy, pareto
    from analysis.plots.save import save_all
    from simulator.manifest import write_json

    names, protocol = shortened(wanted), result["split"].replace("_", " ")
    figures = [
        ("pareto", pareto.Pareto(), pareto.tidy(result["rows"], names, protocol)),
        ("latency", latency.Latency(), latency.tidy(result["rows"], names, protocol)),
        ("matched_accuracy", matched_accuracy.MatchedAccuracy(), matched_accuracy.tidy(result, names, protocol)),
    ]
    drawn = save_all(figures, len(figures), out, progress)
    write_json(out / "evaluate.json", dict(result))
    return [asdict(figure) for figure in drawn]


def shortened(wanted: Specs) -> dict[str, str]:
    """Return a short name for what was asked for: its own, or its kind and what differs from the defaults.

    >>> shortened({"ease": {"kind": "ease"}, "{kind: ease, recency: .9}": {"kind": "ease", "recency": 0.9}})
    {'ease': 'ease', '{kind: ease, recency: .9}': 'ease (recency 0.9)'}
    """
    return {name: _short(spec) if name.startswith("{") else name for name, spec in wanted.items()}


def _short(spec: Mapping[str, Any]) -> str:
    """Write a spec as ``ease (recency 0.9) + mmr 0.5``."""
    given = [
        f"{name.replace('_', ' ')} {_value(spec[name])}" for name in spec if name not in ("kind", "levers", "strength")
    ]
    words = [str(spec["kind"])] + ([_value(spec["strength"])] if "strength" in spec else [])
    words += [f"({', '.join(given)})"] if given else []
    return " + ".join([" ".join(words), *map(_short, spec.get("levers", ()))])


def _value(value: Any) -> str:
    return _short(value) if isinstance(value, Mapping) else str(value)

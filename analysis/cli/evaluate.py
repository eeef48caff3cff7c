"""``evaluate``: how well recommenders predict real next choices, and how popular and varied what they show is."""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agents.errors import InvalidInput
from analysis.options import Json

if TYPE_CHECKING:
    from rich.console import Console

    from analysis.offline import HeldOut, Trial
    from simulator.recommenders.base import Recommender

    Make = Callable[[Mapping[str, Any]], Recommender]

BASELINE = "skip_markov"
"""Training-free: what cannot beat it says nothing about its kind."""


def command(
    recommender: Annotated[
        list[str], typer.Option(help="NAME or '{kind: NAME, ...}' (repeatable)", show_default=False)
    ],
    data: Annotated[str, typer.Option(help="data set: NAME or '{kind: NAME, ...}'")] = "ml-100k",
    seeds: Annotated[int, typer.Option(min=1, help="fits per recommender")] = 3,
    users: Annotated[int | None, typer.Option(min=2, help="users judged, at most; all are learned from")] = None,
    llm: Annotated[
        str | None, typer.Option(help="language model for recommenders that ask one: kind:model, or {kind: ...}")
    ] = None,
    json_: Json = False,
) -> None:
    """Judge recommenders offline: leave-one-out, full ranking, seen items filtered, one thread."""
    for library in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[library] = "1"  # read by torch when it loads; figures are per processor core
    from rich.console import Console
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped,unused-ignore]

    from analysis.offline import leave_one_out
    from simulator.components import build

    specs = [read_spec(text, "--recommender") for text in recommender]
    for spec in specs:
        build("recommenders", spec)  # say what is wrong before any data is loaded
    dataset = build("data", read_spec(data, "--data")).load()
    held_out = leave_one_out(dataset.interactions, dataset.catalog)
    if users is not None:
        held_out = held_out.some(users)
    with threadpool_limits(limits=1), building(llm, dataset.name) as make:
        rows = judge([*zip(recommender, specs, strict=True)], held_out, seeds, make, Console(stderr=True))
    if json_:
        typer.echo(json.dumps({"data": dataset.name, "users": len(held_out.target), "seeds": seeds, "rows": rows}))
    else:
        show(rows, dataset.name, seeds)


def read_spec(text: str, option: str) -> dict[str, Any]:
    """Return the component a NAME or an inline YAML mapping describes; raise InvalidInput where it is neither."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    example = f"write {option} NAME or {option} '{{kind: NAME, ...}}'"
    try:
        value = YAML(typ="safe", pure=True).load(text)
    except YAMLError as error:
        reason = getattr(error, "problem", None) or "not YAML"
        raise InvalidInput(f"{option} {text!r} cannot be read ({reason}); {example}") from None
    if isinstance(value, Mapping) and isinstance(value.get("kind"), str):
        return dict(value)
    if isinstance(value, str) and value and ": " not in value:
        return {"kind": value}
    raise InvalidInput(f"{option} {text!r} names no component; {example}")


@contextmanager
def building(llm: str | None, data: str) -> "Iterator[Make]":
    """Yield what builds recommenders that may ask the language model, if one is named.

    Its answers are kept in the cache folder, so that the same command asks nothing twice.
    """
    from functools import partial

    from simulator.components import build

    if llm is None:
        yield partial(build, "recommenders")
        return
    from agents.cache import home
    from agents.llm.dispatcher import Dispatcher
    from agents.llm.journal import Journal
    from agents.llm.stack import assemble
    from analysis.cli.fidelity import llm_spec
    from simulator.recommenders.talking import Everyone, lend

    path = home() / "evaluate" / f"{data.replace(':', '-').replace('/', '-')}.journal"
    path.parent.mkdir(parents=True, exist_ok=True)
    model = build("llm", llm_spec(llm))
    with Journal(path) as journal, Dispatcher({"only": assemble(model, journal)}) as voices:
        yield lambda spec: lend(build("recommenders", spec), Everyone(voices, "only"))


def judge(
    wanted: list[tuple[str, dict[str, Any]]], held_out: "HeldOut", seeds: int, make: "Make", console: "Console"
) -> list[dict[str, Any]]:
    """Return one row per recommender, in the order asked for, each compared with the baseline user by user."""
    from analysis.offline import difference, figures
    from simulator.components import build, describe

    baseline = trials(BASELINE, {"kind": BASELINE}, held_out, seeds, make, console)
    rows = []
    for name, spec in wanted:
        mine = trials(name, spec, held_out, seeds, make, console)
        versus = {f"{figure}@10": difference(mine, baseline, figure) for figure in ("recall", "ndcg")}
        below = versus["ndcg@10"]["mean"] < 0
        rows.append(
            {
                "recommender": name,
                "spec": describe("recommenders", build("recommenders", spec)),
                **figures(mine),
                f"vs_{BASELINE}": versus,
                "label": "undertrained here" if below else "",
            }
        )
    return rows


def trials(
    name: str, spec: dict[str, Any], held_out: "HeldOut", seeds: int, make: "Make", console: "Console"
) -> "list[Trial]":
    """Fit and judge one recommender once per seed."""
    from analysis.offline import trial
    from simulator.seeds import Streams

    done = []
    with console.status(name) as status:
        for seed in range(seeds):

            def say(share: float, what: str, seed: int = seed) -> None:
                status.update(f"{name}  seed {seed + 1}/{seeds}  {share:4.0%}  {what}")

            done.append(trial(make(spec), held_out, Streams(seed), say))
    return done


def show(rows: list[dict[str, Any]], data: str, seeds: int) -> None:
    """Print the rows as a table."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{data}, leave-one-out, full ranking, {seeds} seeds")
    table.add_column("recommender", overflow="fold")
    for heading in ("recall@10", "ndcg@10", f"ndcg - {BASELINE}", "ARP", "coverage", "Gini", "fit CPU s", "ms/user"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("")
    for row in rows:
        versus = row[f"vs_{BASELINE}"]["ndcg@10"]
        table.add_row(
            row["recommender"],
            *(spread(row[name]) for name in ("recall@10", "ndcg@10")),
            f"{versus['mean']:+.3f} [{versus['low']:+.3f}, {versus['high']:+.3f}]",
            *(f"{row[name]:.3f}" for name in ("arp", "catalog_coverage", "gini_index")),
            f"{row['fit_cpu_s']:.1f}",
            f"{row['ms_per_user']:.2f}",
            row["label"],
        )
    screen = Console()
    Console(width=None if screen.is_terminal else 150).print(table)


def spread(value: Mapping[str, float | None]) -> str:
    """Write a mean with its standard deviation over seeds, where there is one."""
    sd = value["sd"]
    return f"{value['mean']:.4f}" + ("" if sd is None else f" ± {sd:.4f}")

"""``fidelity``: how much simulated users behave like real ones, beside a null and a ceiling."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from analysis.cli.experiment import Figure, asking, one_thread, spread, tell
from analysis.options import Json, Llm

if TYPE_CHECKING:
    from agents.schema import Ints
    from analysis.fidelity.course import Seed
    from analysis.fidelity.fold import Fold
    from simulator.data.base import Dataset
    from simulator.seeds import Streams

RECOMMENDERS = (
    "random",
    "popularity",
    "{kind: popularity, half_life: 30d}",
    "item_knn",
    "{kind: item_knn, recency: .5}",
    "ease",
    "{kind: ease, recency: .9}",
    "skip_markov",
)
"""What simulated and real users rank."""
NAME = "users"
"""What the language model is called in its own file of answers."""


def command(
    data: Annotated[str, typer.Option(help="data set: NAME or '{kind: NAME, ...}'")] = "ml-100k",
    behavior: Annotated[str, typer.Option(help="calibrated, latent or llm, or '{kind: NAME, ...}'")] = "calibrated",
    llm: Llm = None,
    seeds: Annotated[int, typer.Option(min=1, help="divisions of the data; intervals from 2 on")] = 5,
    users: Annotated[
        int | None, typer.Option(min=2, help="users judged, at most: per seed, with a language model over all seeds")
    ] = None,
    events: Annotated[int, typer.Option(min=1, help="questions per user put to a language model")] = 2,
    probes: Annotated[int, typer.Option(min=0, help="pages per probe of a language model, first seed only")] = 20,
    rank: Annotated[
        bool,
        typer.Option("--rank/--no-rank", help="fit recommenders too and compare rankings; minutes from 10,000 items"),
    ] = True,
    out: Annotated[Path | None, typer.Option(help="folder for fidelity.json and the figure")] = None,
    json_: Json = False,
) -> None:
    """Judge simulated users by what real users did next: choices, ratings, shape, traits, probes; with two controls."""
    one_thread()
    from rich.console import Console
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped,unused-ignore]

    from agents.behaviors.base import TalkingBehavior
    from agents.errors import InvalidInput
    from simulator.components import build, read_spec

    spec = read_spec(behavior, "--behavior")
    talks = spec["kind"].partition(":")[0] == "llm"
    if talks != (llm is not None):
        raise InvalidInput("--behavior llm needs --llm, such as transformers:smollm2-135m-instruct; no other takes it")
    if talks:
        spec = {"model": NAME, **spec}
    made = build("behaviors", spec)  # say what is wrong before any data is loaded
    dataset = build("data", read_spec(data, "--data")).load()
    console = Console(stderr=True)
    with threadpool_limits(limits=1):
        if isinstance(made, TalkingBehavior):
            assert llm is not None
            found = talk(dataset, spec, llm, seeds, users or 200, events, probes, console)
        else:
            found = judge(dataset, spec, seeds, users, rank, console)
    told = {"data": dataset.name, "behavior": behavior, "llm": llm, "seeds": seeds} | gathered(found, talks)
    tell(told, "fidelity", panel, show, out, json_)


@contextmanager
def bar(console: Any, name: str, seeds: int) -> Iterator[Callable[[int, float, str], None]]:
    """Show one bar over all seeds."""
    from analysis.progress import step

    with step(console, name) as report:
        yield lambda seed, share, word: report((seed + share) / seeds, f"seed {seed + 1}/{seeds} {word}")


def judge(
    dataset: "Dataset", spec: Mapping[str, Any], seeds: int, users: int | None, rank: bool, console: Any
) -> "list[Seed]":
    """Judge a behavior that asks nobody, once per seed."""
    from analysis.fidelity.battery import Scene
    from analysis.fidelity.course import STEPS, fitted
    from simulator.components import build
    from simulator.seeds import Streams

    def prepare(world: Any, **overrides: Any) -> Any:
        behavior = build("behaviors", {**spec, **overrides})
        behavior.prepare(world)
        return behavior

    found = []
    with bar(console, "fidelity", seeds) as report:
        for seed in range(seeds):
            steps = iter(range(STEPS))
            streams = Streams(seed)
            scene = Scene.of(real(dataset), streams, users)

            def say(word: str, seed: int = seed, steps: Iterator[int] = steps) -> None:
                report(seed, next(steps, STEPS) / STEPS, word)

            found.append(fitted(scene, prepare, recommending(dataset, streams) if rank else None, say))
    return found


def talk(
    dataset: "Dataset",
    spec: Mapping[str, Any],
    llm: str,
    seeds: int,
    users: int,
    events: int,
    probes: int,
    console: Any,
) -> "list[Seed]":
    """Judge users played by a language model; answers are kept, so that the same command asks nothing twice."""
    from analysis.fidelity.battery import Scene
    from analysis.fidelity.talking import Talk, judged
    from simulator import cast
    from simulator.components import build
    from simulator.seeds import Streams

    each = max(2, -(-users // seeds))
    found = []
    with asking(llm, NAME, "fidelity", dataset.name) as voices, bar(console, "fidelity", seeds) as report:
        for seed in range(seeds):
            streams = Streams(seed)
            scene = Scene.of(real(dataset), streams, each)

            def hold(conversations: Sequence[Any], seed: int = seed) -> list[Any]:
                return cast.hold(
                    conversations,
                    NAME,
                    voices,
                    lambda share, _answer: report(seed, share, f"{share:.0%} of the questions"),
                )

            def ready(world: Any) -> Any:
                behavior = build("behaviors", spec)
                behavior.settle(voices.kinds(NAME))
                behavior.prepare(world)
                behavior.read(hold(behavior.reading()))
                return behavior

            def say(word: str, seed: int = seed) -> None:
                report(seed, 0.0, word)

            asked = Talk(lent=each, events=events, probes=probes if seed == 0 else 0)
            found.append(judged(scene, ready, hold, asked, say))
            voices.sync()
    return found


def real(dataset: "Dataset") -> Any:
    """Return a data set as plain columns."""
    from analysis.fidelity.play import Real
    from simulator.cast import history

    return Real(dataset.catalog.items, history(dataset.interactions), dataset.users, dataset.scale)


def recommending(dataset: "Dataset", streams: "Streams") -> "Callable[[Fold, Fold], dict[str, Ints]]":
    """Return what fits every recommender on a part of what is known and shows the judged users slates of ten."""
    import numpy as np

    from simulator.catalog import Interactions
    from simulator.components import build, read_spec
    from simulator.recommenders.base import Requests

    def recommend(fold: "Fold", theirs: "Fold") -> "dict[str, Ints]":
        known = theirs.known
        order = np.argsort(known.time, kind="stable")
        columns = (known.user_id[order], known.item_id[order], known.rating[order], known.time[order])
        log = Interactions(*columns, np.zeros(len(order), dtype=np.bool_))
        mine = np.isin(known.user_id, fold.tested)
        every = np.isin(fold.known.user_id, fold.tested)
        asked = Requests(
            user_id=fold.tested,
            now=np.zeros(len(fold.tested)),
            history=known.item_id[mine],
            history_time=known.time[mine],
            starts=np.append(np.searchsorted(known.user_id[mine], fold.tested), mine.sum()),
            exclude=fold.known.item_id[every],
            exclude_starts=np.append(np.searchsorted(fold.known.user_id[every], fold.tested), every.sum()),
            seed=streams.words("fidelity request", fold.tested),
        )
        slates = {}
        for text in RECOMMENDERS:
            recommender = build("recommenders", read_spec(text, "recommender"))
            recommender.fit(log, dataset.catalog, rng=streams.generator("fidelity recommender"))
            slates[text] = recommender.recommend(asked, 10).item_id
        return slates

    return recommend


def gathered(found: "Sequence[Seed]", talks: bool) -> dict[str, Any]:
    """Return the seeds' figures as one mapping: those of the simulated users on top, the controls and probes inside."""
    from analysis.fidelity.summary import FITTED, TALKING, column, together

    simulated = column([seed.simulated for seed in found])
    return {
        **simulated,
        "null": column([seed.null for seed in found]),
        "ceiling": column([seed.ceiling for seed in found]),
        "probes": together([seed.probes for seed in found]),
        "targets": [
            {"figure": target.figure, "wanted": target.wanted(), "met": target.met(simulated)}
            for target in (TALKING if talks else FITTED)
        ],
        "figures": list(simulated),
    }


def panel(told: Mapping[str, Any]) -> Figure:
    """Return the fidelity panel."""
    from analysis.plots.fidelity_panel import FidelityPanel, caption, tidy

    return "fidelity_panel", FidelityPanel(caption(told)), tidy(told)


def show(told: Mapping[str, Any]) -> None:
    """Print the three columns, the probes and the targets."""
    from rich.console import Console
    from rich.table import Table

    screen = Console()
    wide = Console(width=None if screen.is_terminal else 150)
    table = Table(title=f"Fidelity of {told['behavior']} on {told['data']}, {told['seeds']} seeds, 95 % intervals")
    for heading in ("figure", "simulated", "null", "ceiling", "wanted", ""):
        table.add_column(heading, justify="left" if heading in ("figure", "") else "right", no_wrap=True)
    wanted = {target["figure"]: target for target in told["targets"]}
    for name in told["figures"]:
        target = wanted.get(name, {})
        met = {True: "met", False: "not met", None: "not measured"}[target["met"]] if target else ""
        cells = (spread(column.get(name)) for column in (told, told["null"], told["ceiling"]))
        table.add_row(name, *cells, target.get("wanted", ""), met)
    for name, target in wanted.items():
        if name not in told:
            table.add_row(name, "–", "–", "–", target["wanted"], "not measured")
    wide.print(table)
    probes = Table(title="Probes")
    probes.add_column("probe")
    probes.add_column("simulated", justify="right")
    for name, value in told["probes"].items():
        probes.add_row(name, spread(value))
    wide.print(probes)

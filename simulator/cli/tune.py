"""``tune``: fine-tune a local language model to choose as real people do."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from agents.schema import Floats, Ints
    from agents.tuning.check import Question
    from agents.tuning.examples import Material
    from simulator.seeds import Streams

CHECKED = 40
"""Users that are kept apart to check on."""
HELD_OUT, USERS_SHARE, LEAST = 0.2, 0.5, 10
"""A scenario's own defaults: what is held out, what users may learn from, and who has enough of it."""
REPORT = "tune.json"

Say = Callable[[float, str], None]


def command(
    data: Annotated[str, typer.Option(help="data set with real choices")] = "ml-100k",
    model: Annotated[str, typer.Option(help="a fetched model, or a folder of weights")] = "smollm2-135m-instruct",
    steps: Annotated[int, typer.Option(min=1, help="real choices to learn from, one a step")] = 200,
    users: Annotated[int, typer.Option(min=1, help="real users whose choices they are, at most")] = 400,
    out: Annotated[Path | None, typer.Option(help="folder for the adapter; adapters/DATA-MODEL if left out")] = None,
    seed: Annotated[int, typer.Option(min=0, help="seed of the split and of every draw")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="print one line of JSON")] = False,
) -> None:
    """Fit a LoRA adapter to real choices, and tell the tuned model from the untuned one on held-out choices.

    Use it in a scenario by llm: {NAME: {kind: transformers, model: MODEL, adapter: DIR}}. It has learned from
    the part of the data that a scenario with the same seed and data.split leaves to users.
    """
    from agents.errors import InvalidInput, MissingResource
    from agents.llm.local.adapter import CONFIG

    if find_spec("peft") is None:
        raise MissingResource("tuning needs the extra `tune`; pip install -c constraints.txt -e '.[tune]'")
    folder = out or Path("adapters") / f"{data}-{Path(model).name}"
    if (folder / CONFIG).exists():
        raise InvalidInput(f"{folder} holds an adapter already; give another --out")
    with _bar() as say:
        report = _tuned(data, model, steps, users, folder, seed, say)
    (folder / REPORT).write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    if as_json:
        typer.echo(json.dumps(report))
        return
    for name in ("untuned", "tuned", "gain"):
        figure = report["auc"][name]
        typer.echo(f"AUC {name:8}{figure['value']:+.3f}  [{figure['low']:+.3f}, {figure['high']:+.3f}]")
    typer.echo(f"{report['checked_users']} users kept apart, held-out choices against equally popular items")
    typer.echo(f"adapter: {folder}")


def _tuned(data: str, model: str, steps: int, users: int, out: Path, seed: int, say: Say) -> dict[str, Any]:
    """Fit, write and check an adapter; return what there is to say of it."""
    from dataclasses import asdict

    from agents import models
    from agents.errors import InvalidInput
    from agents.tuning.check import questions
    from agents.tuning.examples import examples
    from agents.tuning.lora import Recipe, tune
    from simulator.cast import history
    from simulator.components import build
    from simulator.data.split import split
    from simulator.seeds import Streams

    weights = models.safetensors(model)
    dataset, streams = build("data", data).load(), Streams(seed)
    parts = split(dataset, HELD_OUT, USERS_SHARE, streams)
    material = _material(dataset.catalog.items, parts, streams)
    tuned_on, checked = _groups(material, users, streams)
    asked = questions(material, history(parts.held_out), checked)
    prompts = examples(material, tuned_on, steps)
    if not asked or not prompts:
        raise InvalidInput(f"{data} has too few users with at least {LEAST} interactions to tune and to check on")
    recipe, done = Recipe(seed=seed), []

    def tell(loss: Any) -> None:
        done.append(loss)
        say(len(done) / len(prompts), f"tuning, preference loss {loss.preference:.3f}")

    tune(str(weights), prompts, out, recipe, tell)
    found = {
        "untuned": _aucs(asked, material, model, "", say),
        "tuned": _aucs(asked, material, model, str(out), say),
    }
    return {
        "data": dataset.identity,
        "model": models.identity(model),
        "recipe": asdict(recipe) | {"steps": len(prompts), "users": len(tuned_on)},
        "auc": _compared(found["untuned"], found["tuned"]),
        "checked_users": len(asked),
        "adapter": str(out),
    }


def _material(items: Any, parts: Any, streams: "Streams") -> "Material":
    from agents.tuning.examples import Material
    from simulator.cast import history

    return Material(items, history(parts.users), parts.platform.counts(len(items)), streams)


def _groups(material: "Material", users: int, streams: "Streams") -> tuple["Ints", "Ints"]:
    """Return, by keyed draw, users to tune on and others to check on."""
    import numpy as np

    user, count = np.unique(material.history.user_id, return_counts=True)
    user = user[count >= LEAST]
    user = user[np.argsort(streams.uniform("tune-users", user), kind="stable")]
    checked = min(CHECKED, len(user) // 2)
    return user[checked : checked + users], user[:checked]


def _aucs(asked: "list[Question]", material: "Material", model: str, adapter: str, say: Say) -> "Floats":
    from agents.llm.transformers import Transformers
    from agents.tuning.check import aucs

    async def scored() -> "Floats":
        judge = Transformers(model, threads=1, adapter=adapter)
        await judge.open()
        try:
            name = "tuned" if adapter else "untuned"
            return await aucs(asked, material.items, judge, lambda share: say(share, f"checking the {name} model"))
        finally:
            await judge.close()

    return asyncio.run(scored())


def _compared(untuned: "Floats", tuned: "Floats") -> dict[str, dict[str, float]]:
    from agents.interval import interval

    return {"untuned": interval(untuned), "tuned": interval(tuned), "gain": interval(tuned - untuned)}


@contextmanager
def _bar() -> Iterator[Say]:
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("reading", total=1.0)
        yield lambda share, doing: progress.update(task, completed=share, description=doing)

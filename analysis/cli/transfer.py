"""``transfer``: what tasks of one text model gain or lose by being trained together."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from analysis.cli.experiment import Asked, Figure, experiment, spread, tell
from analysis.options import Json, ScenarioFile

if TYPE_CHECKING:
    from agents.schema import Floats
    from simulator.catalog import Interactions
    from simulator.data.held_out import HeldOut
    from simulator.recommenders.p5 import P5

TASKS = ("sequential", "rating", "explanation")
FIGURES = {
    "sequential": ("ndcg@10",),
    "rating": ("rating_rmse",),
    "explanation": ("token_accuracy", "bleu_2"),
}
"""What each task is judged by."""
EXPLAINED = 300
"""Users whose explanations are judged, at most: each takes ten passes."""


def command(
    scenario: ScenarioFile,
    seeds: Annotated[int, typer.Option(min=1, help="fits per set of tasks; intervals from 2 on")] = 3,
    users: Annotated[int | None, typer.Option(min=2, help="users judged, at most; all are learned from")] = None,
    out: Annotated[Path | None, typer.Option(help="folder for transfer.json and the figure")] = None,
    json_: Json = False,
) -> None:
    """Train every set of the tasks of a P5 model together, and compare each task with being trained alone.

    The file's recommender is a p5 without tasks.
    """
    with experiment(scenario, "p5", "tasks") as asked:
        from analysis.offline import leave_one_out

        log = asked.dataset.interactions
        held_out = leave_one_out(log, asked.dataset.catalog)
        held_out = held_out if users is None else held_out.some(users)
        rating = last_ratings(log, held_out)
        found = [seen for seed in range(seeds) for seen in judged(asked, held_out, rating, seed)]
        told = {"data": asked.dataset.name, "recommender": asked.spec, "users": len(held_out.target), "seeds": seeds}
        told |= {"rows": table(found), "beside": beside(held_out, rating)}
    tell(told, "transfer", matrix, show, out, json_)


def together() -> Iterator[tuple[str, ...]]:
    """Yield every set of tasks, the single ones first."""
    for count in range(1, len(TASKS) + 1):
        yield from combinations(TASKS, count)


def judged(asked: Asked, held_out: "HeldOut", rating: "Floats", seed: int) -> Iterator[dict[str, Any]]:
    """Yield, for every set of tasks, the figures of one fit: those of its tasks alone."""
    from analysis.offline import trial
    from simulator.components import build
    from simulator.seeds import Streams

    for tasks in together():
        recommender: P5 = build("recommenders", {**asked.spec, "tasks": list(tasks)})

        def say(share: float, what: str, tasks: Sequence[str] = tasks) -> None:
            asked.say(f"{' + '.join(tasks)}  seed {seed + 1}  {share:4.0%}  {what}")

        seen = trial(recommender, held_out, Streams(seed), say)
        figures = {"ndcg@10": float(seen.ndcg.mean())} if "sequential" in tasks else {}
        figures |= {"rating_rmse": error(recommender, held_out, rating)} if "rating" in tasks else {}
        figures |= worded(recommender, held_out) if "explanation" in tasks else {}
        yield {"tasks": tasks, "seed": seed, "fit_cpu_s": seen.fit_cpu_s, **figures}


def last_ratings(log: "Interactions", held_out: "HeldOut") -> "Floats":
    """Return the rating of each held-out interaction."""
    users = held_out.requests.user_id
    rows, offsets = log.by_user(int(users.max()) + 1)
    last: Floats = log.rating[rows[offsets[users + 1] - 1]]
    return last


def told_ratings(held_out: "HeldOut") -> "Floats":
    """Return the rating of each entry of the requests' histories."""
    import numpy as np

    users = held_out.requests.user_id
    rows, offsets = held_out.train.by_user(int(users.max()) + 1)
    told: Floats = held_out.train.rating[np.concatenate([rows[offsets[user] : offsets[user + 1]] for user in users])]
    return told


def error(model: "P5", held_out: "HeldOut", rating: "Floats") -> float:
    """Return the root mean squared error of the ratings predicted for held-out items that training showed."""
    import numpy as np

    gap = model.predict_rating(held_out.requests, told_ratings(held_out), held_out.target) - rating
    gap = gap[np.isfinite(gap)]
    return float(np.sqrt((gap**2).mean())) if len(gap) else float("nan")


def worded(model: "P5", held_out: "HeldOut") -> dict[str, float]:
    """Return how close explanations of held-out items come to the template's, where it has one."""
    import numpy as np

    asked = held_out.some(EXPLAINED)
    said, wanted = model.explained(asked.requests, asked.target), model.expected(asked.requests, asked.target)
    pairs = [(one, other) for one, other in zip(said, wanted, strict=True) if other is not None]
    if not pairs:
        return {name: float("nan") for name in FIGURES["explanation"]}
    accuracy = [np.mean([a == b for a, b in zip([*one, *[0] * 99], other)]) for one, other in pairs]  # noqa: B905
    close = [bleu(one, other) for one, other in pairs]
    return {"token_accuracy": float(np.mean(accuracy)), "bleu_2": float(np.mean(close))}


def bleu(said: Sequence[int], wanted: Sequence[int]) -> float:
    """Return the geometric mean of one- and two-word precision, lessened where too little is said (BLEU-2, smoothed).

    >>> bleu([1, 2, 3], [1, 2, 3]), round(bleu([1, 2], [1, 2, 3]), 3)
    (1.0, 0.607)
    """
    from collections import Counter
    from math import exp, sqrt

    if not said:
        return 0.0
    shares = []
    for size in (1, 2):
        ours, theirs = (Counter(zip(*(text[at:] for at in range(size)))) for text in (said, wanted))  # noqa: B905
        shares.append((sum((ours & theirs).values()) + (size > 1)) / (sum(ours.values()) + (size > 1)))
    return sqrt(shares[0] * shares[1]) * min(1.0, exp(1 - len(wanted) / len(said)))


def table(found: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return one row per set of tasks: means with intervals over seeds, and what each task gained over being alone."""
    import numpy as np

    from agents.interval import interval

    def values(tasks: Sequence[str], name: str) -> "Floats":
        return np.array([one[name] for one in sorted(found, key=lambda one: one["seed"]) if one["tasks"] == tasks])

    rows = []
    for tasks in together():
        row: dict[str, Any] = {"tasks": list(tasks), "fit_cpu_s": float(values(tasks, "fit_cpu_s").mean())}
        for task in tasks:
            for name in FIGURES[task]:
                mine = values(tasks, name)
                row[name] = interval(mine)
                row[f"{name}_gained"] = interval(mine - values((task,), name))
        rows.append(row)
    return rows


def beside(held_out: "HeldOut", rating: "Floats") -> dict[str, float]:
    """Return what needs no text model: popularity's NDCG, and the error of each user's mean rating."""
    import numpy as np

    from analysis.offline import trial
    from simulator.recommenders.popularity import Popularity
    from simulator.seeds import Streams

    told, row = told_ratings(held_out), held_out.requests.row()
    rated = np.isfinite(told)
    count = np.bincount(row[rated], minlength=len(rating))
    mean = np.bincount(row[rated], told[rated], minlength=len(rating)) / np.maximum(count, 1)
    gap = (mean - rating)[(count > 0) & np.isfinite(rating)]
    rmse = float(np.sqrt((gap**2).mean())) if len(gap) else float("nan")
    return {"popularity_ndcg@10": float(trial(Popularity(), held_out, Streams(0)).ndcg.mean()), "user_mean_rmse": rmse}


def matrix(told: Mapping[str, Any]) -> Figure:
    """Return the transfer matrix."""
    from analysis.plots.transfer_matrix import TransferMatrix, caption, tidy

    return "transfer_matrix", TransferMatrix(caption(told)), tidy(told)


def show(told: Mapping[str, Any]) -> None:
    """Print the matrix."""
    from rich.console import Console
    from rich.table import Table

    screen = Console()
    names = [name for task in TASKS for name in FIGURES[task]]
    printed = Table(
        title=f"Tasks trained together on {told['data']}, {told['seeds']} seeds, 95 % intervals; gain over alone"
    )
    for heading in ("tasks", *names, "fit CPU s"):
        printed.add_column(heading, justify="left" if heading == "tasks" else "right", no_wrap=True)
    for row in told["rows"]:
        cells = [cell(row.get(name), row.get(f"{name}_gained"), len(row["tasks"]) > 1) for name in names]
        printed.add_row(" + ".join(row["tasks"]), *cells, f"{row['fit_cpu_s']:.1f}")
    Console(width=None if screen.is_terminal else 180).print(printed)
    Console(width=None if screen.is_terminal else 180).print(told["beside"])


def cell(value: Mapping[str, float] | None, gained: Mapping[str, float] | None, several: bool) -> str:
    """Write a mean with half its interval and, where tasks were several, what was gained with its own."""
    more = f" ({spread(gained, 4, '+')})" if several and gained is not None else ""
    return spread(value, 4) + more

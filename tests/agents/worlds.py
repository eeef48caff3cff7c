"""Small invented worlds for the tests of the agents."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agents.personas.from_history import FromHistory
from agents.schema import (
    PAD,
    Action,
    Choices,
    DecidedBy,
    Decisions,
    ExitReason,
    History,
    Item,
    Observation,
    Pages,
    Setting,
)
from simulator.seeds import Streams

GENRES = ("Action", "Comedy", "Drama", "Horror", "Romance")


def items(n: int = 80) -> tuple[Item, ...]:
    """Items whose genres go round, some with two."""
    made = []
    for i in range(n):
        genres = {GENRES[i % 5], GENRES[(i // 5) % 5]} if i % 3 == 0 else {GENRES[i % 5]}
        made.append(Item(i, f"Title {i}", tuple(sorted(genres)), 1960 + (7 * i) % 40))
    return tuple(made)


def history(n_users: int = 60, n_items: int = 80, per_user: int = 25, seed: int = 3) -> History:
    """Users who each love one genre, take popular items more, and rate what they love higher."""
    streams = Streams(seed)
    catalog = items(n_items)
    columns: list[tuple[int, int, float, float]] = []
    for user in range(n_users):
        loves = np.array([GENRES[user % 5] in item.genres for item in catalog])
        attraction = 2.0 * loves - 0.03 * np.arange(n_items)
        gumbel = -np.log(-np.log(streams.uniform("gumbel", user, np.arange(n_items)) + 2.0**-54))
        taken = np.argsort(-(attraction + gumbel), kind="stable")[: per_user + user % 7]
        noise = streams.normal("noise", user, taken)
        rating = np.clip(np.rint(3.0 + 0.9 * loves[taken] + 0.3 * (user % 3 - 1) + 0.8 * noise), 1, 5)
        time = np.sort(-10000 * streams.uniform("time", user, taken))
        columns += zip([user] * len(taken), taken.tolist(), rating.tolist(), time.tolist(), strict=True)
    user_id, item_id, ratings, times = (np.array(column) for column in zip(*columns, strict=True))
    return History(user_id.astype(np.int64), item_id.astype(np.int64), ratings.astype(float), times.astype(float))


def setting(n_simulated: int = 12, choices: Choices | None = None, seed: int = 5, **world: int) -> Setting:
    """A setting whose simulated users are the first real ones."""
    log = history(**world)
    catalog = items(world.get("n_items", 80))
    popularity = np.bincount(log.item_id, minlength=len(catalog)).astype(float)
    total = np.bincount(log.item_id, weights=log.rating, minlength=len(catalog))
    mean_rating = np.divide(total, popularity, out=np.full(len(catalog), np.nan), where=popularity > 0)
    streams = Streams(seed)
    source = np.arange(n_simulated)
    names = tuple(f"real{u}" for u in range(int(log.user_id.max()) + 1))
    personas = FromHistory().make(source, names, log, catalog, popularity, streams)
    return Setting(
        catalog, personas, log, source, popularity, mean_rating, (1.0, 5.0, 1.0), choices or Choices(), streams
    )


def pages(world: Setting, n: int = 50, width: int = 10, seed: int = 9) -> Pages:
    """Random full slates for random users."""
    streams = Streams(seed)
    rows = np.arange(n)
    item_id = np.argsort(streams.uniform("slate", rows[:, None], np.arange(len(world.items))), axis=1)[:, :width]
    return Pages(
        user_id=(streams.uniform("user", rows) * len(world.personas)).astype(np.int64),
        now=600.0 + rows,
        page=np.ones(n, dtype=np.int64),
        decision=rows,
        item_id=item_id.astype(np.int64),
        popularity=world.popularity[item_id],
        exposures=(streams.uniform("exposures", rows[:, None], np.arange(width)) * 3).astype(np.int64),
        fatigue=streams.uniform("fatigue", rows),
        satisfaction=streams.uniform("satisfaction", rows),
    )


@dataclass(frozen=True)
class Decision:
    """What one user did with one page, and what led to it where a language model was asked."""

    actions: tuple[Action, ...]
    ratings: tuple[float, ...]
    dwell: tuple[float, ...]
    exit_reason: ExitReason
    decided_by: DecidedBy
    call_id: str = ""
    reason: str = ""
    notes: tuple[str, ...] = ()


def single(decisions: Decisions, row: int, count: int) -> Decision:
    """One row of a batch, about a slate of ``count`` items."""
    return Decision(
        actions=tuple(Action(code) for code in decisions.action[row, :count].tolist()),
        ratings=tuple(decisions.rating[row, :count].tolist()),
        dwell=tuple(decisions.dwell[row, :count].tolist()),
        exit_reason=ExitReason(int(decisions.exit_reason[row])),
        decided_by=DecidedBy(int(decisions.decided_by[row])),
    )


def stack(observations: Sequence[Observation]) -> Pages:
    """Single pages as a batch, short slates padded to the longest."""
    shape = (len(observations), max(len(seen.items) for seen in observations))
    item_id = np.full(shape, PAD, dtype=np.int64)
    popularity, exposures = np.zeros(shape), np.zeros(shape, dtype=np.int64)
    for row, seen in enumerate(observations):
        item_id[row, : len(seen.items)] = [item.item_id for item in seen.items]
        popularity[row, : len(seen.items)] = seen.popularity
        exposures[row, : len(seen.items)] = seen.exposures
    whole, real = np.int64, np.float64
    return Pages(
        user_id=np.array([seen.user_id for seen in observations], dtype=whole),
        now=np.array([seen.now for seen in observations], dtype=real),
        page=np.array([seen.page for seen in observations], dtype=whole),
        decision=np.array([seen.decision for seen in observations], dtype=whole),
        item_id=item_id,
        popularity=popularity,
        exposures=exposures,
        fatigue=np.array([seen.fatigue for seen in observations], dtype=real),
        satisfaction=np.array([seen.satisfaction for seen in observations], dtype=real),
    )

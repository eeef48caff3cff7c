"""From finished runs to a dataset: choose, select, leave out what is there already, place, join."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from agents.errors import GateFailed, InvalidInput
from analysis.augment.dataset import FORMAT, TABLES, TrainingData
from analysis.augment.gates import LEAKAGE, betraying
from analysis.augment.placement import placed
from analysis.augment.shown import Played, known_at_start, read
from analysis.augment.source import KEY, PAIR, Source, among
from analysis.augment.strategies.base import Material, Strategy, Voice

FALLBACK = "fallback"

Preference = Literal["random", "score", "propensity", "rating"]
Draw = Callable[[npt.NDArray[np.int64], npt.NDArray[np.int64]], npt.NDArray[np.float64]]
"""Run and event of each row -> a uniform number, keyed by the two."""


@dataclass(frozen=True)
class Options:
    """What is asked beside the strategies.

    ``ratio`` is synthetic rows per real row, at most; None for all. ``weight`` is that of a synthetic row where a real
    one weighs 1. ``decided_by`` are the sources of decisions that are trusted; empty for all but the fallback.
    ``prefer`` says which rows go first where the ratio leaves some out: the highest, missing ones last.
    """

    ratio: float | None = None
    weight: float = 1.0
    decided_by: tuple[str, ...] = ()
    prefer: Preference = "random"
    seed: int = 0


def build(
    source: Source,
    runs: tuple[Played, ...],
    baseline: str,
    strategies: Sequence[Strategy],
    options: Options,
    draw: Draw,
    voice: Voice | None = None,
) -> TrainingData:
    """Return the dataset that strategies make of runs; its gates are not checked yet.

    Raise GateFailed where a run was shown something of the evaluation split, InvalidInput where nothing was decided by
    what is asked for.
    """
    for one in runs:
        _check_knowledge(one, source)
    exposures = placed(read(runs), source)
    taken = exposures[exposures["is_taken"]]
    trusted = taken[_trusted(taken, options)]
    material = Material(source, runs, trusted, baseline)
    wanted = np.logical_or.reduce([np.asarray(strategy.choose(material)) for strategy in strategies])
    rows, counts = _selected(trusted[wanted], source, options, draw)
    counts = {
        "taken": len(taken),
        "not_trusted": len(taken) - len(trusted),
        "not_chosen": int((~wanted).sum()),
    } | counts
    tables = _tables(source, runs, exposures, rows, options)
    texts = [row for strategy in strategies for row in strategy.describe(material, voice)]
    if any(strategy.writes for strategy in strategies):
        tables["descriptions"], missing = _descriptions(texts, source)
        counts |= missing
    return TrainingData(_about(source, runs, options, tables, counts), tables)


def _check_knowledge(one: Played, source: Source) -> None:
    """Raise GateFailed where the platform of a run began with something of the evaluation split."""
    known = known_at_start(one, source.users, source.end)
    late = known[among(known, source.held_out, KEY) & ~among(known, source.train, KEY)]
    if len(late):
        first = late.iloc[0]
        raise GateFailed(
            f"{LEAKAGE}: {one.run.folder} was shown {len(late)} rows of the evaluation split, the first of them user "
            f"{first['user']}, item {first['item']}; what it did cannot be trained on: run it again"
        )


def _trusted(rows: pd.DataFrame, options: Options) -> npt.NDArray[np.bool_]:
    if not options.decided_by:
        return np.asarray(rows["generator"] != FALLBACK)
    there = sorted(rows["generator"].unique())
    for source in options.decided_by:
        if source not in there:
            raise InvalidInput(f"nothing was decided by {source!r}; the runs have {', '.join(there) or 'no decision'}")
    return np.asarray(rows["generator"].isin(options.decided_by))


def _selected(rows: pd.DataFrame, source: Source, options: Options, draw: Draw) -> tuple[pd.DataFrame, dict[str, int]]:
    """Return the rows that are new, each pair once, and as many as the ratio allows; and how many were left out."""
    run = rows["source_run"].map(lambda name: int(str(name)[:15], 16) if _is_hex(str(name)[:15]) else 0)
    chance = draw(run.to_numpy(dtype=np.int64), rows["event_id"].to_numpy(dtype=np.int64))
    wish = np.zeros(len(rows)) if options.prefer == "random" else rows[options.prefer].fillna(-np.inf).to_numpy()
    ordered = rows.iloc[np.lexsort((chance, -wish))]
    known = among(ordered, source.train, PAIR)
    repeated = ordered.duplicated(PAIR).to_numpy() & ~known
    new = ordered[~known & ~repeated]
    limit = len(new) if options.ratio is None else round(options.ratio * len(source.train))
    counts = {"known": int(known.sum()), "repeated": int(repeated.sum()), "over_ratio": max(len(new) - limit, 0)}
    return new.iloc[:limit], counts


def _is_hex(text: str) -> bool:
    return bool(text) and set(text) <= set("0123456789abcdef")


def _tables(
    source: Source, runs: Sequence[Played], exposures: pd.DataFrame, rows: pd.DataFrame, options: Options
) -> dict[str, pd.DataFrame]:
    real = source.train.assign(is_synthetic=False, generator="real", weight=1.0)
    made = rows.assign(is_synthetic=True, weight=options.weight)
    both = pd.concat([real, made], ignore_index=True).sort_values("time", kind="stable")
    invented = sorted({user for one in runs for user in one.invented()})
    users = pd.DataFrame(
        {
            "user": [*source.users, *invented],
            "is_synthetic": [False] * len(source.users) + [True] * len(invented),
            "cut_off": [*source.cut_offs, *[source.end] * len(invented)],
            "training_rows": [*source.user_rows, *[0] * len(invented)],
        }
    )
    tables = {
        "interactions": both.astype({"position": "Int64", "event_id": "Int64"}),
        "users": users,
        "items": source.items.assign(training_rows=source.item_rows.to_numpy()),
        "held_out": source.held_out,
        "exposures": exposures,
    }
    return {name: frame[TABLES[name].names].reset_index(drop=True) for name, frame in tables.items()}


def _descriptions(texts: list[dict[str, Any]], source: Source) -> tuple[pd.DataFrame, dict[str, int]]:
    """Return the usable texts that name no item held out from the user they tell of, and how many are left out."""
    table = pd.DataFrame(texts, columns=TABLES["descriptions"].names).drop_duplicates(["of", "name"])
    written = table[table["text"] != ""]
    betrays = betraying(written, source.train, source.held_out, source.items)
    counts = {"texts_unusable": len(table) - len(written), "texts_naming_held_out": int(betrays.sum())}
    return written[~betrays].reset_index(drop=True), counts


def _about(
    source: Source,
    runs: Sequence[Played],
    options: Options,
    tables: dict[str, pd.DataFrame],
    counts: dict[str, int],
) -> dict[str, Any]:
    rows = tables["interactions"]
    synthetic = rows[rows["is_synthetic"]]
    held_out, users = tables["held_out"], tables["users"]
    own = users[users["user"].isin(held_out["user"])]["cut_off"]
    return {
        "format": FORMAT,
        "version": "1.0.0",
        "source": source.facts,
        "runs": [one.facts() for one in runs],
        "options": {
            "ratio": options.ratio,
            "weight": options.weight,
            "decided_by": list(options.decided_by),
            "prefer": options.prefer,
            "seed": options.seed,
        },
        "ratio": len(synthetic) / len(source.train),
        "counts": {
            "real": len(source.train),
            "synthetic": len(synthetic),
            "left_out": counts,
            "foretold": int(among(synthetic, held_out, PAIR).sum()),
            "invented_users": int(users["is_synthetic"].sum()),
            "tables": {name: len(table) for name, table in tables.items()},
        },
        "cut_off": {
            "rule": "per user: the first row of the evaluation split; without one, the end of the source data",
            "earliest": float(own.min()) if len(own) else source.end,
            "latest": float(own.max()) if len(own) else source.end,
        },
    }

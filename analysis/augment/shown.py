"""What the simulated users of finished runs read and did, under the names of the source data."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analysis.augment.source import unix
from analysis.load import Cell, Run, Study

ID = 16
"""Letters of a log digest that name a run in a row."""
COLUMNS = (
    "event_id", "now", "user_id", "position", "slate_size", "item_id", "score", "propensity", "recommender",
    "action", "rating", "decided_by",
)  # fmt: skip


@dataclass(frozen=True)
class Played:
    """One run: what it was, in which world, and the names of those in it.

    Runs of one ``world`` share seed and settings but for the arm, and so all random numbers.
    """

    cell: Cell
    world: str

    @property
    def run(self) -> Run:
        """Return the run's tables."""
        return self.cell.run

    @property
    def name(self) -> str:
        """Return what rows call the run."""
        return str(self.run.manifest["log_digest"])[:ID]

    def users(self) -> list[str]:
        """Return the outside name of each simulated user; invented ones get one of their own for each seed."""
        table = self.run.users[["name", "source"]].astype(str)
        invented = table["name"] + f" (seed {self.cell.seed})"
        return list(table["source"].where(table["source"] != "", invented))

    def invented(self) -> list[str]:
        """Return the names of the users who are nobody in the source data."""
        return [user for user, source in zip(self.users(), self.run.users["source"], strict=True) if source == ""]

    def facts(self) -> dict[str, Any]:
        """Return what dataset.json says of the run."""
        manifest = self.run.manifest
        kept = ("name", "log_digest", "scenario_digest", "seed", "days", "recommender", "behaviors", "llm")
        return {"run": self.name, "arm": self.cell.arm, **{key: manifest.get(key) for key in kept}}


def played(study: Study) -> tuple[Played, ...]:
    """Return the runs of a study at every point of its grid; of those with the same log the first."""
    points = enumerate(study.everywhere)
    found: dict[str, Played] = {}
    for one in (Played(cell, f"{point}/{cell.seed}") for point, part in points for cell in part.cells):
        found.setdefault(one.name, one)
    return tuple(found.values())


def read(runs: Sequence[Played]) -> pd.DataFrame:
    """Return every item a user read, run after run in log order; ``is_taken`` where it was watched.

    An id that the run's own tables do not know is named as unknown, for the gates to find.
    """
    return pd.concat([_read(one) for one in runs], ignore_index=True)


def _read(one: Played) -> pd.DataFrame:
    shown = one.run.table("impressions", COLUMNS)
    shown = shown[shown["action"] != "unseen"]
    return pd.DataFrame(
        {
            "user": _named(shown["user_id"], one.users(), "user"),
            "item": _named(shown["item_id"], list(one.run.items["name"].astype(str)), "item"),
            "rating": shown["rating"].astype(np.float64),
            "is_taken": shown["action"] == "watch",
            "source_run": one.name,
            "generator": shown["decided_by"].astype(str),
            "propensity": shown["propensity"].astype(np.float64),
            "position": shown["position"],
            "recommender": shown["recommender"].astype(str),
            "arm": one.cell.arm,
            "world": one.world,
            "event_id": shown["event_id"],
            "simulated_minute": shown["now"].astype(np.float64),
            "slate_size": shown["slate_size"],
            "score": shown["score"].astype(np.float64),
        }
    )


def _named(ids: "pd.Series[int]", names: list[str], what: str) -> "np.ndarray[Any, Any]":
    found = pd.Series(names, dtype=object).reindex(ids).to_numpy(copy=True)
    missing = pd.isna(found)
    found[missing] = [f"unknown {what} {one}" for one in ids[missing]]
    return found


def known_at_start(one: Played, users: Sequence[str], end: float) -> pd.DataFrame:
    """Return what the platform knew at time 0 (user, item, time): simulated users first, then everybody else."""
    taken = one.run.history
    names = one.users()
    return pd.DataFrame(
        {
            "user": _named(taken["user_id"], [*names, *users], "user"),
            "item": _named(taken["item_id"], list(one.run.items["name"].astype(str)), "item"),
            "time": unix(taken["time"].to_numpy(dtype=np.float64), end),
        }
    )

"""Write small study folders with plausible bias patterns, by the schemas of simulator.log."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from simulator.log import TABLES

N_USERS, N_BACKGROUND, N_ITEMS, DAYS, SLATE = 40, 160, 240, 4, 10
GENRES = ("Action", "Comedy", "Crime", "Documentary", "Drama", "Horror", "Romance", "Sci-Fi")
ARMS = ("random", "popularity", "generative")
HOSTILE = "</script><script>document.title='owned'</script><b onclick=alert(1)>Heist</b> & Sons"
ARROW = {int: pa.int64(), float: pa.float64(), str: pa.string(), bool: pa.bool_()}

Rng = np.random.Generator


class World:
    """A catalog, users with genre tastes, and what they took before time 0; a function of the seed."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.seed = seed
        self.genres = self._genres(np.random.default_rng(0))
        self.pull = 1.0 / np.arange(1, N_ITEMS + 1) ** 0.9
        self.tastes = rng.dirichlet(np.full(len(GENRES), 0.4), N_USERS + N_BACKGROUND)
        self.mainstream = rng.uniform(0.4, 1.6, N_USERS + N_BACKGROUND)
        self.history = self._history(rng)
        self.counts = np.bincount(self.history["item_id"], minlength=N_ITEMS).astype(float)

    def _genres(self, rng: Rng) -> np.ndarray:
        genres = np.zeros((N_ITEMS, len(GENRES)))
        for item in range(N_ITEMS):
            genres[item, rng.choice(len(GENRES), rng.integers(1, 4), replace=False)] = 1
        return genres

    def liking(self, user: int) -> np.ndarray:
        return self.genres @ self.tastes[user] / self.genres.sum(axis=1)

    def _history(self, rng: Rng) -> pd.DataFrame:
        rows = []
        for user in range(N_USERS + N_BACKGROUND):
            weight = self.pull ** self.mainstream[user] * (0.02 + self.liking(user))
            taken = rng.choice(N_ITEMS, int(rng.integers(8, 26)), replace=False, p=weight / weight.sum())
            rows += [(user, int(item), float(rng.integers(2, 6)), -float(rng.integers(10, 90_000))) for item in taken]
        return pd.DataFrame(rows, columns=list(TABLES["history"].__annotations__)).sort_values("time", kind="stable")

    def items(self) -> pd.DataFrame:
        rows = [
            (
                i,
                str(1000 + i),
                HOSTILE if i == 0 else f"Film {i:03d}, The",
                "|".join(g for g, there in zip(GENRES, self.genres[i], strict=True) if there),
                1950 + i % 50 if i % 40 else -1,
                int(self.counts[i]),
            )
            for i in range(N_ITEMS)
        ]
        return pd.DataFrame(rows, columns=list(TABLES["items"].__annotations__))

    def users(self) -> pd.DataFrame:
        rows = []
        for user in range(N_USERS):
            best = GENRES[int(self.tastes[user].argmax())]
            told = f"Likes {best.lower()} above all and returns to it often; rarely follows the crowd."
            behavior = "llm" if user % 5 == 0 else "calibrated"
            traits = (
                1.0 + user % 3,
                0.3 + 0.01 * user,
                1.2 + 0.03 * user,
                float(self.mainstream[user]) / 2,
                3.6,
                0.9,
                1.0,
            )
            rows.append((user, f"user {user}", str(user + 7), behavior, *traits, told))
        return pd.DataFrame(rows, columns=list(TABLES["users"].__annotations__))


class Visit:
    """Play the days of one arm; draws are keyed by what they are for, so arms share them."""

    def __init__(self, world: World, arm: str) -> None:
        self.world, self.arm = world, arm
        self.counts = world.counts.copy()
        self.seen = [set(group) for _, group in world.history.groupby("user_id")["item_id"]]
        self.impressions: list[tuple[object, ...]] = []
        self.sessions: list[tuple[object, ...]] = []

    def play(self) -> None:
        for day in range(DAYS):
            visible = self.counts.copy()
            for user in range(N_USERS):
                self._session(day, user, visible)

    def _scores(self, day: int, user: int, visible: np.ndarray) -> np.ndarray:
        if self.arm == "random":
            return np.random.default_rng([self.world.seed, 1, day, user]).random(N_ITEMS)
        if self.arm == "popularity":
            return visible.copy()
        return np.log1p(visible) * 0.45 + 3.0 * self.world.liking(user)

    def _session(self, day: int, user: int, visible: np.ndarray) -> None:
        rng = np.random.default_rng([self.world.seed, 2, day, user])
        scores = self._scores(day, user, visible)
        scores[list(self.seen[user])] = -1
        order, start, watched = np.argsort(-scores, kind="stable"), day * 1440.0 + 10 * user, 0
        pages = 1 + int(rng.random() < 0.5)
        session = len(self.sessions)
        for page in range(1, pages + 1):
            slate = order[(page - 1) * SLATE : page * SLATE]
            watched += self._page((day, start + page - 1, user, session, page), slate, visible, rng)
        reason = "satisfied" if watched > 1 else "bored" if not watched else "tired"
        satisfaction = min(1.0, 0.35 + 0.15 * watched)
        self.sessions.append((session, user, start, start + 6.0 * pages, pages, reason, satisfaction, 0.1 * pages, 0.5))

    def _page(self, where: tuple[object, ...], slate: np.ndarray, visible: np.ndarray, rng: Rng) -> int:
        day, now, user, session, page = where
        ranks = (-visible).argsort(kind="stable").argsort(kind="stable") + 1
        chance = 1 / (1 + np.exp(2.6 - 5.0 * self.world.liking(user)[slate] - 0.12 * np.log1p(visible[slate])))
        examined = np.cumprod(np.r_[1.0, (rng.random(SLATE - 1) < 0.9)]).astype(bool)
        watches = examined & (rng.random(SLATE) < chance)
        self.seen[user] |= set(slate[watches].tolist())
        self.counts[slate[watches]] += 1
        for at, item in enumerate(slate.tolist()):
            action = "unseen" if not examined[at] else "watch" if watches[at] else "skip"
            rating = float(rng.integers(3, 6)) if watches[at] else float("nan")
            by = "llm" if user % 5 == 0 else "calibrated"
            shown = (day, now, user, session, page, at + 1, SLATE, item, 1.0 / (at + 1), float("nan"), self.arm, day)
            done = ("recommender", action, rating, "", 60.0 * watches[at], int(ranks[item]), float(day), by, "c" * 8)
            self.impressions.append((len(self.impressions), *shown, *done))
        return int(watches.sum())


def manifest(world: World, visit: Visit, study: str, llm_calls: int) -> dict[str, object]:
    watches = sum(row[14] == "watch" for row in visit.impressions)
    rows = {"impressions": len(visit.impressions), "sessions": len(visit.sessions), "users": N_USERS, "items": N_ITEMS}
    return {
        "schema": 1,
        "name": study,
        "arm": visit.arm,
        "status": "finished",
        "seed": world.seed,
        "days": DAYS,
        "log_digest": f"{world.seed:02d}{ARMS.index(visit.arm):02d}" + "9f3c" * 15,
        "scenario_digest": "4d5e" * 16,
        "tables": {name: {"rows": n, "digest": "ab" * 32} for name, n in rows.items()},
        "data": {
            "name": "invented-films",
            "version": "1",
            "sha256": "cd" * 32,
            "licence": "public domain",
            "citation": "Nobody (2026). Invented films.",
            "rows": len(world.history),
            "rejected": 0,
        },
        "recommender": {"kind": visit.arm, "slate_size": SLATE, "retrain": 1440.0},
        "behaviors": [{"kind": "llm", "users": 8}, {"kind": "calibrated", "users": 32}],
        "assumptions": {"base_rate": 0.1, "rho": 0.5, "pi": 0.5, "eta": 0.8, "calibrated.intercept": -2.31},
        "llm": {"local": {"kind": "transformers", "fingerprint": "smollm2-135m-instruct@0123abcd"}},
        "counts": {
            "pages": len(visit.impressions) // SLATE,
            "sessions": len(visit.sessions),
            "watches": watches,
            "llm_decisions": llm_calls,
            "repaired": 1,
            "fallback": 0,
            "impressions": len(visit.impressions),
            "llm_calls": llm_calls,
        },
        "calls": {"calls": llm_calls, "cached": 3, "failed": 0, "attempts": llm_calls},
        "tokens": {"in": 41_230, "cached": 30_100, "out": 0},
        "cost_usd": None,
        "fallback_share": 0.0,
        "wall_s": 41.7,
        "versions": {"numpy": "2.3.0", "torch": "2.13.0"},
        "limits_hit": [],
        "resumed": 0,
        "genre_names": list(GENRES),
    }


def calls(visit: Visit) -> pd.DataFrame:
    pages = [row for row in visit.impressions if row[6] == 1 and row[3] % 5 == 0]
    asked = ("decide", "local", "likelihood", "ok", "ok", 300, 200, 0)
    rows = [
        (f"{n:032x}", row[2], row[3], n, *asked, 0.2 + 0.01 * (n % 30), 0.01, 1, n < 3, float("nan"), "")
        for n, row in enumerate(pages)
    ]
    return pd.DataFrame(rows, columns=list(TABLES["llm_calls"].__annotations__))


def write_table(folder: Path, name: str, frame: pd.DataFrame) -> None:
    """Write one table as one segment, text as dictionary columns, as the engine does."""
    schema = pa.schema([(column, ARROW[kind]) for column, kind in TABLES[name].__annotations__.items()])
    table = pa.Table.from_pandas(frame, schema=schema, preserve_index=False)
    (folder / "log").mkdir(parents=True, exist_ok=True)
    pq.write_table(table, folder / "log" / f"{name}-00000.parquet", use_dictionary=True)


def write_run(folder: Path, arm: str, seed: int, name: str = "fake") -> Path:
    """Write one run folder: manifest, log and scenario, neither measured nor drawn."""
    world = World(seed)
    visit = Visit(world, arm)
    visit.play()
    asked = calls(visit)
    refits = [(1440.0 * day, day, arm, len(world.history) + 40 * day, 0, day > 0) for day in range(DAYS)]
    frames = {
        "impressions": pd.DataFrame(visit.impressions, columns=list(TABLES["impressions"].__annotations__)),
        "sessions": pd.DataFrame(visit.sessions, columns=list(TABLES["sessions"].__annotations__)),
        "llm_calls": asked,
        "refits": pd.DataFrame(refits, columns=list(TABLES["refits"].__annotations__)),
        "users": world.users(),
        "items": world.items(),
        "history": world.history,
    }
    for table, frame in frames.items():
        write_table(folder, table, frame)
    (folder / "manifest.json").write_text(json.dumps(manifest(world, visit, name, len(asked))), encoding="utf-8")
    (folder / "scenario.resolved.yaml").write_text(f"name: {name}\nseed: {seed}\n", encoding="utf-8")
    return folder


def write_study(folder: Path, seeds: Sequence[int], arms: Sequence[str] = ARMS) -> Path:
    """Write a study folder whose cells are finished but not yet measured."""
    cells = []
    for seed in seeds:
        for arm in arms:
            where = f"cells/{arm}-s{seed}"
            write_run(folder / where, arm, seed)
            digest = json.loads((folder / where / "manifest.json").read_text(encoding="utf-8"))["log_digest"]
            cells.append(
                {"arm": arm, "seed": seed, "point": 0, "folder": where, "status": "finished", "log_digest": digest}
            )
    content = {
        "schema": 1,
        "name": "fake",
        "baseline": arms[0],
        "arms": {arm: {"recommender": {"kind": arm}} for arm in arms},
        "seeds": list(seeds),
        "points": [{}],
        "hypotheses": [],
        "cells": cells,
    }
    (folder / "study.json").write_text(json.dumps(content), encoding="utf-8")
    return folder

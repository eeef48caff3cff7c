"""Small runs and datasets for the tests of ``augment`` and ``export``."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from click.testing import Result

from agents.llm.budget import Budget
from analysis.cli import augment
from simulator.run import models, run
from simulator.scenario_file import read
from tests.command_line import called

WORLD = """name: tiny
seed: {seed}
days: 3
data: {{kind: "synthetic:tiny", min_interactions: 5}}
users: {{count: 30}}
behavior: {{kind: mixed, members: [{{kind: llm, share: 0.2, model: scripted, decide: structured, fallback: uniform}},
  {{kind: uniform}}]}}
llm: {{scripted: {{kind: scripted}}}}
recommender: {{kind: {recommender}, slate_size: 10}}
budget: {{fallback_share: 1}}
"""


def play(folder: Path, recommender: str, seed: int = 1, **changes: str) -> Path:
    """Run a small world into a folder, without measuring it."""
    folder.mkdir(parents=True)
    path = folder / "scenario.yaml"
    path.write_text(WORLD.format(seed=seed, recommender=recommender))
    scenario = read(path, [f"{key.replace('__', '.')}={value}" for key, value in changes.items()])
    with models(scenario, folder / "answers.journal") as dispatcher:
        run(scenario, folder, dispatcher, Budget())
    return folder


def augmented(*words: object) -> Result:
    return called(augment.command, *words)


def rewritten(path: Path, change: Any) -> None:
    """Change a table of a folder in place, its schema kept."""
    schema = pq.read_schema(path)
    frame = change(pd.read_parquet(path))
    pq.write_table(pa.Table.from_pandas(frame, schema=schema, preserve_index=False), path)


def rows(folder: Path, table: str = "interactions") -> pd.DataFrame:
    return pd.read_parquet(folder / f"{table}.parquet")


def synthetic(folder: Path) -> pd.DataFrame:
    made = rows(folder)
    return made[made["is_synthetic"]]


def about(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
    return content


def pairs(frame: pd.DataFrame) -> set[tuple[str, str]]:
    return set(zip(frame["user"], frame["item"], strict=True))


def log(run: Path, table: str) -> pd.DataFrame:
    return pd.concat([pd.read_parquet(path) for path in sorted((run / "log").glob(f"{table}-*.parquet"))])


def refused(done: Result, error: type[Exception]) -> str:
    assert isinstance(done.exception, error), (done.output, done.exception)
    return str(done.exception)

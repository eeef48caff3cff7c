"""What may be in no dataset is planted in one, or in a run, and must be caught and named."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from agents.errors import GateFailed
from simulator.cast import load
from simulator.scenario_file import read
from tests.cli.augmenting import augmented, log, refused, rewritten, rows
from tests.command_line import tasteloop

Change = Callable[[pd.DataFrame], pd.DataFrame]


def _leak(frame: pd.DataFrame, folder: Path, **changes: object) -> pd.DataFrame:
    """Put a row of the evaluation split among the others."""
    row = rows(folder, "held_out").query("not taken_before").iloc[[0]]
    known = (
        frame[frame["is_synthetic"]].iloc[[0]]
        if changes.get("is_synthetic")
        else frame[~frame["is_synthetic"]].iloc[[0]]
    )
    planted = known.assign(**{name: row[name].to_numpy() for name in ("user", "item", "time")})
    planted = planted.assign(**{name: value for name, value in changes.items() if name != "is_synthetic"})
    return pd.concat([frame, planted]).sort_values("time", kind="stable")


def _last_made(frame: pd.DataFrame, **changes: object) -> pd.DataFrame:
    """Change the last synthetic row, where it stands."""
    at = np.flatnonzero(frame["is_synthetic"])[-1]
    frame = frame.copy()
    for name, value in changes.items():
        frame.iloc[at, frame.columns.get_loc(name)] = value
    return frame


PLANTED: dict[str, tuple[str, str, Callable[[pd.DataFrame, Path], pd.DataFrame]]] = {
    "a held-out row": ("leakage", "interactions", lambda f, at: _leak(f, at)),
    "a held-out row said to be earlier": ("leakage", "interactions", lambda f, at: _leak(f, at, time=f["time"].min())),
    "a held-out row said to be synthetic": ("leakage", "interactions", lambda f, at: _leak(f, at, is_synthetic=True)),
    "a future row": (
        "nothing_from_the_future", "interactions",
        lambda f, at: _last_made(f, time=2e9).sort_values("time", kind="stable"),
    ),
    "a row at its cut-off": (
        "nothing_from_the_future", "interactions",
        lambda f, at: _last_made(
            f, time=rows(at, "users").set_index("user")["cut_off"][f[f["is_synthetic"]]["user"].iloc[-1]]
        ).sort_values("time", kind="stable"),
    ),
    "a row from after its run": (
        "nothing_from_the_future", "interactions", lambda f, at: _last_made(f, simulated_minute=9e9),
    ),
    "an unknown item": ("ids_in_catalog", "interactions", lambda f, at: _last_made(f, item="planted")),
    "an unknown user": ("referential_integrity", "interactions", lambda f, at: _last_made(f, user="planted")),
    "an unknown run": ("referential_integrity", "interactions", lambda f, at: _last_made(f, source_run="planted")),
    "a rating off the scale": ("rating_domain", "interactions", lambda f, at: _last_made(f, rating=5.5)),
    "a rating between two steps": ("rating_domain", "interactions", lambda f, at: _last_made(f, rating=3.5)),
    "a row out of order": ("time_order", "interactions", lambda f, at: _last_made(f, time=0.0)),
    "a repeated row": ("no_duplicates", "interactions", lambda f, at: pd.concat([f, f.iloc[[-1]]])),
    "a row without a weight": ("origin_stated", "interactions", lambda f, at: _last_made(f, weight=np.nan)),
    "a synthetic row said to be real": (
        "origin_stated", "interactions", lambda f, at: _last_made(f, is_synthetic=False),
    ),
    "an exposure of nothing": ("referential_integrity", "exposures", lambda f, at: f.assign(item="planted")),
    "a change that offends nothing": ("as_written", "items", lambda f, at: f.assign(title="another")),
}  # fmt: skip


@pytest.mark.parametrize("what", PLANTED)
def test_what_is_planted_is_caught_and_named(copy: Path, what: str) -> None:
    gate, table, change = PLANTED[what]
    rewritten(copy / f"{table}.parquet", lambda frame: change(frame, copy))
    said = refused(augmented(copy, "--check"), GateFailed)
    assert f"{gate}: " in said
    assert f"{table}.parquet" in said.partition(f"{gate}: ")[2]
    if "planted" in str(change.__code__.co_consts):
        assert "planted" in said


def test_a_description_of_what_is_held_out_is_caught(twins: tuple[Path, Path], tmp_path: Path) -> None:
    augmented(twins[0], "--out", tmp_path / "made", "--strategy", "content")
    users, held_out = (rows(tmp_path / "made", name) for name in ("descriptions", "held_out"))
    user = users.query("of == 'user'")["name"].iloc[0]
    item = held_out[(held_out["user"] == user) & ~held_out["taken_before"]]["item"].iloc[0]
    title = rows(tmp_path / "made", "items").set_index("item")["title"][item]
    rewritten(tmp_path / "made" / "descriptions.parquet", lambda f: f.assign(text=f"You like ({title})."))
    assert "leakage: " in refused(augmented(tmp_path / "made", "--check"), GateFailed)


def test_a_failed_check_exits_with_six(copy: Path) -> None:
    assert "leakage" in tasteloop("augment", copy, "--check").stdout
    rewritten(copy / "interactions.parquet", lambda frame: _last_made(frame, item="planted"))
    done = tasteloop("augment", copy, "--check", check=6)
    assert "ids_in_catalog: 1 of " in done.stderr
    assert "item=planted" in done.stderr
    assert not done.stdout


def _plant_in_run(run: Path, table: str, change: Change) -> None:
    rewritten(min((run / "log").glob(f"{table}-*.parquet")), change)


@pytest.mark.parametrize(
    ("gate", "change"),
    [
        ("ids_in_catalog", lambda frame: frame.assign(item_id=10**6)),
        ("nothing_from_the_future", lambda frame: frame.assign(now=frame["now"] + 4 * 1440)),
        ("rating_domain", lambda frame: frame.assign(rating=17.0)),
    ],
)
def test_a_spoiled_run_gives_no_dataset(twins: tuple[Path, Path], tmp_path: Path, gate: str, change: Change) -> None:
    run = Path(shutil.copytree(twins[0], tmp_path / "run"))
    _plant_in_run(run, "impressions", change)
    assert gate in refused(augmented(run, "--out", tmp_path / "made"), GateFailed)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run"]


def test_a_run_that_was_shown_the_evaluation_split_gives_no_dataset(
    dataset: Path, twins: tuple[Path, Path], tmp_path: Path
) -> None:
    run = Path(shutil.copytree(twins[0], tmp_path / "run"))
    source, parts = load(read(run / "scenario.resolved.yaml", []))
    background = len(log(run, "users"))
    leak = {"user_id": background + parts.held_out.user_id[0], "item_id": parts.held_out.item_id[0]}
    _plant_in_run(run, "history", lambda f: pd.concat([f, f.iloc[[0]].assign(**leak, time=parts.held_out.time[0])]))
    said = refused(augmented(run, "--out", tmp_path / "made"), GateFailed)
    assert "leakage" in said
    assert f"user {source.users[parts.held_out.user_id[0]]}" in said
    assert not (tmp_path / "made").exists()

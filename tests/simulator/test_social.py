"""Word of mouth: who is told, when it counts, and that it can be switched off."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from simulator.scenario import Component, SocialSection
from simulator.scenario_file import read
from simulator.seeds import Streams
from simulator.social import Social
from simulator.study import cast_key
from tests.agents.worlds import setting
from tests.simulator.execution.test_local import played, tables

WORLD = setting()
SOCIAL = """
name: social
seed: 2
days: 3
data: {kind: "synthetic:tiny", min_interactions: 5}
users: {count: 60}
behavior: {kind: affinity}
recommender: {kind: random, slate_size: 10}
social: {graph: {kind: homophily}, tell: 0.9, influence: 0}
"""


def social(tell: float = 1.0) -> Social:
    return Social(SocialSection(graph=Component(kind="watts_strogatz", neighbors=4), tell=tell), WORLD, Streams(1))


def test_what_is_told_reaches_a_friend_once_it_is_visible() -> None:
    world = social()
    users, items = np.arange(12), np.full(12, 7)
    rows = world.spread(users, items, np.full(12, 5.0), np.full(12, 30.0))
    assert rows["user_id"].tolist() == users.tolist()
    for user, friend in zip(rows["user_id"], rows["friend_id"], strict=True):
        assert friend in world.friends[world.first[user] : world.first[user + 1]]
    everyone, slate = np.arange(12), np.tile([3, 7, -1], (12, 1))
    assert not world.told(everyone, slate, np.full(12, 30.0)).any()
    told = world.told(everyone, slate, np.full(12, 30.5))
    assert told[:, 1].tolist() == np.bincount(rows["friend_id"], minlength=12).tolist()
    assert not told[:, [0, 2]].any()
    again = social()
    again.load_state(world.state())
    np.testing.assert_array_equal(again.told(everyone, slate, np.full(12, 31.0)), told)


def test_the_better_liked_the_more_is_told() -> None:
    users, items = np.repeat(np.arange(12), 200), np.tile(np.arange(200) % 80, 12)
    now = np.tile(np.arange(200.0), 12)
    told = [len(social(0.5).spread(users, items, np.full(2400, r), now)["now"]) / 2400 for r in (1.0, 3.0, 5.0, np.nan)]
    assert told[0] == 0
    assert told[1:] == pytest.approx([0.25, 0.5, 0.25], abs=0.03)


def watched_when_told(folder: Path, influence: float) -> tuple[float, dict[str, pd.DataFrame]]:
    """The share of told and read items that were watched."""
    played(folder, SOCIAL, f"social.influence={influence}")
    found = tables(folder)
    read = found["impressions"][found["impressions"]["action"] != "unseen"]
    tips = found["tips"].rename(columns={"user_id": "teller", "friend_id": "user_id", "now": "told"})
    met = read.merge(tips, on=["user_id", "item_id"])
    met = met[met["told"] < met["now"] - 45].drop_duplicates("event_id")
    return float((met["action"] == "watch").mean()), found


def test_influence_moves_what_users_take_and_can_be_switched_off(tmp_path: Path) -> None:
    without, found = watched_when_told(tmp_path / "without", 0.0)
    swayed, _ = watched_when_told(tmp_path / "with", 12.0)
    assert swayed > without + 0.15
    ties = set(map(tuple, found["ties"].to_numpy().tolist()))
    pairs = found["tips"][["user_id", "friend_id"]].to_numpy()
    assert len(pairs) > 20
    assert all((min(pair), max(pair)) in ties for pair in pairs.tolist())
    alone = played(tmp_path / "alone", SOCIAL.replace("social:", "# social:"))
    assert alone["tables"]["impressions"]["digest"] == digests(tmp_path / "without")["impressions"]


def digests(folder: Path) -> dict[str, str]:
    manifest = json.loads((folder / "manifest.json").read_text())
    return {name: table["digest"] for name, table in manifest["tables"].items()}


def test_columns_clocks_and_a_stop_agree_on_what_was_told(tmp_path: Path) -> None:
    text = SOCIAL.replace("influence: 0", "influence: 8")
    columns = played(tmp_path / "columns", text)
    clocks = played(tmp_path / "clocks", text, "engine.columns=false")
    assert columns["log_digest"] == clocks["log_digest"]
    assert columns["tables"]["tips"]["rows"] > 20


def test_arms_that_differ_in_ties_share_no_users(tmp_path: Path) -> None:
    (tmp_path / "social.yaml").write_text(SOCIAL)
    base = read(tmp_path / "social.yaml")
    louder = base.model_copy(update={"social": base.social.model_copy(update={"influence": 5.0})})
    assert cast_key(base) == cast_key(base.model_copy(update={"days": 9}))
    assert len({cast_key(one) for one in (base, louder, base.model_copy(update={"social": None}))}) == 3

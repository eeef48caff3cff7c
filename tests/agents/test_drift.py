"""Tastes that move: towards what is watched and liked, within bounds, and back again."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from agents.behaviors.affinity import Affinity
from agents.behaviors.calibrated import Calibrated
from agents.behaviors.llm import Llm
from agents.behaviors.uniform import Uniform
from agents.drift import Drift, lately
from agents.errors import Interrupted
from agents.match import Match
from agents.pages import observations, take
from agents.pairs import Pairs
from agents.traits import genre_matrix
from analysis.cli import run
from analysis.finish import measure_run
from simulator import checkpoint
from tests.agents.worlds import pages, setting
from tests.command_line import called
from tests.simulator.execution.test_local import played, tables

WORLD = replace(setting(), drift=0.3, drift_half_life=1440.0)
GENRES, MEMBER = genre_matrix(WORLD.items)
DRAMAS = np.flatnonzero((MEMBER[:, GENRES.index("Drama")] > 0) & (MEMBER.sum(axis=1) == 1))
USERS = np.arange(12)
DRIFTING = """
name: drifting
seed: 5
days: 2
data: {kind: "synthetic:tiny", min_interactions: 5}
users: {count: 40, drift: 0.2, drift_half_life: 5d, search: 0.3, max_pages: 3}
behavior:
  kind: mixed
  members:
    - {kind: affinity, share: 0.7}
    - {kind: cascade, share: 0.3}
recommender: {kind: popularity, slate_size: 6, retrain: 8h}
"""
TALKER = "{kind: llm, share: 0.3, model: scripted, decide: structured, fallback: {kind: uniform}}"
TALKING = DRIFTING.replace("members:", f"members:\n    - {TALKER}").replace(
    "recommender:", "llm: {scripted: {kind: scripted}}\nbudget: {fallback_share: 1.0}\nrecommender:"
)


def watch(drift: Drift, times: int, level: float = 1.0, now: float = 0.0) -> np.ndarray:
    """Let everybody watch so many dramas, one page each."""
    for turn in range(times):
        shown = np.tile(DRAMAS[turn % len(DRAMAS)], (12, 1))
        drift.live(USERS, np.full(12, now), shown, np.ones((12, 1), dtype=bool), np.full((12, 1), level))
    return drift.at(USERS, np.full(12, now))


def test_tastes_go_to_what_is_watched_as_far_as_it_is_liked_and_come_back() -> None:
    liked, bored, disliked = (watch(Drift(WORLD), 5, level) for level in (1.0, 0.5, 0.0))
    drama = GENRES.index("Drama")
    assert (liked[:, drama] > bored[:, drama]).all()
    assert (bored[:, drama] > 0.3).all()
    assert not disliked.any()
    drift = Drift(WORLD)
    first = watch(drift, 5)
    np.testing.assert_allclose(drift.at(USERS, np.full(12, 1440.0)), first / 2, rtol=1e-6)
    np.testing.assert_allclose(drift.distance(USERS, np.zeros(12)), np.linalg.norm(first, axis=1), rtol=1e-5)
    lasting = Drift(replace(WORLD, drift_half_life=np.inf))
    np.testing.assert_array_equal(watch(lasting, 5), lasting.at(USERS, np.full(12, 1e9)))


def test_tastes_stay_between_what_they_were_and_what_is_shown() -> None:
    drift = Drift(WORLD)
    own = WORLD.personas.traits.tastes_for(GENRES)
    moved = watch(drift, 400)
    np.testing.assert_allclose((own + moved)[1:], np.broadcast_to((own + moved)[:1], own[1:].shape), atol=1e-4)
    assert np.abs(own + moved).max() < 3


def test_items_of_a_page_count_in_their_order_and_users_alone() -> None:
    item = np.stack([DRAMAS[:4], DRAMAS[:4]])
    watched = np.array([[True, False, True, False], [True, True, True, True]])
    level = np.array([[0.2, 9.0, 0.9, 9.0], [1.0, 0.5, 0.0, 0.7]])
    whole, parts = Drift(WORLD), Drift(WORLD)
    whole.live(np.array([3, 7]), np.zeros(2), item, watched, level)
    for row, user in enumerate((3, 7)):
        for place in np.flatnonzero(watched[row]):
            one = (item[row, place], np.True_, level[row, place])
            parts.live(np.array([user]), np.zeros(1), *(np.array([[value]]) for value in one))
    np.testing.assert_array_equal(whole.at(USERS, np.zeros(12)), parts.at(USERS, np.zeros(12)))
    again = Drift(WORLD)
    again.load_state(whole.state())
    np.testing.assert_array_equal(whole.at(USERS, np.full(12, 99.0)), again.at(USERS, np.full(12, 99.0)))


@pytest.mark.parametrize("kind", [Affinity, Calibrated])
def test_moved_tastes_move_choices_row_by_row(kind: type[Affinity | Calibrated]) -> None:
    behavior = kind() if kind is Affinity else Calibrated(fit_users=30)
    behavior.prepare(WORLD)
    plain = pages(WORLD, 60)
    moved = np.zeros((60, len(GENRES)), dtype=np.float32)
    moved[:, GENRES.index("Drama")] = 1.0
    drawn = replace(plain, drift=moved)
    every = [Pairs.of(one, np.ones(one.item_id.shape, dtype=bool)) for one in (plain, drawn)]
    utility = Match.of(WORLD) if kind is Affinity else behavior._pull  # type: ignore[union-attr]
    gain = utility(every[1]) - utility(every[0])
    drama = MEMBER[plain.item_id.ravel(), GENRES.index("Drama")] > 0
    assert gain[drama].mean() > gain[~drama].mean() + 0.1
    whole, still = behavior.respond(drawn), behavior.respond(replace(plain, drift=np.zeros_like(moved)))
    for start in range(0, 60, 7):
        rows = np.arange(start, min(start + 7, 60))
        np.testing.assert_array_equal(behavior.respond(take(drawn, rows)).action, whole.action[rows])
    np.testing.assert_array_equal(still.action, behavior.respond(plain).action)
    assert (whole.action != still.action).any()


def test_talkers_are_told_how_their_tastes_moved() -> None:
    behavior = Llm(model="m", decide="structured", fallback=Uniform())
    behavior.settle(frozenset(("structured",)))
    behavior.prepare(WORLD)
    page = take(pages(WORLD, 3), np.array([1]))
    moved = np.zeros((1, len(GENRES)), dtype=np.float32)
    texts = []
    for shift in (None, moved, moved + np.where(np.array(GENRES) == "Drama", np.float32(0.5), np.float32(0))):
        shown = replace(page, drift=shift)
        seen = observations(shown, np.zeros(1, dtype=np.int64), WORLD.items)
        (conversation,) = behavior.converse(shown, seen, [""])
        texts.append(next(conversation).messages[0].text)
    assert texts[0] == texts[1]
    assert texts[2] == texts[0] + " Lately you are more drawn to Drama."
    assert lately(("<|x|>",), np.array([1.0], dtype=np.float32)) == " Lately you are more drawn to ‹¦x¦›."


@pytest.mark.parametrize("text", [DRIFTING, TALKING], ids=["rules", "talking"])
def test_columns_and_clocks_drift_alike(tmp_path: Path, text: str) -> None:
    columns = played(tmp_path / "columns", text)
    clocks = played(tmp_path / "clocks", text, "engine.columns=false")
    assert columns["log_digest"] == clocks["log_digest"]
    assert columns["tables"]["drift"]["rows"] == columns["counts"]["sessions"] > 30


def test_no_drift_is_exactly_none(tmp_path: Path) -> None:
    some, none, other = (
        played(tmp_path / name, DRIFTING, "days=1", *sets)
        for name, sets in (
            ("some", ()),
            ("none", ("users.drift=0",)),
            ("other", ("users.drift=0", "users.drift_half_life=null")),
        )
    )
    assert "drift" not in none["tables"]
    assert none["log_digest"] == other["log_digest"]
    assert none["tables"]["impressions"]["digest"] != some["tables"]["impressions"]["digest"]


def test_drift_goes_on_from_a_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = played(tmp_path / "whole", DRIFTING, "days=1")
    monkeypatch.setattr(checkpoint, "LEAST_S", 0.0)
    monkeypatch.setattr(checkpoint, "REST", 0.0)
    with pytest.raises(Interrupted):
        played(tmp_path / "run", DRIFTING, "days=1", stop_after=50)
    monkeypatch.setattr(checkpoint, "LEAST_S", 1e6)
    assert played(tmp_path / "run", DRIFTING, "days=1")["log_digest"] == whole["log_digest"]


def test_drift_is_measured_through_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "s.yaml").write_text(DRIFTING)
    monkeypatch.setattr("analysis.execute.finish", lambda folder, *_, **__: measure_run(folder))
    called(run.command, str(tmp_path / "s.yaml"), "--out", str(tmp_path / "run"), "--json")
    figures = pd.read_parquet(tmp_path / "run" / "metrics.parquet").query(
        "metric == 'interest_drift' and group == 'all'"
    )
    by_day = figures.set_index("day")["value"]
    moved = tables(tmp_path / "run")["drift"].drop_duplicates("user_id", keep="last")["distance"]
    assert by_day[-1] == pytest.approx(moved.mean())
    assert 0 < by_day[0] < by_day[1]
    assert json.loads((tmp_path / "run" / "manifest.json").read_text())["status"] == "finished"

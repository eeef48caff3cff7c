"""Users who search: what is found, who searches, and what the log says of it."""

from pathlib import Path

import numpy as np
import pytest

from agents.needs import Needs
from agents.schema import Item
from simulator.catalog import Catalog
from simulator.recommenders.base import Requests
from simulator.search import SearchIndex
from tests.agents.worlds import setting
from tests.simulator.execution.test_local import played, tables

ITEMS = (
    Item(0, "Alien Harbor", ("Horror",)),
    Item(1, "The Comedy of Horrors", ("Comedy",)),
    Item(2, "Quiet Streets", ("Drama",)),
    Item(3, "Night Shift", ("Horror",)),
    Item(4, "", ()),
)
INDEX = SearchIndex(Catalog(ITEMS, tuple("abcde")), np.array([1.0, 2.0, 9.0, 5.0, 3.0]))
SEARCHING = """
name: search
seed: 4
days: 2
data: {kind: "synthetic:tiny", min_interactions: 5}
users: {count: 60, search: 0.5, rate: 0.4}
behavior: {kind: affinity}
recommender: {kind: popularity, slate_size: 8}
"""


def requests(*exclude: list[int]) -> Requests:
    n = len(exclude)
    starts = np.concatenate([[0], np.cumsum([len(barred) for barred in exclude])]).astype(np.int64)
    barred = np.array([item for items in exclude for item in items], dtype=np.int64)
    return Requests(
        np.arange(n), np.zeros(n), barred, np.zeros(len(barred)), starts, barred, starts, np.zeros(n, dtype=np.uint64)
    )


def test_what_matches_comes_first_and_equals_by_popularity() -> None:
    items, scores = INDEX.results("horror", requests([], [3, 0]), 5)
    assert items.tolist() == [[3, 0, 2, 4, 1], [2, 4, 1, -1, -1]]
    assert scores[0, 0] > 0 == scores[0, 2]
    assert np.isnan(scores[1, 3:]).all()


@pytest.mark.parametrize("query", ["", "!!!", "quux"])
def test_a_query_that_finds_nothing_shows_what_is_popular(query: str) -> None:
    items, _ = INDEX.results(query, requests([]), 3)
    assert items.tolist() == [[2, 3, 4]]


def test_requests_can_be_taken_apart() -> None:
    whole = requests([1, 2], [], [3], [4, 0])
    part = whole.take(np.array([3, 0]))
    assert part.exclude.tolist() == part.history.tolist() == [4, 0, 1, 2]
    assert part.starts.tolist() == [0, 2, 4]
    assert part.user_id.tolist() == [3, 0]


def test_moods_follow_tastes_and_change_between_visits() -> None:
    world = setting()
    needs = Needs.of(world)
    rows = np.arange(12)
    moods = np.stack([needs.mood(rows, np.full(12, visit)) for visit in range(400)])
    for user in rows:
        counts = np.bincount(moods[:, user], minlength=len(needs.genres))
        expected = np.exp(needs.tastes[user]) / np.exp(needs.tastes[user]).sum()
        np.testing.assert_allclose(counts / 400, expected, atol=0.11)
    np.testing.assert_array_equal(needs.mood(rows[3:5], np.array([7, 7])), moods[7, 3:5])


def test_searches_are_logged_and_their_slates_say_so(tmp_path: Path) -> None:
    columns = played(tmp_path / "columns", SEARCHING)
    clocks = played(tmp_path / "clocks", SEARCHING, "engine.columns=false")
    assert columns["log_digest"] == clocks["log_digest"]
    log = tables(tmp_path / "columns")
    shown = log["impressions"]
    first = shown[shown["page"] == 1].drop_duplicates("session_id")
    assert 0.35 < (first["candidate_source"] == "search").mean() < 0.65
    assert set(shown[shown["page"] > 1]["candidate_source"]) == {"recommender"}
    asked = log["searches"].merge(first, on="session_id")
    assert len(asked) == len(log["searches"]) == (first["candidate_source"] == "search").sum()
    genres = log["items"].set_index("item_id")["genres"]
    assert all(query in genres[item].split("|") for query, item in zip(asked["query"], asked["item_id"], strict=True))


def test_only_some_of_what_is_watched_is_rated(tmp_path: Path) -> None:
    played(tmp_path / "run", SEARCHING)
    shown = tables(tmp_path / "run")["impressions"]
    watched = shown[shown["action"] == "watch"]
    assert 0.25 < watched["rating"].notna().mean() < 0.55
    assert shown[shown["action"] != "watch"]["rating"].isna().all()

"""Items come on offer while time passes; rounds, and users who count what they clicked, in columns and on clocks."""

from itertools import pairwise

import numpy as np
import pytest

from simulator.arrivals import Arrivals
from simulator.catalog import Catalog
from simulator.recommenders.base import Requests
from tests.simulator.execution.test_local import played, tables

ARRIVING = """
name: arriving
seed: 3
days: 6
data: {kind: blank, items: 40, users: 12, genres: 4, arriving: 5, min_interactions: 0}
users: {count: 12, rhythm: rounds, max_pages: 1, actions: [watch, skip, return]}
behavior: {kind: reinforced, step: 0.5}
choice: {examination: 1, pi: 0, eta: 1}
recommender: {kind: popularity, slate_size: 6, retrain: 1d, exclude_seen: false}
platform: {window: 12h, visibility_lag: 1}
"""


def test_what_is_not_on_offer_yet_is_barred_beside_what_was_before():
    arrivals = Arrivals.of(Catalog((), (), np.array([5.0, 0.0, 9.0])))
    assert arrivals is not None
    now, nothing = np.array([0.0, 5.0, 20.0]), np.zeros(4, dtype=np.int64)
    before = {"exclude": np.array([7, 1, 1]), "exclude_starts": np.array([0, 1, 1, 3])}
    requests = Requests(np.arange(3), now, nothing[:0], now[:0], nothing, seed=np.zeros(3, dtype=np.uint64), **before)
    requests = requests.excluding(*arrivals.absent(now))
    items, starts = requests.exclude, requests.exclude_starts
    assert [items[a:b].tolist() for a, b in pairwise(starts)] == [[7, 0, 2], [2], [1, 1]]
    assert Arrivals.of(Catalog((), ())) is None


def test_nothing_is_shown_before_it_is_on_offer(tmp_path):
    played(tmp_path, ARRIVING, "recommender.kind=random")
    shown = tables(tmp_path)["impressions"]
    assert (shown["item_id"] // 5 <= shown["day"]).all()
    assert shown["item_age"].to_numpy() == pytest.approx((shown["now"] / 1440 - shown["item_id"] // 5).to_numpy())
    assert shown.groupby("day", observed=True)["item_id"].max().tolist() == [4, 9, 14, 19, 24, 29]


def test_items_are_as_old_as_their_time_on_offer_whatever_else_happens(tmp_path):
    played(
        tmp_path,
        f"{ARRIVING}interventions: [{{kind: add_items, at: 1d, items: [i0, i12]}}]\n",
        "recommender.kind=random",
    )
    shown = tables(tmp_path)["impressions"]
    since = np.where(shown["item_id"] == 0, 1, shown["item_id"] // 5)  # item 12 is let in before it arrives
    assert shown["item_age"].to_numpy() == pytest.approx((shown["now"] / 1440 - since).to_numpy())
    assert {0, 12} <= set(shown["item_id"])


def test_everybody_visits_once_a_round(tmp_path):
    played(tmp_path, ARRIVING)
    pages = tables(tmp_path)["impressions"].drop_duplicates(["user_id", "now"])
    assert (pages.groupby(["user_id", "day"]).size() == 1).all()
    assert len(pages) == 12 * 6
    assert ((pages["now"] % 1440) >= 720).all()


@pytest.mark.parametrize("lag", [0, 1])
def test_columns_and_clocks_agree(tmp_path, lag):
    lagged = f"platform.visibility_lag={lag}"
    one, two = (
        played(tmp_path / columns, ARRIVING, lagged, f"engine.columns={columns}")["log_digest"]
        for columns in ("true", "false")
    )
    assert one == two


def test_a_platform_that_learns_at_midnight_shows_it_the_next_round_whatever_the_lag(tmp_path):
    digests = {
        played(tmp_path / str(lag), ARRIVING, f"platform.visibility_lag={lag}", "platform.popularity=frozen")[
            "log_digest"
        ]
        for lag in (0, 1)
    }
    assert len(digests) == 1

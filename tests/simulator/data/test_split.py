"""The split: disjoint, exhaustive, stable, and the same for a user whoever else is there."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.catalog import Catalog, Interactions
from simulator.data.base import Dataset
from simulator.data.split import Split, split
from simulator.data.synthetic import Synthetic
from simulator.seeds import Streams

Rows = list[tuple[int, int, int]]


def dataset(rows: Rows, n_users: int = 6) -> Dataset:
    """Make a data set whose ratings number the rows in order of time."""
    rows = sorted(rows, key=lambda row: row[2])
    user, item, time = (np.array([row[k] for row in rows], dtype=np.int64) for k in range(3))
    log = Interactions(user, item, np.arange(len(rows)) * 1.0, time * 1.0, np.zeros(len(rows), dtype=np.bool_))
    return Dataset("x", Catalog((), ()), log, tuple(map(str, range(n_users))), (1, 5, 1), 0.0)


def parts(divided: Split) -> list[list[float]]:
    return [part.rating.tolist() for part in (divided.held_out, divided.users, divided.platform)]


rows = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9), st.integers(0, 20)), max_size=60)
shares = st.floats(0, 1)


@given(rows, shares, shares, st.integers(0, 2**62))
@settings(deadline=None)
def test_disjoint_exhaustive_stable_and_last(rows: Rows, held_out: float, users: float, seed: int) -> None:
    data = dataset(rows)
    divided = split(data, held_out, users, Streams(seed))
    assert sorted(itertools.chain(*parts(divided))) == data.interactions.rating.tolist()
    assert all(part == sorted(part) for part in parts(divided))
    assert parts(divided) == parts(split(data, held_out, users, Streams(seed)))
    for user in range(6):
        n = int((data.interactions.user_id == user).sum())
        out = divided.held_out.rating[divided.held_out.user_id == user]
        rest = np.concatenate([p.rating[p.user_id == user] for p in (divided.users, divided.platform)])
        assert len(out) == int(np.floor(held_out * n + 1e-9))
        assert not len(out) or not len(rest) or out.min() > rest.max()


@given(rows, shares)
@settings(deadline=None)
def test_a_user_is_divided_alike_whoever_else_is_there(rows: Rows, users: float) -> None:
    def of_user_0(rows: Rows) -> list[list[tuple[int, float]]]:
        divided = split(dataset(rows), 0.2, users, Streams(1))
        mine = [part.take(part.user_id == 0) for part in (divided.held_out, divided.users, divided.platform)]
        return [list(zip(part.item_id.tolist(), part.time.tolist(), strict=True)) for part in mine]

    assert of_user_0(rows) == of_user_0([row for row in rows if row[0] == 0])


def test_shares_come_out_and_seeds_differ() -> None:
    data = Synthetic(variant="small").load()
    n = len(data.interactions)
    divided = split(data, 0.2, 0.25, Streams(0))
    assert len(divided.held_out) / n == pytest.approx(0.19, abs=0.02)
    assert len(divided.users) / (len(divided.users) + len(divided.platform)) == pytest.approx(0.25, abs=0.02)
    other = split(data, 0.2, 0.25, Streams(1))
    assert other.held_out.item_id.tolist() == divided.held_out.item_id.tolist()
    assert other.users.item_id.tolist() != divided.users.item_id.tolist()


def test_a_repeated_pair_stays_on_one_side() -> None:
    divided = split(dataset([(0, 3, t) for t in range(20)]), 0.1, 0.5, Streams(0))
    assert sorted(map(len, (divided.users, divided.platform))) == [0, 18]

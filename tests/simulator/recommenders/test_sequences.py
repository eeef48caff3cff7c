from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from simulator.catalog import Interactions
from simulator.recommenders.planted import requests_of
from simulator.recommenders.sequences import newest, windows


def log_of(histories):
    user = np.array([7 * u for u, h in enumerate(histories) for _ in h], dtype=np.int64)
    item = np.array([i for h in histories for i in h], dtype=np.int64)
    n = len(item)
    return Interactions(user, item, np.full(n, np.nan), np.arange(float(n)), np.zeros(n, dtype=bool))


@given(st.lists(st.lists(st.integers(0, 9), max_size=17), max_size=5), st.integers(1, 6), st.integers(0, 99))
def test_every_transition_is_in_exactly_one_row(histories, length, seed):
    inputs, targets = windows(log_of(histories), length, np.random.default_rng(seed))
    real = inputs > 0
    assert np.array_equal(real, targets > 0)
    found = sorted(zip((inputs[real] - 1).tolist(), (targets[real] - 1).tolist(), strict=True))
    assert found == sorted(pair for h in histories for pair in pairwise(h))
    assert len(inputs) == sum(-(-max(len(h) - 1, 0) // length) for h in histories)


def test_inside_a_row_each_input_is_the_target_before_it():
    inputs, targets = windows(log_of([range(9)]), 4, np.random.default_rng(0))
    following = (inputs[:, 1:] > 0) & (inputs[:, :-1] > 0)
    assert np.array_equal(inputs[:, 1:][following], targets[:, :-1][following])


def test_newest_reads_known_items_only_and_pads_on_the_left():
    known = np.array([True, True, False, True])
    histories = [np.array([0, 1, 2, 3]), np.array([2, 9, -1]), np.array([], dtype=np.int64)]
    told = newest(requests_of(histories, [h[:0] for h in histories]), known, 2)
    assert told.tolist() == [[2, 4], [0, 0], [0, 0]]

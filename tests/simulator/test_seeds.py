import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.seeds import FEW, Streams


@given(st.integers(0, 2**31), st.lists(st.integers(0, 2**40), min_size=1, max_size=20))
def test_a_number_depends_on_its_own_keys_alone(seed: int, users: list[int]) -> None:
    streams = Streams(seed)
    together = streams.uniform("watch", users, 3)
    alone = [float(streams.uniform("watch", user, 3)) for user in users]
    assert together.tolist() == alone


MASK = 2**64 - 1
GOLDEN = 0x9E3779B97F4A7C15


def scrambled(word: int) -> int:
    """The finalizer of splitmix64 in plain integers."""
    word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    word = (word ^ (word >> 27)) * 0x94D049BB133111EB & MASK
    return word ^ (word >> 31)


def plain(seed: int, purpose: str, *keys: int) -> int:
    digest = hashlib.blake2b(f"{seed}/{purpose}".encode(), digest_size=8).digest()
    state = scrambled(int.from_bytes(digest, "little"))
    for key in keys:
        state = scrambled((state + GOLDEN & MASK) ^ scrambled(key + GOLDEN & MASK))
    return state


def test_words_are_those_of_the_plain_definition() -> None:
    wide = st.integers(-(2**63), 2**63 - 1)

    @given(st.integers(0, 2**40), wide, wide)
    def agree(seed: int, one: int, other: int) -> None:
        assert int(Streams(seed).words("p", one, other)) == plain(seed, "p", one, other)

    agree()
    assert int(Streams(3).words("p", np.uint64(MASK))) == plain(3, "p", -1)
    assert int(Streams(3).words("p")) == plain(3, "p")


@pytest.mark.parametrize("rows", [1, 2, 7, FEW, FEW + 1])
def test_words_do_not_depend_on_how_many_there_are_or_how_keys_are_shaped(rows: int) -> None:
    user, decision, lane = np.arange(rows) * 977, np.arange(rows)[::-1], np.arange(3)
    flat = Streams(9).words("p", user, decision)
    assert [int(word) for word in flat[:5]] == [plain(9, "p", 977 * row, rows - 1 - row) for row in range(min(rows, 5))]
    grid = Streams(9).words("p", user[:, None], lane, decision[:, None])
    assert grid.shape == (rows, 3)
    assert int(grid[-1, 2]) == plain(9, "p", 977 * (rows - 1), 2, 0)
    every = Streams(9).words("p", np.repeat(user, 3), np.tile(lane, rows), np.repeat(decision, 3))
    np.testing.assert_array_equal(every, grid.ravel())
    np.testing.assert_array_equal(user, np.arange(rows) * 977)


def test_purposes_seeds_and_keys_give_unrelated_numbers() -> None:
    keys = np.arange(20_000)
    columns = [
        Streams(1).uniform("a", keys),
        Streams(1).uniform("b", keys),
        Streams(2).uniform("a", keys),
        Streams(1).uniform("a", keys, 1),
        Streams(1).uniform("a", 1, keys),
    ]
    correlation = np.corrcoef(columns) - np.eye(len(columns))
    assert np.abs(correlation).max() < 0.03


def test_numbers_are_uniform_and_normal() -> None:
    from scipy.stats import kstest

    keys = np.arange(50_000)
    assert kstest(Streams(3).uniform("u", keys // 250, keys % 250), "uniform").pvalue > 1e-3
    assert kstest(Streams(3).normal("n", keys), "norm").pvalue > 1e-3


def test_normals_are_finite_and_generators_repeat() -> None:
    assert np.isfinite(Streams(0).normal("n", np.arange(10_000))).all()
    assert Streams(5).generator("fit", 1).random() == Streams(5).generator("fit", 1).random()
    assert Streams(5).generator("fit", 1).random() != Streams(5).generator("fit", 2).random()

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from simulator.seeds import Streams


@given(st.integers(0, 2**31), st.lists(st.integers(0, 2**40), min_size=1, max_size=20))
def test_a_number_depends_on_its_own_keys_alone(seed: int, users: list[int]) -> None:
    streams = Streams(seed)
    together = streams.uniform("watch", users, 3)
    alone = [float(streams.uniform("watch", user, 3)) for user in users]
    assert together.tolist() == alone


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

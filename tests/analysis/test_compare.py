import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from typer.testing import CliRunner

from agents.errors import InvalidInput
from analysis.cli.compare import command
from analysis.compare import compare, contrast, holm
from analysis.finish import measured
from analysis.load import load_study
from tests.command_line import app

few = arrays(float, st.integers(3, 9), elements=st.floats(-100, 100, width=16), unique=True)


@given(few)
def test_few_seeds_agree_with_scipy(values: np.ndarray) -> None:
    base = np.linspace(0, 1, len(values)) ** 2
    found = contrast(values, base)
    expected = stats.ttest_rel(values, base)
    low, high = expected.confidence_interval(0.95)
    assert (found.p, found.low, found.high) == pytest.approx((expected.pvalue, low, high))
    assert found.d == pytest.approx(expected.statistic / np.sqrt(len(values)))


@given(few)
def test_swapping_the_sides_flips_the_signs(values: np.ndarray) -> None:
    base = np.linspace(0, 1, len(values)) ** 2
    one, other = contrast(values, base), contrast(base, values)
    assert (one.difference, one.low, one.high) == pytest.approx((-other.difference, -other.high, -other.low))
    assert one.p == pytest.approx(other.p)


@pytest.mark.parametrize("n", [1, 2])
def test_under_three_seeds_there_is_a_difference_but_no_interval(n: int) -> None:
    found = contrast(np.full(n, 2.0), np.arange(n, dtype=float))
    assert found.method == f"n = {n}, no interval"
    assert np.isnan([found.low, found.high, found.p, found.d]).all()
    assert found.difference == 2.0 - np.arange(n).mean()


def test_ten_equal_signs_give_the_exact_sign_flip_p() -> None:
    found = contrast(np.arange(1.0, 11.0), np.zeros(10))
    assert (found.test, found.p) == ("sign flips", pytest.approx(2 / 2**10))
    assert found.method == "t 95 %"


def test_thirty_seeds_are_bootstrapped_and_always_alike() -> None:
    values = np.random.default_rng(0).normal(1, 1, 30)
    one, again = contrast(values, np.zeros(30)), contrast(values, np.zeros(30))
    assert one == again
    assert one.method == "bootstrap 95 %"
    half = 1.96 * values.std(ddof=1) / np.sqrt(30)
    assert (one.low, one.high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.1)


def test_seeds_without_a_value_are_left_out_in_pairs() -> None:
    found = contrast(np.array([1.0, np.nan, 3.0, 5.0]), np.array([0.0, 9.0, 1.0, np.nan]))
    assert (found.n, found.difference, found.baseline_mean) == (2, 1.5, 0.5)


def test_equal_differences_are_not_called_certain() -> None:
    assert contrast(np.full(4, 2.0), np.ones(4)).p == 2 / 2**4
    assert contrast(np.ones(4), np.ones(4)).p == 1.0


@given(arrays(float, st.integers(1, 12), elements=st.floats(0, 1)))
def test_holm_only_raises_p_and_keeps_the_order(p: np.ndarray) -> None:
    adjusted = holm(p)
    assert (adjusted >= p).all()
    assert (adjusted <= 1).all()
    assert (np.diff(adjusted[np.argsort(p, kind="stable")]) >= 0).all()
    assert adjusted.min() == pytest.approx(min(1, p.min() * len(p)))


def test_arms_are_told_apart_and_paired_by_seed(four_seeds: Path) -> None:
    study = measured(load_study(four_seeds))
    table = compare(study, ["gini_index"], groups=["all"]).set_index(["on", "arm"])
    gini = table.loc[("shown", "popularity")]
    assert gini["n"] == 4
    assert 0 < gini["low"] <= gini["difference"] <= gini["high"]
    assert gini["p"] <= gini["p_holm"] < 0.05
    mean = study.metrics.query("metric == 'gini_index' and day == -1 and arm == 'random' and on == 'shown'")["value"]
    assert gini["baseline_mean"] == pytest.approx(mean.mean())


def test_one_arm_or_an_unknown_metric_is_refused(one_seed: Path) -> None:
    with pytest.raises(InvalidInput, match="holds one arm"):
        compare(load_study(one_seed / "cells" / "random-s7"))
    with pytest.raises(InvalidInput, match=r"--metric gini: not measured here; there are: .*gini_index"):
        compare(load_study(one_seed), ["gini"])


def test_command_prints_a_table_or_json(one_seed: Path) -> None:
    runner = CliRunner()
    cells = [str(one_seed / "cells" / name) for name in ("random-s7", "popularity-s7")]
    shown = runner.invoke(app(command), [*cells, "--metric", "gini_index"])
    assert shown.exit_code == 0
    assert "n = 1, no interval" in shown.stdout
    row = json.loads(runner.invoke(app(command), [str(one_seed), "--json"]).stdout)["rows"][0]
    assert (row["baseline"], row["method"], row["low"]) == ("random", "n = 1, no interval", None)

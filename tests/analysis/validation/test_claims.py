"""A claim holds where the figures say so, and only there."""

import numpy as np
import pytest

from analysis.validation.base import about, above, falling, unclaimed

SEEDS = np.array([0.10, 0.12, 0.14])


@pytest.mark.parametrize(("least", "holds"), [(0.0, True), (0.05, True), (0.11, False), (0.2, False)])
def test_above_asks_for_the_whole_interval(least: float, holds: bool) -> None:
    assert above("x", "", SEEDS, least).holds == holds


@pytest.mark.parametrize(("low", "high", "holds"), [(0.1, 0.2, True), (0.13, 0.2, False), (0.0, 0.11, False)])
def test_about_asks_for_the_mean(low: float, high: float, holds: bool) -> None:
    assert about("x", "", SEEDS, low, high).holds == holds


def test_one_seed_shows_no_order_and_nothing_measured_shows_nothing() -> None:
    assert not above("x", "", SEEDS[:1]).holds
    assert not about("x", "", np.array([np.nan]), -1, 1).holds


def test_an_order_is_one_claim_a_step_paired_by_seed() -> None:
    figures = {"a": SEEDS + np.array([0.5, 0.0, 0.5]), "b": SEEDS, "c": SEEDS - 1}
    first, second = falling("x", "a > b > c", figures, ("a", "b", "c"))
    assert first.target.figure == "x: a - b"
    assert not first.holds
    assert second.holds


def test_what_is_not_claimed_is_told_all_the_same() -> None:
    row = unclaimed(above("x", "about 1", -SEEDS)).row()
    assert (row["claimed"], row["passed"], row["published"], row["seeds"]) == (False, False, "about 1", 3)
    assert row["value"] == pytest.approx(-0.12)

import numpy as np
import pytest
from scipy.special import expit

from agents.distillation import divergence, fit
from simulator.seeds import Streams

DRAWS = Streams(4)
ROWS = np.arange(6000)
FEATURES = DRAWS.normal("features", ROWS[:, None], np.arange(3)) * np.array([1.0, 5.0, 1.0]) + 2.0
OFFSET = DRAWS.normal("offset", ROWS) - 2.0


def watched(odds: np.ndarray) -> np.ndarray:
    return (DRAWS.uniform("watch", ROWS) < expit(odds)).astype(float)


def test_a_planted_correction_is_found() -> None:
    planted = 0.8 + 0.5 * FEATURES[:, 0] - 0.1 * FEATURES[:, 1]
    found = fit(FEATURES, OFFSET, watched(OFFSET + planted))
    assert np.abs(found(FEATURES) - planted).mean() < 0.1
    slopes = found.weights[1:] / found.sd
    assert slopes == pytest.approx([0.5, -0.1, 0.0], abs=0.08)


def test_who_is_already_right_is_not_corrected() -> None:
    found = fit(FEATURES, OFFSET, watched(OFFSET))
    assert np.abs(found(FEATURES)).max() < 0.4
    assert np.abs(found(FEATURES)).mean() < 0.1


def test_a_row_is_corrected_the_same_in_any_batch_and_constant_columns_do_no_harm() -> None:
    constant = np.column_stack([FEATURES, np.ones(len(ROWS))])
    found = fit(constant, OFFSET, watched(OFFSET))
    assert found(constant[:7]).tolist() == found(constant)[:7].tolist()


def test_divergence_is_zero_only_where_both_agree() -> None:
    p, q = DRAWS.uniform("p", ROWS), DRAWS.uniform("q", ROWS)
    assert (divergence(p, q) > 0).all()
    assert divergence(p, p) == pytest.approx(0.0, abs=1e-12)
    assert np.isfinite(divergence(np.array([0.0, 1.0]), np.array([1.0, 0.0]))).all()

import numpy as np
import pandas as pd
import pytest

from analysis.plots.amplification import TRACKS, Amplification, changes


def made(last: dict[str, list[float]], track: int = 0) -> pd.DataFrame:
    """Return a frame in which every arm begins at its seed's number and ends at what is given."""
    about = {"panel": TRACKS[track].label, "definition_id": "d", "n": 9, "period": "1d"}
    rows = [
        {**about, "arm": arm, "seed": seed, "day": day, "value": value}
        for arm, ends in last.items()
        for seed, end in enumerate(ends)
        for day, value in ((0, float(seed)), (10, end))
    ]
    return pd.DataFrame(rows)


def test_changes_are_paired_with_the_baselines_of_the_same_seed() -> None:
    table = changes(made({"plain": [1.0, 3.0, 2.0], "other": [1.5, 3.4, 2.6]})).set_index("arm")
    assert table.loc["plain", "change"] == pytest.approx(1.0)
    assert table.loc["plain", ["beyond", "beyond_low", "beyond_high"]].tolist() == [0, 0, 0]
    assert table.loc["other", "beyond"] == pytest.approx(0.5)
    assert 0.2 < table.loc["other", "beyond_low"] < table.loc["other", "beyond_high"] < 0.8


def test_words_follow_from_intervals() -> None:
    grew, shrank, still = [1.0, 2.01, 3.0], [-1.0, 0.01, 1.0], [0.0, 1.5, 1.5]
    frame = made({"plain": [0.0, 1.0, 2.0], "grew": grew, "shrank": shrank, "still": still})
    words = Amplification().findings(frame)
    assert "plain: 1 to 1, amplification not shown." in words
    assert "grew: 1 to 2, amplification shown; more than plain: shown" in words
    assert "shrank: 1 to 0.00333, amplification opposite; more than plain: opposite" in words
    assert "still: 1 to 1, amplification not shown; more than plain: not shown" in words
    narrower = Amplification().findings(made({"plain": [0.0, 1.0, 2.0], "less": shrank}, track=2))
    assert "less: 1 to 0.00333, amplification shown" in narrower, "of variety, less is amplification"
    assert "too few seeds" in Amplification().findings(made({"plain": [0.0, 1.0], "grew": [1.0, 2.0]}))


def test_one_day_cannot_show_a_change() -> None:
    assert np.isnan(changes(made({"plain": [0.0, 1.0]}))["change_low"]).all()

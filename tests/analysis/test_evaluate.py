import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
KEYS = {
    "recommender",
    "spec",
    "recall@10",
    "ndcg@10",
    "arp",
    "catalog_coverage",
    "gini_index",
    "fit_cpu_s",
    "ms_per_user",
}


def evaluate(*arguments):
    command = [sys.executable, str(ROOT / "run_sim.py"), "evaluate", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def rows_of(*arguments):
    done = evaluate(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])["rows"]


def test_rows_come_in_the_order_asked_for_with_every_figure():
    asked = ["popularity", "{kind: ease, recency: .9}", "skip-markov"]
    options = [word for name in asked for word in ("--recommender", name)]
    rows = rows_of("--data", "synthetic:tiny", "--seeds", "2", *options)
    assert [row["recommender"] for row in rows] == asked
    assert all(row.keys() >= KEYS for row in rows)
    assert rows[1]["spec"] == {"kind": "ease", "recency": 0.9, "ridge": 500.0}
    assert rows[2]["vs_skip_markov"]["ndcg@10"] == {"mean": 0, "low": 0, "high": 0}
    assert rows[2]["label"] == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--recommender", "easy"], "ease"),
        (["--recommender", "{kind: ease, recensy: 1}"], "recency"),
        (["--recommender", "{kind: ease, recency: 2}"], "less than or equal to 1"),
        (["--recommender", "{kind: ease"], "{kind: NAME, ...}"),
        (["--recommender", "[1]"], "names no component"),
        (["--recommender", "ease", "--data", "no-such-data"], "no-such-data"),
    ],
)
def test_bad_input_is_one_message_and_exit_code_2(arguments, message):
    done = evaluate(*arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "recall", "ndcg"),
    [
        ("popularity", 0.084, 0.043),
        ("item_knn", 0.115, 0.056),
        ("ease", 0.140, 0.070),
        ("skip_markov", 0.173, 0.089),
        ("{kind: item_knn, recency: .5}", 0.172, 0.095),
        ("{kind: ease, recency: .9}", 0.174, 0.094),
        ("user_knn", 0.115, 0.056),
        ("{kind: user_knn, recency: .6, neighbor_recency: .98}", 0.172, 0.095),
        ("ials", 0.130, 0.067),
        ("{kind: ials, recency: .6}", 0.210, 0.115),
        ("bpr", 0.115, 0.060),
        ("semantic_id", 0.150, 0.075),
    ],
)
def test_bars_on_real_data(name, recall, ndcg):
    from agents.errors import MissingResource
    from simulator.components import build

    try:
        build("data", "ml-100k").load()
    except MissingResource as error:
        pytest.skip(str(error))
    command = [sys.executable, str(ROOT / "run_sim.py"), "evaluate", "--recommender", name, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1200, check=True)
    row = json.loads(done.stdout.splitlines()[-1])["rows"][0]
    assert row["recall@10"]["mean"] >= recall
    assert row["ndcg@10"]["mean"] >= ndcg

import json

import pytest

from tests.command_line import tasteloop

KEYS = {
    "recommender",
    "data",
    "intra_list_diversity",
    "miuf",
    "invalid_generated",
    "short_lists",
    "ms_p50",
    "ms_p95",
    "peak_mb",
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
    return tasteloop("evaluate", *arguments, check=None)


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


def test_diffusion_is_reached_by_name_and_its_knobs_by_key():
    asked = [f"{{kind: {kind}, epochs: 1, sampling_noise: 0.5}}" for kind in ("diffrec", "t-diffrec", "l-diffrec")]
    asked.append("{kind: guided_diffusion, epochs: 1, samples: 3, guidance: 2.0, sampling_noise: 1.0}")
    options = [word for spec in asked for word in ("--recommender", spec)]
    rows = rows_of("--data", "synthetic:tiny", "--seeds", "1", *options)
    assert [row["spec"]["kind"] for row in rows] == ["diffrec", "t_diffrec", "l_diffrec", "guided_diffusion"]
    assert [row["spec"].get("recency") for row in rows] == [1.0, 0.9, 1.0, None]
    assert rows[3]["spec"]["samples"] == 3
    assert all(0 < row["catalog_coverage"] <= 1 for row in rows)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--recommender", "easy"], "ease"),
        (["--recommender", "{kind: ease, recensy: 1}"], "recency"),
        (["--recommender", "{kind: ease, recency: 2}"], "less than or equal to 1"),
        (["--recommender", "{kind: diffrec, sampling_steps: 9}"], "more than the 5 steps"),
        (["--recommender", "{kind: ease"], "{kind: NAME, ...}"),
        (["--recommender", "[1]"], "names no component"),
        (["--recommender", "{kind: ease, levers: [{kind: mrm, strength: .5}]}"], "mmr"),
        (["--recommender", "ease", "--data", "no-such-data"], "no-such-data"),
        (["--recommender", "ease", "--split", "random"], "leave_one_out, temporal, last_fifth"),
        ([], "nothing to judge"),
    ],
)
def test_bad_input_is_one_message_and_exit_code_2(arguments, message):
    done = evaluate(*arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


STUDY = """
name: knobs
data: {kind: "synthetic:tiny", min_interactions: 5}
recommender: {slate_size: 5}
study:
  baseline: plain
  arms:
    plain: {recommender: {kind: ease}}
    varied: {recommender: {kind: ease, levers: [{kind: mmr, strength: 0.9}]}}
    neighbors: {recommender: {kind: item_knn}}
    varied-neighbors: {recommender: {kind: item_knn, levers: [{kind: mmr, strength: 0.9}]}}
"""


def test_the_arms_of_a_study_are_judged_on_several_data_sets_and_drawn(tmp_path):
    (tmp_path / "knobs.yaml").write_text(STUDY)
    out = tmp_path / "out"
    data = ["--data", "synthetic:tiny", "--data", "{kind: synthetic, variant: tiny, seed: 5}"]
    options = ["--split", "temporal", "--users", "60", "--seeds", "2", "--out", str(out), "--json"]
    done = evaluate(str(tmp_path / "knobs.yaml"), *data, *options)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    arms = ["plain", "varied", "neighbors", "varied-neighbors"]
    assert [row["recommender"] for row in result["rows"]] == arms * 2
    assert (result["split"], result["tie_keys"], result["seeds"]) == ("temporal", [0, 1], 2)
    assert [(one["data"], one["users"]) for one in result["datasets"]] == [
        ("synthetic:tiny", 60),
        ("synthetic:tiny (2)", 60),
    ]
    plain, varied = result["rows"][:2]
    assert varied["spec"]["levers"] == [{"kind": "mmr", "strength": 0.9, "pool": varied["spec"]["levers"][0]["pool"]}]
    assert varied["intra_list_diversity"] > plain["intra_list_diversity"]
    assert [fit["seed"] for fit in plain["fits"]] == [0, 1]
    assert {row["kind"] for row in result["matched"]} == {"item_knn"}
    captions = {figure["name"]: figure for figure in json.loads((out / "captions.json").read_text())}
    assert set(captions) == {"pareto", "latency", "matched_accuracy"}
    for name in captions:
        assert {path.suffix for path in out.glob(f"{name}.*")} == {".png", ".svg", ".csv"}
    assert "synthetic:tiny, NDCG against popularity: on the front" in captions["pareto"]["alt"]
    assert "ms a user, NDCG" in captions["latency"]["alt"]
    assert json.loads((out / "evaluate.json").read_text())["rows"] == result["rows"]


def test_published_figures_stand_beside_with_their_protocol():
    from analysis.cli.evaluate_table import _references
    from analysis.judge import published

    (hstu,) = [one for one in published("imported:ML-1M") if one["model"].startswith("HSTU")]
    assert (hstu["recall@10"], hstu["ndcg@10"]) == ([0.31, 0.32], [0.17, 0.19])
    result = {"split": "temporal", "datasets": [{"data": "ml-1m", "published": [hstu]}]}
    (line,) = _references(result)
    assert "recall@10 0.31 to 0.32" in line
    assert "leave one out, ties as in the file; another protocol than this table's" in line
    assert published("ml-100k") == []


def test_people_get_one_table():
    options = ["--data", "synthetic:tiny", "--seeds", "1", "--recommender", "popularity"]
    done = evaluate(*options)
    assert done.returncode == 0, done.stderr
    for word in ("popularity", "recall@10", "ILD", "MIUF", "invalid", "p95", "no published figures are known here"):
        assert word in done.stdout


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
        ("diffrec", 0.130, 0.068),
        ("t_diffrec", 0.135, 0.072),
        ("guided_diffusion", 0.112, 0.0),  # 1.3 times popularity's recall
    ],
)
def test_bars_on_real_data(name, recall, ndcg):
    from agents.errors import MissingResource
    from simulator.components import build

    try:
        build("data", "ml-100k").load()
    except MissingResource as error:
        pytest.skip(str(error))
    done = tasteloop("evaluate", "--recommender", name, "--json", seconds=1200)
    row = json.loads(done.stdout.splitlines()[-1])["rows"][0]
    assert row["recall@10"]["mean"] >= recall
    assert row["ndcg@10"]["mean"] >= ndcg

"""``fidelity`` through the command line, on a world small enough for seconds."""

import json

import pytest

from analysis.cli.experiment import llm_spec
from tests.command_line import outcome, tasteloop

WORLD = "{kind: synthetic, variant: tiny, users: 50, items: 80, interactions_per_user: 25}"
FIGURES = {
    "rating_ks",
    "rating_ks_user",
    "rating_rmse",
    "rating_rmse_user_mean",
    "rating_rmse_user_item",
    "auc_uniform",
    "auc_matched",
    "mcfadden_r2",
    "calibration_slope",
    "llm_gain",
    "hit_1_9",
    "watch_lift",
    "base_rate",
    "gini_ratio",
    "entropy_ratio",
    "monotone",
    "kendall_tau",
}


def test_fitted_users_are_judged_beside_both_controls(tmp_path):
    words = ("fidelity", "--data", WORLD, "--behavior", "{kind: calibrated, fit_users: 20}", "--seeds", 2)
    told = outcome(tasteloop(*words, "--out", tmp_path / "out", "--json"))
    for column in (told, told["null"], told["ceiling"]):
        assert all(column[name].keys() == {"value", "low", "high"} for name in FIGURES)
    measured = told["auc_matched"]
    assert measured["low"] < measured["value"] < measured["high"]
    assert told["null"]["mcfadden_r2"]["value"] == pytest.approx(0, abs=1e-9)
    assert told["null"]["auc_matched"]["value"] < told["auc_matched"]["value"]
    assert told["llm_gain"]["value"] is None
    assert told["probes"]["leaked"]["value"] == 0
    assert json.loads((tmp_path / "out" / "fidelity.json").read_text()) == told
    files = {path.name for path in (tmp_path / "out").iterdir()}
    assert files >= {"fidelity_panel.png", "fidelity_panel.svg", "fidelity_panel.csv"}


def test_latent_users_are_judged_too_and_tables_are_for_people():
    done = tasteloop("fidelity", "--data", WORLD, "--behavior", "{kind: latent, fit_users: 20}", "--seeds", 1)
    assert "auc_matched" in done.stdout
    assert "ceiling" in done.stdout


@pytest.mark.parametrize("decide", ["likelihood", pytest.param("structured", marks=pytest.mark.slow)])
def test_language_model_users_are_judged_and_asked_nothing_twice(tmp_path, monkeypatch, decide):
    monkeypatch.setenv("TASTELOOP_HOME", str(tmp_path))
    behavior = f"{{kind: llm, decide: {decide}, fallback: {{kind: calibrated, fit_users: 15}}}}"
    words = ("fidelity", "--data", WORLD, "--behavior", behavior, "--llm", "scripted", "--seeds", 1)
    words += ("--users", 6, "--events", 1, "--probes", 2, "--json")
    first = outcome(tasteloop(*words))
    journal = next((tmp_path / "fidelity").glob("*.journal"))
    size = journal.stat().st_size
    assert size
    assert outcome(tasteloop(*words)) == first
    assert journal.stat().st_size == size
    assert all(first[name].keys() == {"value", "low", "high"} for name in FIGURES)
    assert first["llm_gain"]["value"] is not None
    assert first["probes"]["leaked"]["value"] == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--behavior", "llm"), "needs --llm"),
        (("--llm", "scripted"), "needs --llm"),
        (("--behavior", "uniform"), "puts no utilities on items"),
        (("--behavior", "nobody"), "nobody"),
    ],
)
def test_what_cannot_be_judged_is_one_message(words, message):
    done = tasteloop("fidelity", "--data", "synthetic:tiny", *words, check=2)
    assert message in done.stderr
    assert done.stdout == ""


def test_a_language_model_is_named_with_its_weights():
    assert llm_spec("transformers:some-model") == {"kind": "transformers", "model": "some-model"}
    assert llm_spec("{kind: scripted, seed: 2}") == {"kind": "scripted", "seed": 2}

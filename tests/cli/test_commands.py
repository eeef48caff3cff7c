"""The command line as a person meets it: help, messages, exit codes, and nothing that takes long."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import run_sim
from tests import command_line

ROOT = Path(__file__).parents[2]
COMMANDS = sorted(run_sim._files())
SOUND = 'name: sound\ndata: {kind: "synthetic:tiny"}\nbehavior: {kind: uniform}\nrecommender: {kind: random}\n'


def tasteloop(*words, cwd=ROOT, **environment):
    return command_line.tasteloop(*words, check=None, cwd=cwd, environment=os.environ | environment)


def imported(*words):
    """Return the packages that a command imports: what it costs where it does little else."""
    command = [sys.executable, "-X", "importtime", str(ROOT / "run_sim.py"), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120, check=True)
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}


@pytest.fixture
def sound(tmp_path):
    (tmp_path / "sound.yaml").write_text(SOUND)
    return tmp_path / "sound.yaml"


def test_help_lists_every_command_with_a_line_on_it():
    done = tasteloop("--help")
    assert done.returncode == 0
    listed = done.stdout.partition("Commands:")[2]
    for name in COMMANDS:
        assert f"\n  {name} " in listed
        assert run_sim._summary(run_sim._files()[name])


HEAVY = {
    "pandas",
    "pyarrow",
    "torch",
    "transformers",
    "mesa",
    "matplotlib",
    "networkx",
    "sklearn",
    "openai",
    "implicit",
}


def test_help_imports_nothing_heavy():
    assert not imported("--help") & (HEAVY | {"numpy", "scipy", "pydantic", "ruamel", "simpy"})


def test_validating_imports_what_it_needs():
    found = imported("validate", ROOT / "scenarios" / "smoke.yaml")
    assert not found & HEAVY
    assert {"pydantic", "ruamel"} <= found


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name):
    done = tasteloop(name, "--help")
    assert done.returncode == 0, done.stderr
    assert "Usage: run_sim.py" in done.stdout


def test_every_expected_command_is_there():
    expected = (
        "run study compare report plot validate estimate list show resume doctor data models schema init evaluate score"
    )
    assert set(expected.split()) <= set(COMMANDS)


@pytest.mark.parametrize(
    "words", [["runn"], ["validate"], ["list", "--nope"], ["run", "missing.yaml"], ["missing.yaml"]]
)
def test_wrong_usage_ends_with_two_and_a_message(words):
    done = tasteloop(*words)
    assert done.returncode == 2
    assert done.stderr.strip()
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_validate_says_valid(sound):
    done = tasteloop("validate", sound)
    assert (done.returncode, done.stdout) == (0, f"{sound}: valid\n")


def test_validate_names_every_problem_of_every_file(tmp_path, sound):
    broken = tmp_path / "broken.yaml"
    broken.write_text(SOUND + "sed: 1\ndays: no\nplatform: {window: 5}\n")
    done = tasteloop("validate", sound, broken, tmp_path / "missing.yaml")
    assert done.returncode == 2
    for line in (f"{broken}:5:1: sed: ", f"{broken}:6:7: days: ", f"{broken}:7:20: platform.window: ", "missing.yaml"):
        assert line in done.stderr
    assert "did you mean 'seed'?" in done.stderr


def test_validate_as_json(tmp_path):
    broken = tmp_path / "broken.yaml"
    broken.write_text(SOUND + "sed: 1\n")
    done = tasteloop("validate", broken, "--json")
    report = json.loads(done.stdout)
    problem = report["files"][0]["problems"][0]
    assert (done.returncode, report["valid"]) == (2, False)
    assert (problem["path"], problem["line"], problem["column"]) == ("sed", 5, 1)


def test_an_expected_error_has_no_traceback_unless_asked_for(sound):
    done = tasteloop("estimate", sound, "--set", "seed=x")
    assert done.returncode == 2
    assert "seed: 'x' should be a whole number" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Traceback" in tasteloop("estimate", sound, "--set", "seed=x", "--debug").stderr


def test_messages_hold_no_secrets(sound):
    key = "sk-verysecret0123456789abcdef"
    done = tasteloop("estimate", sound, "--set", f"name={key} x", MY_API_KEY=key)
    assert done.returncode == 2
    assert key not in done.stderr + done.stdout
    assert "[redacted]" in done.stderr


def test_an_unexpected_error_is_called_a_bug(monkeypatch, capsys):
    def broken(*_args, **_options):
        raise RuntimeError("the moon is full")

    monkeypatch.setattr(run_sim, "app", broken)
    monkeypatch.setattr(sys, "argv", ["run_sim.py", "list"])
    with pytest.raises(SystemExit) as caught:
        run_sim.main()
    assert caught.value.code == 1
    assert capsys.readouterr().err.startswith("bug: RuntimeError: the moon is full\nrun again with --debug")


def test_a_reader_who_leaves_causes_no_traceback():
    command = f"{sys.executable} run_sim.py schema | head -c 10"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("text", "command"), [(SOUND, "run"), (SOUND + "study: {baseline: a, arms: {a: {}}}\n", "study")]
)
def test_a_scenario_alone_means_run_or_study(tmp_path, text, command):
    path = tmp_path / "scenario.yml"
    path.write_text(text)
    assert run_sim._implied([str(path), "--json"]) == [command, str(path), "--json"]
    assert run_sim._implied(["validate", str(path)]) == ["validate", str(path)]


def test_init_writes_a_scenario_that_is_valid_and_overwrites_nothing(tmp_path):
    done = tasteloop("init", "my first.yaml", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "my first.yaml\n")
    assert tasteloop("validate", tmp_path / "my first.yaml").returncode == 0
    again = tasteloop("init", "my first.yaml", cwd=tmp_path)
    assert again.returncode == 2
    assert "exists" in again.stderr
    assert tasteloop("init", "notes.txt", cwd=tmp_path).returncode == 2
    assert tasteloop("init", "nowhere/a.yaml", cwd=tmp_path).returncode == 3


def test_list_shows_the_components_of_a_family():
    found = json.loads(tasteloop("list", "recommenders", "--json").stdout)["recommenders"]
    assert {"random", "popularity", "item_knn", "ease", "skip_markov", "semantic_id"} <= set(found)
    assert all(found.values())
    assert "did you mean 'recommenders'" in tasteloop("list", "recomenders").stderr


def test_schema_is_a_json_schema_that_knows_the_components():
    schema = json.loads(tasteloop("schema").stdout)
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    kinds = [kind.get("const") for kind in schema["definitions"]["recommenders"]["properties"]["kind"]["anyOf"]]
    assert "ease" in kinds
    ease = next(case["then"] for case in schema["definitions"]["recommenders"]["allOf"] if "ease" in str(case["if"]))
    assert "description" in ease["properties"]["ridge"]
    assert "$defs" not in json.dumps(schema)
    assert "x-family" not in json.dumps(schema)


def test_every_reference_of_the_schema_leads_somewhere():
    schema = json.loads(tasteloop("schema", "--json").stdout)
    text = json.dumps(schema)
    for part in text.split('"$ref": "#/definitions/')[1:]:
        assert part.partition('"')[0] in schema["definitions"]


def test_estimate_counts_what_a_study_asks():
    scenario = ROOT / "scenarios" / "quickstart.yaml"
    once = json.loads(tasteloop("estimate", scenario, "--json").stdout)
    assert once["runs"] == 3
    (model,) = once["models"]
    assert model["questions"] == 3 * 60 * 0.2 * 1 * 3 * 2
    assert model["tokens_in"] > model["tokens_out"] > 0
    assert model["cost"] is None
    twice = json.loads(tasteloop("estimate", scenario, "--set", "days=6", "--json").stdout)
    assert twice["models"][0]["questions"] == 2 * model["questions"]


def test_estimate_asks_nothing_of_pages_where_likeness_decides():
    for decide in ("likeness", "auto"):
        llm = f"{{kind: llm, decide: {decide}, model: local}}"
        one = ("--set", f"behavior={llm}", "--set", "llm.local={kind: transformers, model: smollm2-135m-instruct}")
        (model,) = json.loads(tasteloop("estimate", ROOT / "scenarios" / "smoke.yaml", *one, "--json").stdout)["models"]
        assert (model["questions"], model["seconds"]) == (0, 0)


def test_estimate_multiplies_by_the_price_where_there_is_one():
    prices = ["--set", "llm.scripted.price_in=2", "--set", "llm.scripted.price_out=8"]
    done = tasteloop("estimate", ROOT / "scenarios" / "smoke.yaml", *prices, "--json")
    (model,) = json.loads(done.stdout)["models"]
    assert model["cost"] == pytest.approx((2 * model["tokens_in"] + 8 * model["tokens_out"]) / 1e6)


def test_doctor_finds_this_machine_fit(tmp_path):
    done = tasteloop("doctor", "--json", OPENAI_BASE_URL="")
    report = json.loads(done.stdout)
    assert (done.returncode, report["ok"]) == (0, True), [c for c in report["checks"] if not c["ok"]]


def test_doctor_names_what_a_scenario_lacks(tmp_path, sound):
    elsewhere = tmp_path / "cache"
    elsewhere.mkdir()
    text = SOUND.replace("synthetic:tiny", "ml-100k")
    sound.write_text(text)
    done = tasteloop(
        "doctor", sound, "--json", TASTELOOP_HOME=str(elsewhere), TASTELOOP_DATA_MIRROR="", OPENAI_BASE_URL=""
    )
    lacking = [check for check in json.loads(done.stdout)["checks"] if check["needed"] and not check["ok"]]
    assert done.returncode == 3
    assert [check["name"] for check in lacking] == ["data ml-100k"]
    assert "data fetch ml-100k" in lacking[0]["remedy"]


def test_doctor_says_when_the_endpoint_is_dead():
    done = tasteloop("doctor", OPENAI_BASE_URL="http://me:secret@127.0.0.1:9/v1")
    assert done.returncode == 3
    assert "MISSING endpoint: http://127.0.0.1:9" in done.stdout
    assert "secret" not in done.stdout

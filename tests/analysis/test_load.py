import json
import shutil
from pathlib import Path

import pytest

from agents.errors import InvalidInput
from analysis.load import gather, load, load_study
from simulator.log import TABLES


def test_tables_come_in_log_order_with_their_columns(one_seed: Path) -> None:
    run = load(one_seed / "cells" / "random-s7")
    assert list(run.impressions.columns) == list(TABLES["impressions"].__annotations__)
    assert run.impressions["event_id"].is_monotonic_increasing
    assert run.items["item_id"].tolist() == list(range(len(run.items)))


def test_a_table_without_rows_still_has_its_columns(one_seed: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(one_seed / "cells" / "random-s7", folder)
    (folder / "log" / "llm_calls-00000.parquet").unlink()
    assert list(load(folder).llm_calls.columns) == list(TABLES["llm_calls"].__annotations__)


def test_the_baseline_is_the_first_arm(one_seed: Path, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    shutil.copytree(one_seed, folder)
    content = json.loads((folder / "study.json").read_text())
    (folder / "study.json").write_text(json.dumps(content | {"baseline": "generative"}))
    assert load_study(folder).arms == ("generative", "random", "popularity")


def test_a_run_is_a_study_of_one_arm(one_seed: Path) -> None:
    study = load_study(one_seed / "cells" / "popularity-s7")
    assert (study.arms, study.seeds) == (("popularity",), (7,))
    assert set(study.metrics["arm"]) == {"popularity"}


def test_runs_are_gathered_as_arms_or_by_folder(one_seed: Path, tmp_path: Path) -> None:
    cells = one_seed / "cells"
    assert gather([cells / "popularity-s7", cells / "random-s7"]).baseline == "popularity"
    shutil.copytree(cells / "random-s7", tmp_path / "again")
    assert gather([cells / "random-s7", tmp_path / "again"]).arms == ("random-s7", "again")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "study.json").unlink(), "not a run folder"),
        (lambda f: (f / "study.json").write_text("{"), "study.json is damaged"),
        (lambda f: (f / "study.json").write_text("[]"), "holds no JSON mapping"),
        (lambda f: shutil.rmtree(f / "cells" / "popularity-s7"), "cell popularity seed 7 has not run yet.*resume"),
        (lambda f: stop(f / "cells" / "random-s7"), "random-s7 is stopped, not finished.*resume"),
    ],
)
def test_what_cannot_be_read_is_said(one_seed: Path, tmp_path: Path, damage: object, message: str) -> None:
    folder = tmp_path / "study"
    shutil.copytree(one_seed, folder)
    damage(folder)
    with pytest.raises(InvalidInput, match=message):
        load_study(folder)


def stop(run: Path) -> None:
    manifest = json.loads((run / "manifest.json").read_text())
    (run / "manifest.json").write_text(json.dumps(manifest | {"status": "stopped"}))


def test_a_study_and_a_run_do_not_mix(one_seed: Path) -> None:
    with pytest.raises(InvalidInput, match="not both"):
        gather([one_seed, one_seed / "cells" / "random-s7"])

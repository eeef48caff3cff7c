import shutil
from pathlib import Path

import pytest

from analysis.finish import finish
from analysis.load import load_study
from tests.analysis.fake_study import write_study


@pytest.fixture(scope="session")
def one_seed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of three arms and one seed, measured, drawn and reported."""
    folder = write_study(tmp_path_factory.mktemp("studies") / "one", seeds=[7])
    finish(folder)
    return folder


@pytest.fixture(scope="session")
def four_seeds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of three arms and four seeds, finished but not measured."""
    return write_study(tmp_path_factory.mktemp("studies") / "four", seeds=[7, 8, 9, 10])


@pytest.fixture(scope="session")
def lagged(four_seeds: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study of four seeds as if its arms differed in the visibility lag alone: 0, 1, 2."""
    folder = tmp_path_factory.mktemp("studies") / "lagged"
    shutil.copytree(four_seeds, folder)
    for lag, arm in enumerate(load_study(folder).arms):
        for path in folder.glob(f"cells/{arm}-s*/scenario.resolved.yaml"):
            path.write_text(f"{path.read_text()}platform: {{visibility_lag: {lag}}}\n")
    return folder

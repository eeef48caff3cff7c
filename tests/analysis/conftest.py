from pathlib import Path

import pytest

from analysis.finish import finish
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

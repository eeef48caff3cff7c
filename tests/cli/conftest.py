import shutil
from pathlib import Path

import pytest

from tests.cli.augmenting import augmented, play


@pytest.fixture(scope="session")
def twins(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two runs of one seed: random slates, which log propensities, and popular ones."""
    folder = tmp_path_factory.mktemp("twins")
    return play(folder / "random", "random"), play(folder / "popular", "popularity")


@pytest.fixture(scope="session")
def dataset(twins: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything that the two runs give."""
    out = tmp_path_factory.mktemp("datasets") / "tiny"
    done = augmented(*twins, "--out", out)
    assert done.exit_code == 0, done.exception
    return out


@pytest.fixture
def copy(dataset: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(dataset, tmp_path / "copy"))

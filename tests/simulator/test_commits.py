from pathlib import Path

import pandas as pd
import pytest

from agents.errors import TasteloopError
from simulator.commits import CommitLog
from simulator.record import rows_table


def tables(window: int) -> dict[str, object]:
    return {"history": rows_table("history", [(window, item, 4.0, float(window)) for item in range(3)])}


def write(folder: Path, windows: range, *, seal_every: int = 100) -> CommitLog:
    log = CommitLog(folder, "random")
    for window in windows:
        log.commit(window, tables(window))
        if (window + 1) % seal_every == 0:
            log.seal()
    log.close()
    return log


def test_what_is_committed_survives_and_is_not_written_twice(tmp_path: Path) -> None:
    write(tmp_path, range(5), seal_every=3)
    before = (tmp_path / "commits.log").read_bytes()
    again = write(tmp_path, range(5), seal_every=3)
    assert (tmp_path / "commits.log").read_bytes() == before
    assert again.digest.hexdigest() == write(tmp_path / "other", range(5)).digest.hexdigest()


def test_segments_do_not_change_the_digest(tmp_path: Path) -> None:
    one = write(tmp_path / "a", range(7), seal_every=2)
    two = write(tmp_path / "b", range(7), seal_every=3)
    assert one.digest.hexdigest() == two.digest.hexdigest()


@pytest.mark.parametrize("lost", [1, 7, 60, 300])
def test_a_torn_tail_is_cut_and_written_again(tmp_path: Path, lost: int) -> None:
    write(tmp_path, range(5))
    path = tmp_path / "commits.log"
    whole = path.read_bytes()
    path.write_bytes(whole[:-lost])
    write(tmp_path, range(5))
    assert path.read_bytes() == whole


def test_a_flipped_byte_loses_only_what_follows(tmp_path: Path) -> None:
    write(tmp_path, range(5))
    path = tmp_path / "commits.log"
    whole = bytearray(path.read_bytes())
    damaged = bytes(whole[:-20]) + bytes([whole[-20] ^ 1]) + bytes(whole[-19:])
    path.write_bytes(damaged)
    write(tmp_path, range(5))
    assert path.read_bytes() == bytes(whole)


def test_a_run_that_comes_out_differently_is_refused(tmp_path: Path) -> None:
    write(tmp_path, range(3))
    log = CommitLog(tmp_path, "random")
    with pytest.raises(TasteloopError, match="window 0 came out differently"):
        log.commit(0, tables(1))


def test_a_crash_between_parquet_and_seal_is_repaired(tmp_path: Path) -> None:
    write(tmp_path, range(6), seal_every=3)
    (tmp_path / "seal-00001.json").unlink()
    write(tmp_path, range(6), seal_every=3)
    rows = pd.concat([pd.read_parquet(path) for path in sorted(tmp_path.glob("history-*.parquet"))])
    assert rows["user_id"].tolist() == [window for window in range(6) for _ in range(3)]


def test_answers_are_durable_before_what_rests_on_them(tmp_path: Path) -> None:
    sizes = []
    log = CommitLog(tmp_path, "random", lambda: sizes.append((tmp_path / "commits.log").stat().st_size))
    log.commit(0, tables(0))
    log.flush()
    log.commit(1, tables(1))
    log.close()
    assert sizes[0] == 0 < sizes[1] < (tmp_path / "commits.log").stat().st_size

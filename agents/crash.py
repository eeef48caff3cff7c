"""Named points inside a write at which ``chaos`` can have its own child killed."""

import os
import signal

VARIABLE = "TASTELOOP_CRASH_AT"
POINTS = {
    "answer": "an answer is written to the journal, not synced",
    "window": "a window is written to the commit log, not synced",
    "segment": "a Parquet segment is renamed into place, its seal is not written",
    "file-written": "a whole file is written beside its place, not synced",
    "file-synced": "it is synced, not renamed",
    "file-renamed": "it is renamed, its folder not synced",
}


def crash_point(name: str) -> None:
    """Die by SIGKILL where the environment variable says ``name:count`` and this point is passed the count-th time.

    Nothing happens in a process without the variable; the count is kept in it, so there is no other state.
    """
    point, _, count = os.environ.get(VARIABLE, "").partition(":")
    if point == name:
        if int(count) <= 1:
            os.kill(os.getpid(), signal.SIGKILL)
        os.environ[VARIABLE] = f"{point}:{int(count) - 1}"

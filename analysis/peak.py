"""How much memory a piece of work takes at its largest."""

import ctypes
import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

PROCESS = Path("/proc/self")


@contextmanager
def peak_mb() -> Iterator[Callable[[], float]]:
    """Yield a function that says by how many MB resident memory has peaked above where it stood at the start.

    What earlier work left behind is given back first, and the kernel's own mark of the peak is reset,
    so nothing is sampled and nothing slowed. Libraries loaded on the way count. NaN where the system
    keeps no such mark (it takes Linux).
    """
    gc.collect()
    try:
        ctypes.CDLL(None).malloc_trim(0)
        (PROCESS / "clear_refs").write_text("5")
        before = _resident_mb("VmRSS")
    except (OSError, AttributeError):
        yield lambda: float("nan")
    else:
        yield lambda: max(0.0, _resident_mb("VmHWM") - before)


def _resident_mb(what: str) -> float:
    """Return a line of the process's status; the kernel writes kB."""
    lines = (PROCESS / "status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what)) * 1024 / 1e6

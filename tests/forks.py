"""A process that has imported what commands import, and forks a process of its own for every command line it is told.

Each is a line of JSON on standard input: words, folder, environment, cores, files for both outputs, seconds at
most, and whether it draws. The answer is the exit code, negative for a signal, or null where it took too long.
"""

import gc
import importlib
import json
import os
import runpy
import select
import signal
import sys
from pathlib import Path
from typing import Any

RUN = str(Path(__file__).parents[1] / "run_sim.py")
IMPORTED = (
    *("matplotlib.backends.backend_agg", "matplotlib.backends.backend_svg", "mesa", "torch", "sklearn.cluster"),
    *("analysis.execute", "analysis.report.write", "simulator.cli.validate", "simulator.run"),
)
sys.path[0] = str(Path(RUN).parent)


def become(asked: dict[str, Any]) -> None:
    """Be the process of a command line, up to running it."""
    for number, path in enumerate((os.devnull, asked["out"], asked["err"])):
        opened = os.open(path, os.O_RDWR | os.O_CREAT)
        os.dup2(opened, number)
        os.close(opened)
    os.chdir(asked["folder"])
    os.sched_setaffinity(0, asked["cores"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    sys.argv = [RUN, *asked["words"]]
    if not asked["figures"]:
        import analysis.finish

        analysis.finish.draw_all = lambda *_, **__: []  # type: ignore[assignment]


def exit_code(child: int, seconds: float) -> int | None:
    """Wait for a process; kill it and return None where it takes longer."""
    handle = os.pidfd_open(child)
    ended, _, _ = select.select([handle], [], [], seconds)
    os.close(handle)
    if not ended:
        os.kill(child, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return code if ended else None


def serve() -> None:
    """Answer until the input ends; return in the forked process alone."""
    for name in IMPORTED:
        importlib.import_module(name)
    gc.freeze()  # or every fork looks through all that was imported when it ends, for seconds
    for line in iter(sys.stdin.readline, ""):
        asked = json.loads(line)
        child = os.fork()
        if not child:
            return become(asked)
        print(json.dumps(exit_code(child, asked["seconds"])), flush=True)
    sys.exit()


if __name__ == "__main__":
    serve()
    runpy.run_path(RUN, run_name="__main__")

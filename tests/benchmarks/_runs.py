"""One run of a benchmark, in a process of its own: figures that nothing measured before it has touched."""

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def apart(module: str, *words: str) -> dict[str, Any]:
    """Run a module in a process of its own, one thread for linear algebra; return the JSON it prints last."""
    single = os.environ | {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
    command = [sys.executable, "-m", module, *words]
    done = subprocess.run(command, cwd=ROOT, env=single, stdout=subprocess.PIPE, text=True, check=True)
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def played(folder: Path, entries: dict[str, Any]) -> dict[str, Any]:
    """Run a scenario on one core and return what it took.

    ``set_up_s`` (gathering users) and ``run_s`` are wall seconds, ``pages_per_second`` and
    ``impressions_per_second`` go by ``run_s``, ``pages_per_cpu_second`` by the processor time of the same stretch,
    ``rss_mb`` is the most the process held.
    """
    return apart("tests.benchmarks._runs", str(folder), json.dumps(entries))


def _play(folder: Path, entries: dict[str, Any]) -> dict[str, Any]:
    from simulator.cast import gather
    from simulator.run import budget_of, models, run
    from simulator.scenario import Scenario

    scenario = Scenario.model_validate(entries)
    with models(scenario, folder / "answers.journal") as dispatcher:
        began = time.perf_counter()
        cast = gather(scenario, dispatcher)
        ready, busy = time.perf_counter(), time.process_time()
        manifest = run(scenario, folder, dispatcher, budget_of(scenario), cast=cast)
        run_s, cpu_s = time.perf_counter() - ready, time.process_time() - busy
    counts = manifest["counts"]
    return {
        "pages": counts["pages"],
        "set_up_s": ready - began,
        "run_s": run_s,
        "pages_per_second": counts["pages"] / run_s,
        "impressions_per_second": counts["impressions"] / run_s,
        "pages_per_cpu_second": counts["pages"] / cpu_s,
        "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000,
        "log_digest": manifest["log_digest"],
    }


if __name__ == "__main__":
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    print(json.dumps(_play(Path(sys.argv[1]), json.loads(sys.argv[2]))))

"""Overhead of the engine of grids: `python benchmarks/engine.py [--jobs 10000] [--seconds 0.01] [--workers 2]`.

Runs jobs that only wait, half of which need another one, and prints the time that the engine adds to each, the memory
of the process that holds the scheduler, and how many jobs a second that allows.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from experiments.engine.cluster import ClusterOptions, connected
from experiments.engine.job import Job, identity_of
from experiments.engine.scheduling import run_on
from launcher.runs.run_folder import RunFolder


def waiting(arguments: list[str]) -> int:
    """In place of the project's command line: wait, and leave the job's product."""
    seconds, product = arguments[1:]
    time.sleep(float(seconds))
    Path(product).parent.mkdir(parents=True, exist_ok=True)
    Path(product).write_text("{}")
    return 0


def jobs_of(count: int, seconds: float, root: Path) -> list[Job]:
    """Return pairs of a job and one that needs it."""
    jobs: list[Job] = []
    for number in range(count):
        identity = identity_of(number)
        run = RunFolder(root, "wait", identity)
        product = str(run.path / "metrics.json")
        needs = (jobs[-1],) if number % 2 else ()
        jobs.append(Job("test", f"wait {number}", run, identity, ("wait", str(seconds), product), needs))
    return jobs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=0.01)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--root", default=None, help="folder of the runs (default: a temporary one)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.root) as folder:
        jobs = jobs_of(options.jobs, options.seconds, Path(folder))
        with connected(ClusterOptions(options.workers)) as client, open(os.devnull, "w") as nowhere:
            run_on(client, jobs_of(2 * options.workers, 0.0, Path(folder) / "warm"), command=waiting)
            memory, begun = psutil.Process().memory_info().rss, time.monotonic()
            os.dup2(nowhere.fileno(), 2)  # a line a job
            results = run_on(client, jobs, command=waiting)
            seconds = time.monotonic() - begun
            grown = (psutil.Process().memory_info().rss - memory) / 2**20
        assert not results.failed
    overhead = options.workers * seconds / options.jobs - options.seconds
    print(f"{options.jobs} jobs of {1000 * options.seconds:g} ms on {options.workers} workers: {seconds:.1f} s")
    print(f"overhead {1000 * overhead:.1f} ms a job and worker; {options.jobs / seconds:.0f} jobs/s")
    print(f"memory of client and scheduler: +{grown:.0f} MiB, {1024 * grown / options.jobs:.1f} KiB a job")


if __name__ == "__main__":
    main()

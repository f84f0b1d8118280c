"""Jobs on Dask: in this process, and on processes that are killed."""

import logging
import os
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from distributed import Client, LocalCluster

from experiments.engine.cluster import ClusterOptions, connected
from experiments.engine.job import Job, is_done, to_do
from experiments.engine.scheduling import priorities, run_on
from experiments.planning.grid import Grid
from experiments.planning.plan import grid_cells
from experiments.tables.files import collect
from tests.experiments.fakes import NOISE, chain_of, fake, grid_of, started
from tests.processes import free_port
from tests.tiny import PROJECT


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """Two workers in this process."""
    cluster = LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None)
    with cluster, Client(cluster) as client:
        yield client


def wanted(grid: Grid, root: Path) -> list[Job]:
    return [cell.test for cell in grid_cells(grid, root)]


def test_a_grid_is_done_each_job_once(client: Client, tmp_path: Path) -> None:
    grid, root = chain_of(tmp_path), tmp_path / "runs"
    results = run_on(client, to_do(wanted(grid, root)), command=fake)
    assert not results.failed
    assert not results.skipped
    counts = Counter(started(root))
    assert set(counts.values()) == {1}
    assert sorted(Counter(line.split()[0] for line in counts).items()) == [("fit", 12), ("predict", 4), ("test", 8)]
    assert to_do(wanted(grid, root)) == []
    assert len(collect(grid, grid_cells(grid, root))) == 8


def test_jobs_that_chains_wait_for_go_first(tmp_path: Path) -> None:
    jobs = to_do(wanted(chain_of(tmp_path), tmp_path))
    given = dict(zip([job.key for job in jobs], priorities(jobs), strict=True))
    order = sorted(jobs, key=lambda job: -given[job.key])
    kinds = [job.kind for job in order]
    assert kinds.index("test") > kinds.index("predict") > 0
    assert [job for job in order if job.kind == "test"] == [job for job in jobs if job.kind == "test"]
    keys = [job.key for job in order]
    assert all(keys.index(need.key) < keys.index(job.key) for job in jobs for need in job.needs)


def test_a_worker_is_handed_what_goes_first(tmp_path: Path) -> None:
    """It goes on with what the last job made possible, or else with the first that waits, even if that needs others."""
    sizes = {"option": "data.noise", "values": [0.0, 0.1, 0.2, 0.3, 0.4], "percent": True}
    keys = {"encoded": {"options": {"model.agent": "@agent", "model.keys": "@encoder"}}, "cue": {"stage": "agent"}}
    jobs = to_do(wanted(chain_of(tmp_path, axes={"noise": sizes, "keys": keys}), tmp_path))
    priority = dict(zip([job.key for job in jobs], priorities(jobs), strict=True))
    with connected(ClusterOptions(workers=1)) as client:
        assert not run_on(client, jobs, command=fake).failed
    kinds = {"fit": "train"}
    begun = [f"{kinds.get(kind, kind)} {version}" for kind, version in map(str.split, started(tmp_path))]
    left = {f"{job.kind} {job.run.version}": job for job in jobs}
    before = ""
    for place, name in enumerate(begun):
        waiting = {job.key for job in left.values()}
        ready = [job for job in left.values() if not any(need.key in waiting for need in job.needs)]
        follow = [job for job in ready if before in [need.key for need in job.needs]]
        first = max(follow or ready, key=lambda job: priority[job.key])
        before = left[name].key
        assert left.pop(name) is first or place < 3, f"{name} began before {first.title}"


def test_what_builds_on_a_failure_is_not_run(client: Client, tmp_path: Path) -> None:
    stages = {"agent": {"axes": ["noise"]}, "encoder": {"options": {"model.agent": "@agent", "model.fake": "fail"}}}
    keys = {"cue": {"stage": "agent"}, "encoded": {"options": {"model.keys": "@encoder"}}}
    grid = chain_of(tmp_path, stages=stages, axes={"keys": keys, "noise": NOISE}, seeds=[1])
    results = run_on(client, to_do(wanted(grid, tmp_path)), command=fake)
    assert sorted(job.title for job, _ in results.failed) == [
        "train encoder (for encoded, noise 0 %) / seed 1",
        "train encoder (for encoded, noise 20 %) / seed 1",
    ]
    assert len(results.skipped) == 4  # two trainings and their tests
    assert sum(map(is_done, wanted(grid, tmp_path))) == 2
    assert not logging.getLogger("distributed.worker").isEnabledFor(logging.ERROR)  # no traceback beside the line


def test_two_grids_at_once_share_their_trainings(client: Client, tmp_path: Path) -> None:
    from threading import Thread

    root = tmp_path / "runs"
    grids = [grid_of(tmp_path, name, options={"model.seconds": 0.05}) for name in ("one", "other")]
    threads = [Thread(target=run_on, args=(client, to_do(wanted(grid, root)), print, fake)) for grid in grids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(Counter(started(root)).values()) == {1}
    assert all(is_done(job) for grid in grids for job in wanted(grid, root))


def test_a_scheduler_that_is_not_there_is_one_line() -> None:
    from episodic.errors import InputError

    address = f"tcp://127.0.0.1:{free_port()}"
    with pytest.raises(InputError, match="does not answer"), connected(ClusterOptions(scheduler=address), timeout=0.2):
        pass


@pytest.mark.slow
def test_a_cluster_is_started_from_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`dask_jobqueue.local` runs the script of a queue's job as a process."""
    monkeypatch.chdir(PROJECT)  # where its workers start
    path = tmp_path / "cluster.yaml"
    path.write_text(
        "class_path: dask_jobqueue.local.LocalCluster\njobs: 1\nleast: 1\n"
        f"init_args: {{cores: 1, processes: 1, memory: 2GB, python: {sys.executable}, log_directory: {tmp_path}}}\n"
    )
    grid = grid_of(tmp_path, seeds=[1])
    with connected(ClusterOptions(cluster=path)) as client:
        client.wait_for_workers(1, timeout=60)
        assert not run_on(client, to_do(wanted(grid, tmp_path)), command=fake).failed
    assert all(map(is_done, wanted(grid, tmp_path)))


@contextmanager
def cluster_of(folder: Path, workers: int, memory: str = "0") -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """A scheduler and workers, each a process: the address and the workers, which are started again when they end."""
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), "OMP_NUM_THREADS": "1"}
    address = f"tcp://127.0.0.1:{free_port()}"
    log = (folder / "cluster.log").open("ab")

    def start(kind: str, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", *arguments, "--no-dashboard"]
        return subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=log, stderr=log)

    scheduler = start("scheduler", "--host", "127.0.0.1", "--port", address.rpartition(":")[2])
    worker = (address, "--nthreads", "1", "--memory-limit", memory, "--local-directory", str(folder))
    processes = [start("worker", *worker) for _ in range(workers)]
    try:
        yield address, processes
    finally:
        for process in (*processes, scheduler):
            process.kill()  # the workers of a nanny end with it
        for process in (*processes, scheduler):
            process.wait(30)


#: Of the grid that is disturbed; 20 of them take two minutes.
SIZES = 8
CLIENT = """
import sys
from pathlib import Path
from distributed import Client
from experiments.engine.scheduling import run_on
from experiments.engine.job import to_do
from tests.experiments.fakes import fake
from tests.experiments.test_engine import chaos_grid, wanted
folder = Path(sys.argv[1])
with Client(sys.argv[2], timeout=60) as client:
    results = run_on(client, to_do(wanted(chaos_grid(folder), folder / "runs")), command=fake)
    results.print()
"""


def chaos_grid(folder: Path) -> Grid:
    """Short jobs, a training and a test of each size, and two that fail: in their command, and for want of memory."""
    axes = {
        "what": {
            "works": {},
            "fails": {"options": {"model.fake": "fail"}},
            "hoards": {"options": {"model.fake": "hoard"}},
        },
        "size": {"option": "model.size", "values": list(range(SIZES))},
    }
    skip = [{"what": ["fails", "hoards"], "size": list(range(1, SIZES))}]
    return grid_of(folder, "chaos", axes=axes, skip=skip, seeds=[1], options={"model.seconds": 0.3})


def children(process: int) -> list[int]:
    """The workers of a `dask worker`, which its nanny starts again."""
    import psutil

    return [child.pid for child in psutil.Process(process).children() if "spawn_main" in " ".join(child.cmdline())]


@pytest.mark.slow
def test_all_results_are_there_whatever_is_killed(tmp_path: Path) -> None:
    quiet = tmp_path / "quiet"
    undisturbed = [job for job in wanted(chaos_grid(quiet), quiet / "runs") if "works" in job.title]
    for job in to_do(undisturbed):
        from experiments.engine.work import work

        work(job, command=fake)
    folder = tmp_path / "chaos"
    folder.mkdir()
    command = [sys.executable, "-c", CLIENT, str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), "OMP_NUM_THREADS": "1"}
    with cluster_of(folder, 3, memory="1400MB") as (address, workers):
        first = subprocess.Popen([*command, address], env=environment, cwd=PROJECT)
        for number, worker in enumerate(workers):
            wait_until(lambda at_least=3 * (number + 1): len(started(folder / "runs")) >= at_least, 300)
            os.kill(children(worker.pid)[0], signal.SIGKILL)
        wait_until(lambda: len(started(folder / "runs")) >= 12, 300)
        first.kill()
        first.wait()
        second = subprocess.run([*command, address], env=environment, cwd=PROJECT, capture_output=True, text=True)
    assert second.returncode == 0, second.stderr
    assert "failed: train fails, size 0 / seed 1: it broke" in second.stderr
    assert "failed: train hoards, size 0 / seed 1: its worker died" in second.stderr
    tables = [
        collect(grid, [cell for cell in grid_cells(grid, root / "runs") if "works" in cell.condition.name])
        for root in (quiet, folder)
        for grid in [chaos_grid(root)]
    ]
    assert len(tables[0]) == SIZES
    columns = ["condition", "size", "evaluation", "seed", "test/reward"]
    assert tables[0][columns].equals(tables[1][columns])


def wait_until(condition: object, seconds: float) -> None:
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.05)


@pytest.mark.slow
def test_the_benchmark_runs() -> None:
    command = [sys.executable, "benchmarks/engine.py", "--jobs", "8", "--workers", "1"]
    done = subprocess.run(command, cwd=PROJECT, check=True, capture_output=True, text=True)
    assert "overhead" in done.stdout


def page_faults() -> int:
    """Return how many pages the system provides while a job makes a large tensor fifty times."""
    before = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
    for _ in range(50):
        torch.ones(1_000_000)
    return resource.getrusage(resource.RUSAGE_THREAD).ru_minflt - before


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the settings are those of glibc")
def test_a_job_keeps_the_memory_of_large_tensors() -> None:
    with connected(ClusterOptions(workers=1)) as client:
        assert client.submit(page_faults).result(timeout=60) < 10 * 1_000_000 * 4 / 4096  # once, not fifty times
        assert client.submit(os.environ.get, "MALLOC_ARENA_MAX").result(timeout=60) == "1"

"""The Dask cluster that jobs run on: local processes, a running cluster, or one that Dask starts."""

import argparse
import contextlib
import logging
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import dask
from distributed import Client, LocalCluster

from episodic.errors import InputError, require
from experiments.planning.yaml_files import read_yaml, typed

SETTINGS = {
    "distributed.scheduler.worker-saturation": 1.0,  # a worker has one job; another's death must not count against it
    # All jobs wait for a free worker, by priority. Dask would give those that need others to a busy worker at once.
    "distributed.scheduler.rootish-taskgroup": 1_000_000,
    "distributed.scheduler.rootish-taskgroup-dependencies": 1_000_000,
    "distributed.scheduler.allowed-failures": 2,  # workers that may die of a job before it counts as failed
    "distributed.worker.memory.target": False,  # results are small: memory is the jobs', and nothing can be spilled
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    # Health checks at Dask's rates, up to fifty a second, take 2.5 % of two cores from the jobs.
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "5s",
    "distributed.worker.memory.monitor-interval": "1s",
    "distributed.admin.tick.limit": "1h",  # a job holds the interpreter for long: no warning
    "distributed.worker.profile.enabled": False,  # its hundred samples a second take time from the job
    # Dask's 65,536 bytes give the memory of every large tensor back at once: its pages are then made anew at each use.
    "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": 1_000_000_000,
    "distributed.nanny.pre-spawn-environ.MALLOC_MMAP_THRESHOLD_": 32 * 1024 * 1024,
    "distributed.nanny.pre-spawn-environ.MALLOC_ARENA_MAX": 1,  # a job's thread shares the heap that can be kept
}
DASHBOARD = ("127.0.0.1", 8787)


@dataclass(frozen=True)
class ClusterOptions:
    """Where jobs run.

    Args:
        workers: processes on this machine.
        scheduler: address of a running cluster, in their place.
        cluster: file of a cluster that is started, in their place.
    """

    workers: int = 2
    scheduler: str | None = None
    cluster: Path | None = None

    @property
    def can_work(self) -> bool:
        """Whether there is anybody to do the jobs."""
        return bool(self.workers or self.scheduler or self.cluster)


@dataclass(frozen=True)
class ClusterFile:
    """A cluster that Dask starts.

    Args:
        class_path: its class, such as `dask_jobqueue.SLURMCluster`.
        init_args: the arguments of the class.
        jobs: the most jobs of the queue at a time.
        least: jobs that are kept even without work.
    """

    class_path: str
    init_args: dict[str, Any] = field(default_factory=dict)
    jobs: int = 1
    least: int = 0


def add_cluster_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where jobs run."""
    parser.add_argument("--workers", type=int, default=2, help="processes on this machine (default %(default)s)")
    parser.add_argument(
        "--scheduler", metavar="tcp://HOST:PORT", help="address of a running Dask cluster to use instead"
    )
    parser.add_argument("--cluster", type=Path, metavar="FILE.yaml", help="YAML file of a cluster to start instead")


def cluster_options(options: argparse.Namespace) -> ClusterOptions:
    """Return the options that say where jobs run.

    Raises:
        InputError: there are too few workers, or two places.
    """
    require(options.workers >= 0, f"--workers is {options.workers}: it must be 0 or more")
    two = options.scheduler is not None and options.cluster is not None
    require(not two, "--scheduler and --cluster: only one of them can be given")
    return ClusterOptions(options.workers, options.scheduler, options.cluster)


@contextlib.contextmanager
def connected(options: ClusterOptions, timeout: float = 30.0) -> Iterator[Client]:
    """Connect to a cluster; one that was started for this ends with the context.

    Raises:
        InputError: there is no such cluster, or it cannot be started.
    """
    logging.getLogger("distributed").setLevel(logging.ERROR)  # the jobs' ends report deaths of workers
    with dask.config.set(SETTINGS), contextlib.ExitStack() as stack:
        address = options.scheduler or stack.enter_context(_started(options))
        try:
            client = stack.enter_context(Client(address, timeout=timeout))
        except (OSError, ValueError) as error:
            raise InputError(f"scheduler {options.scheduler} does not answer: {error}") from error
        print(f"dashboard: {client.dashboard_link}", file=sys.stderr)
        if options.scheduler is None:
            print(f"others may join: --scheduler {client.scheduler.address}", file=sys.stderr)
        yield client


def _started(options: ClusterOptions) -> Any:
    if options.cluster is not None:
        return start_cluster(options.cluster)
    host, port = DASHBOARD
    with socket.socket() as probe:
        address = f"{host}:{port if probe.connect_ex(DASHBOARD) else 0}"  # any free port if the usual one is taken
    return LocalCluster(n_workers=options.workers, threads_per_worker=1, dashboard_address=address)


def start_cluster(path: Path) -> Any:
    """Start the cluster that a file describes.

    Raises:
        InputError: the file or its class is wrong, or the class refuses its arguments.
    """
    file = typed(read_yaml(path), ClusterFile)
    module, _, name = file.class_path.rpartition(".")
    try:
        cluster = getattr(import_module(module), name)(**file.init_args)
        cluster.adapt(minimum_jobs=file.least, maximum_jobs=file.jobs)
    except Exception as error:  # the class may raise anything
        raise InputError(f"cluster {path}: {file.class_path}: {' '.join(str(error).split())}") from error
    return cluster

"""Options of Lightning's Trainer: those that are refused in one line, and those that are adapted to a run folder.

`docs/reference/lightning_options.md` lists every option with its outcome.
"""

import importlib.util
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from jsonargparse import Namespace
from pytorch_lightning import LightningModule
from pytorch_lightning.accelerators import CPUAccelerator
from pytorch_lightning.plugins import DoublePrecision, MixedPrecision, Precision
from pytorch_lightning.strategies import DDPStrategy, SingleDeviceStrategy

from episodic.errors import require
from launcher.arguments import FORMAT, option
from launcher.runs.ranks import rank

#: Weights in half precision would also round the sums behind metrics and the averages of normalisation.
PRECISIONS = ("32-true", "64-true", "bf16-mixed", "16-mixed")
SHORT_PRECISIONS = {"32": "32-true", "64": "64-true", "bf16": "bf16-mixed", "16": "16-mixed"}
#: Strategies start the processes of a run; `ddp_spawn` would send them options that cannot be pickled.
STRATEGIES = re.compile(r"auto|single_device|ddp(_fork|_notebook)?(_find_unused_parameters_(true|false))?")
#: Options that have to keep their default, with the reason.
FIXED: dict[str, tuple[Any, str]] = {
    "overfit_batches": (
        0.0,
        "it would replace the data's own sampling; use --trainer.limit_train_batches and --trainer.limit_val_batches",
    ),
    "use_distributed_sampler": (False, "the data modules share out the data among the processes themselves"),
    "barebones": (False, "it would keep nothing of the run; benchmarks/throughput.py measures raw speed"),
    "model_registry": (None, "checkpoints are kept only in the run's folder"),
}
#: What replaces an option if the model makes its own optimiser steps.
BY_ITSELF = {
    "accumulate_grad_batches": (1, "--data.environments"),
    "gradient_clip_val": (None, "--model.gradient_norm"),
}
#: Environment variables by which a cluster tells a process that it is one of several.
CLUSTER = ("MASTER_ADDR", "TORCHELASTIC_RUN_ID", "SLURM_NTASKS", "LSB_JOBID", "OMPI_COMM_WORLD_SIZE", "PMI_SIZE")


def prepare_options(options: dict[str, Any], model: LightningModule) -> None:
    """Check the arguments of a Trainer, and change in place those that mean something else here.

    Raises:
        InputError: an option that cannot work with this model or machine.
    """
    for name, (default, reason) in FIXED.items():
        value = options.get(name, default)
        require(value in (None, default), f"trainer.{name} is {value}: {reason}")
    _prepare_precision(options)
    _check_strategy(options)
    _check_updates(options, model)
    interval = options.get("check_val_every_n_epoch")
    require(
        interval is None or interval >= 1,
        f"trainer.check_val_every_n_epoch is {interval}: it must be 1 or more; --trainer.limit_val_batches 0 leaves "
        "validation out",
    )
    require(
        options.get("profiler") != "xla" or importlib.util.find_spec("torch_xla") is not None,
        "trainer.profiler is xla: it needs the package torch_xla; use simple, advanced or pytorch",
    )


def check_root(settings: Namespace, arguments: Sequence[str]) -> None:
    """Refuse a `default_root_dir`, except the one that a run's own config records.

    Args:
        settings: of the command.
        arguments: of the command line.

    Raises:
        InputError: it is given on the command line or in a config of the user's.
    """
    root, configs = settings.trainer.default_root_dir, [Path(str(path)) for path in settings.get("config") or []]
    recorded = any(path.read_text(encoding="utf-8", errors="replace").startswith(FORMAT) for path in configs)
    if option(arguments, "--trainer.default_root_dir") is None and recorded:
        return
    require(root is None, f"trainer.default_root_dir is {root}: runs are kept under --run.root, so use that")


def on_cpu(options: dict[str, Any]) -> bool:
    """Whether the Trainer will compute on the CPU."""
    accelerator = options.get("accelerator") or "auto"
    if accelerator == "auto":
        return not torch.cuda.is_available() and not torch.backends.mps.is_available()
    return accelerator == "cpu" or isinstance(accelerator, CPUAccelerator)


def _prepare_precision(options: dict[str, Any]) -> None:
    plugins = options.get("plugins") or []
    for plugin in plugins if isinstance(plugins, list) else [plugins]:
        kinds = (MixedPrecision, DoublePrecision)
        require(
            not isinstance(plugin, Precision) or isinstance(plugin, kinds) or type(plugin) is Precision,
            f"trainer.plugins has {type(plugin).__name__}: use --trainer.precision, one of {', '.join(PRECISIONS)}",
        )
    given = options.get("precision")
    if given is None:
        return
    precision = SHORT_PRECISIONS.get(str(given), str(given))
    require(precision in PRECISIONS, f"trainer.precision is {given}: it must be one of {', '.join(PRECISIONS)}")
    if precision == "16-mixed" and on_cpu(options):
        precision = "bf16-mixed"
        if rank() == 0:
            print("warning: trainer.precision 16-mixed needs a GPU: this CPU computes in bf16-mixed", file=sys.stderr)
    options["precision"] = precision


def _check_strategy(options: dict[str, Any]) -> None:
    strategy, nodes = options.get("strategy", "auto"), options.get("num_nodes", 1)
    named = strategy if isinstance(strategy, str) else type(strategy).__name__
    known = bool(STRATEGIES.fullmatch(strategy)) if isinstance(strategy, str) else _starts_processes(strategy)
    require(known, f"trainer.strategy is {named}: it must be auto, ddp (one process per device) or single_device")
    require(
        nodes <= 1 or any(name in os.environ for name in CLUSTER),
        f"trainer.num_nodes is {nodes}: start each node's processes by torchrun or a cluster, which set MASTER_ADDR",
    )
    require(
        not options.get("sync_batchnorm") or not on_cpu(options),
        "trainer.sync_batchnorm is true: torch synchronises batch normalisation on GPUs only",
    )


def _starts_processes(strategy: object) -> bool:
    """Whether a strategy object can start this project's processes."""
    if isinstance(strategy, DDPStrategy):
        return getattr(strategy, "_start_method", None) != "spawn"
    return isinstance(strategy, SingleDeviceStrategy)


def _check_updates(options: dict[str, Any], model: LightningModule) -> None:
    if not model.automatic_optimization:
        for name, (default, instead) in BY_ITSELF.items():
            value, kind = options.get(name, default), type(model).__name__
            require(
                value in (None, default),
                f"trainer.{name} is {value}: {kind} makes its own optimiser steps, so use {instead}",
            )
    algorithm = options.get("gradient_clip_algorithm")
    require(
        algorithm is None or options.get("gradient_clip_val") is not None,
        f"trainer.gradient_clip_algorithm is {algorithm}: without --trainer.gradient_clip_val nothing is clipped"
        + ("; --model.gradient_norm clips by the norm" if not model.automatic_optimization else ""),
    )

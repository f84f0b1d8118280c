"""Training speed of the encoders of drawings: in 16 and in 32 bits, through Lightning, and of their input alone.

    python benchmarks/encoders.py [--batch-size 64] [--threads 2] [--rounds 5] [--steps 8] [--device auto|cpu|cuda]
        [--channels N] [--characters 10]

Prints one JSON object: images a second.

- `residual_bf16`, `residual_32`, `convolutional_bf16`, `convolutional_32`, `autoencoder_bf16`, `autoencoder_32`: whole
  training steps in a bare loop over the modules' own (batch, augmentation, forward, objective, backward, optimiser,
  schedule, moving average of the encoder's weights).
- `residual_bf16_lightning`: the same steps through Lightning.
- `input`, `autoencoder_input`: the encoders' and the autoencoder's batches, deformed or turned, on the device.

`input_share` is what the input alone takes of a step's time; on a CUDA device, which computes while the next batch is
made, it is the most that it can cost.

Models and data are those of the shipped configs but for the size of a batch, which is the same for all, and the
backbone. The variants take turns, so that a machine that slows down or speeds up meanwhile does so for all of them;
speeds are medians over the rounds, ratios medians of the ratios within a round. The first step of each turn warms up
and is not measured. Drawings are Omniglot's where OMNIGLOT_ROOT names a folder that holds it, else generated ones,
which have fewer classes. On a CUDA device `peak_mebibytes` is the memory that training needs.
"""

import argparse
import json
import platform
import re
import statistics
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, islice, repeat
from pathlib import Path
from typing import Any, NamedTuple

import pytorch_lightning as pl
import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import cli  # noqa: F401  # so that the configs' short names are known
from benchmarks.arguments import device, positive
from benchmarks.omniglot_input import find_drawings
from benchmarks.throughput import ratio
from benchmarks.timing import take_turns
from datamodules.omniglot import DrawingBatch, OmniglotDataModule
from launcher.main import run
from launcher.stage_cli import TRAINER_DEFAULTS, StageCLI
from lightning_modules.autoencoder import OmniglotAutoencoder
from lightning_modules.omniglot_encoder import OmniglotEncoder
from lightning_modules.randomness import step_generator

CONFIGS = Path(__file__).resolve().parent.parent / "configs"
#: Config and what is changed in it, by the name of the stage.
STAGES = {
    "residual": ("omniglot_encoder", ["--model.backbone", "residual"]),
    "convolutional": ("omniglot_encoder", ["--model.backbone", "convolutional"]),
    "autoencoder": ("autoencoder", []),
}
PRECISIONS = {"bf16": "bf16-mixed", "32": "32-true"}


class BuildOnly(StageCLI):
    """Builds what a config names for `fit`, and runs nothing."""

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        # Each takes a third of a second to describe.
        return {"fit": StageCLI.subcommands()["fit"]}

    def _run_subcommand(self, subcommand: str) -> None:
        """Nothing."""


@dataclass(frozen=True)
class Stage:
    """A model and its drawings."""

    model: OmniglotEncoder | OmniglotAutoencoder
    data: OmniglotDataModule

    def batches(self, count: int) -> Iterator[DrawingBatch]:
        """The first `count` training batches; after an epoch's last comes its first again."""
        return islice(chain.from_iterable(repeat(self.data.train_dataloader())), count)

    def inputs(self, batch: DrawingBatch, index: int) -> Tensor:
        """What the network is given in a training step, `[B, 1, S, S]`."""
        generator = step_generator(self.model, index)
        if isinstance(self.model, OmniglotEncoder):
            return self.model.augmented(batch.images, generator)
        return self.model.training_pair(batch.images, generator)[0]


def build(config: str, changes: list[str]) -> Stage:
    """A shipped config's model and data, changed by options of the command line, ready for training."""
    trainer = ["--trainer.accelerator", "cpu", "--trainer.logger", "false", "--trainer.enable_checkpointing", "false"]
    built = BuildOnly(["fit", "--config", str(CONFIGS / f"{config}.yaml"), *trainer, *changes])
    built.datamodule.prepare_data()
    built.datamodule.setup("fit")
    return Stage(built.model, built.datamodule)


@dataclass(frozen=True)
class Setting:
    """What all measurements share; `steps` is how many are measured in a turn."""

    steps: int
    device: torch.device

    def now(self) -> float:
        """The time, once the device has done all that it was given."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()


class Measured(NamedTuple):
    """What one turn of a variant gave."""

    rate: float  # images a second
    peak: int  # most bytes allocated on a CUDA device; 0 on a CPU


class Variant(ABC):
    """Something to measure; calling it is one turn."""

    def __init__(self, stage: Stage, setting: Setting, precision: str = "bf16") -> None:
        self.stage, self.setting, self.precision = stage, setting, precision

    @abstractmethod
    def seconds(self) -> float:
        """Time of all steps but the first."""

    def __call__(self) -> Measured:
        model, setting = self.stage.model, self.setting
        on_cuda = setting.device.type == "cuda"
        model.to(setting.device).train()
        if on_cuda:
            torch.cuda.reset_peak_memory_stats(setting.device)
        seconds = self.seconds()
        peak = torch.cuda.max_memory_allocated(setting.device) if on_cuda else 0
        model.zero_grad()
        model.cpu()  # so that it counts for no other variant's memory
        return Measured(setting.steps * self.stage.data.batch_size / seconds, peak)

    def time_steps(self, step: Callable[[DrawingBatch, int], object]) -> float:
        """Seconds of all steps but the first, on batches on the device."""
        begun = 0.0
        for index, (images, labels) in enumerate(self.stage.batches(self.setting.steps + 1)):
            step(DrawingBatch(images.to(self.setting.device), labels.to(self.setting.device)), index)
            begun = begun or self.setting.now()
        return self.setting.now() - begun

    def autocast(self) -> torch.autocast:
        """The precision, as Lightning has it."""
        kind, enabled = self.setting.device.type, self.precision == "bf16"
        return torch.autocast(kind, torch.bfloat16, enabled=enabled, cache_enabled=False)


class Input(Variant):
    """The data alone: batches cut, moved to the device and changed at random."""

    def seconds(self) -> float:
        return self.time_steps(self._change)

    def _change(self, batch: DrawingBatch, index: int) -> None:
        with self.autocast():
            self.stage.inputs(batch, index)


class BareLoop(Variant):
    """Training in a plain loop over the module's own steps."""

    def seconds(self) -> float:
        model, steps = self.stage.model, self.setting.steps + 1
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        model.optimisation.configure(trained, lambda: steps, "step")
        seconds = self.time_steps(self._train)
        model.optimisation.optimizer.state.clear()
        return seconds

    def _train(self, batch: DrawingBatch, index: int) -> None:
        model, optimisation = self.stage.model, self.stage.model.optimisation

        def closure() -> Tensor:
            with self.autocast():
                loss = model.training_step(batch, index)
            optimisation.optimizer.zero_grad()
            loss.backward()
            return loss

        model.optimizer_step(0, index, optimisation.optimizer, closure)
        if optimisation.scheduler is not None:
            optimisation.scheduler.step()


class Clock(pl.Callback):
    """Times training from the end of its first batch to that of its last."""

    begun = ended = 0.0

    def __init__(self, setting: Setting) -> None:
        self.setting = setting

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *args: object) -> None:
        # The device is waited for only there, as in the bare loop.
        if trainer.global_step == 1:
            self.begun = self.setting.now()
        elif trainer.global_step == trainer.max_steps:
            self.ended = self.setting.now()


class ThroughLightning(Variant):
    """Training by Lightning's loop."""

    def seconds(self) -> float:
        clock, defaults = Clock(self.setting), dict[str, Any](TRAINER_DEFAULTS)
        trainer = pl.Trainer(
            accelerator="gpu" if self.setting.device.type == "cuda" else "cpu",
            devices=1,
            precision=PRECISIONS[self.precision],  # type: ignore[arg-type]
            max_epochs=-1,
            max_steps=self.setting.steps + 1,
            limit_val_batches=0,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            callbacks=[clock],
            **defaults,
        )
        trainer.fit(self.stage.model, datamodule=self.stage.data)
        return clock.ended - clock.begun


def build_stages(arguments: argparse.Namespace, scratch: Path) -> tuple[dict[str, Stage], bool]:
    """All stages by name, and whether their drawings are Omniglot's."""
    root, official = find_drawings(scratch, arguments.characters)
    data = ["--data.root", str(root), "--data.check_counts", str(official).lower()]
    if not official:  # Omniglot is decoded for training anyway
        data += ["--data.cache_dir", str(scratch / "cache")]
    common = [*data, "--data.batch_size", str(arguments.batch_size), "--run.root", str(scratch)]
    if arguments.channels is not None:
        common += ["--model.channels", str(arguments.channels)]
    return {name: build(config, [*common, *changes]) for name, (config, changes) in STAGES.items()}, official


def build_variants(stages: dict[str, Stage], setting: Setting) -> dict[str, Callable[[], Measured]]:
    """All variants by name."""
    variants: dict[str, Callable[[], Measured]] = {}
    for name, stage in stages.items():
        variants |= {f"{name}_{precision}": BareLoop(stage, setting, precision) for precision in PRECISIONS}
    variants["residual_bf16_lightning"] = ThroughLightning(stages["residual"], setting)
    variants["input"] = Input(stages["residual"], setting)
    variants["autoencoder_input"] = Input(stages["autoencoder"], setting)
    return variants


def summary(found: dict[str, list[Measured]]) -> dict[str, Any]:
    """Medians and ratios over the rounds."""
    rates = {name: [turn.rate for turn in turns] for name, turns in found.items()}
    return {
        "images_per_second": {name: round(statistics.median(each), 1) for name, each in rates.items()},
        "bf16_over_32": {name: ratio(rates, f"{name}_bf16", f"{name}_32") for name in STAGES},
        "lightning_over_bare_loop": ratio(rates, "residual_bf16_lightning", "residual_bf16"),
        "input_share": {name: ratio(rates, name, input_of(name)) for name in trained(found)},
    }


def trained(found: dict[str, list[Measured]]) -> list[str]:
    """Those of the variants that train."""
    return [name for name in found if not name.endswith("input")]


def input_of(name: str) -> str:
    """The variant that is the input of a training variant."""
    return "autoencoder_input" if name.startswith("autoencoder") else "input"


def peaks(found: dict[str, list[Measured]]) -> dict[str, float]:
    """Most MiB that training allocated on a CUDA device, over all rounds."""
    return {name: round(max(turn.peak for turn in found[name]) / 2**20, 1) for name in trained(found)}


def cpu_name() -> str:
    """The processor's model, as the system tells it."""
    information = Path("/proc/cpuinfo")
    text = information.read_text() if information.is_file() else ""
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return found.group(1).strip() if found else platform.processor() or platform.machine()


def measure(arguments: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    """The benchmark's figures."""
    stages, official = build_stages(arguments, scratch)
    found = take_turns(build_variants(stages, Setting(arguments.steps, arguments.device)), arguments.rounds)
    return {
        "drawings": "omniglot" if official else "generated",
        "training_classes": {name: stage.data.train_classes for name, stage in stages.items()},
        **summary(found),
        **({"peak_mebibytes": peaks(found)} if arguments.device.type == "cuda" else {}),
    }


def any_device(text: str) -> torch.device:
    """A device that is there; `auto` takes a CUDA device before the CPU."""
    return device(("cuda" if torch.cuda.is_available() else "cpu") if text == "auto" else text)


def parsed(given: list[str]) -> argparse.Namespace:
    """The command line's arguments."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--batch-size", type=positive, default=64)
    parser.add_argument("--threads", type=positive, default=2)
    parser.add_argument("--rounds", type=positive, default=5)
    parser.add_argument("--steps", type=positive, default=8, help="that are measured in a turn")
    parser.add_argument("--device", type=any_device, default="auto", help="auto, cpu or cuda")
    parser.add_argument("--channels", type=positive, help="of every network; the configs' where it is left out")
    parser.add_argument("--characters", type=positive, default=10, help="of each generated alphabet")
    return parser.parse_args(given)


def benchmark(given: list[str]) -> None:
    """Measure and print."""
    arguments = parsed(given)
    torch.set_num_threads(arguments.threads)
    with tempfile.TemporaryDirectory() as scratch:
        figures = measure(arguments, Path(scratch))
    on_cuda = arguments.device.type == "cuda"
    result = {
        "batch_size": arguments.batch_size,
        "steps": arguments.steps,
        "channels": arguments.channels,
        "device": torch.cuda.get_device_name(arguments.device) if on_cuda else "cpu",
        "cpu": cpu_name(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        **figures,
    }
    print(json.dumps(result))


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark; returns the exit status. One line on standard error where the input is at fault."""
    return run(benchmark, sys.argv[1:] if arguments is None else arguments)


if __name__ == "__main__":
    sys.exit(main())

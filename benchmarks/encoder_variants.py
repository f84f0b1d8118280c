"""Training of the encoders of drawings, measured in a bare loop, through Lightning, and for the input only."""

import sys
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

from datamodules.drawings import DrawingBatch
from datamodules.omniglot import OmniglotDataModule
from launcher.stage_cli import TRAINER_DEFAULTS, StageCLI
from lightning_modules.autoencoder import OmniglotAutoencoder
from lightning_modules.omniglot_encoder import OmniglotEncoder
from lightning_modules.randomness import step_generator

CONFIGS = Path(__file__).resolve().parent.parent / "configs"
PRECISIONS = {"bf16": "bf16-mixed", "32": "32-true"}


class BuildOnly(StageCLI):
    """Builds the model and the data of a config for `fit`, and runs nothing."""

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        # Each takes a third of a second to describe.
        return {"fit": StageCLI.subcommands()["fit"]}

    def _run_subcommand(self, subcommand: str) -> None:
        """Do nothing."""


@dataclass(frozen=True)
class Stage:
    """A model and its drawings."""

    model: OmniglotEncoder | OmniglotAutoencoder
    data: OmniglotDataModule

    def batches(self, count: int) -> Iterator[DrawingBatch]:
        """Return the first `count` training batches; the epoch repeats if it is shorter."""
        return islice(chain.from_iterable(repeat(self.data.train_dataloader())), count)

    def inputs(self, batch: DrawingBatch, index: int) -> Tensor:
        """Return the network's input in a training step, `[B, 1, S, S]`."""
        generator = step_generator(self.model, index)
        if isinstance(self.model, OmniglotEncoder):
            return self.model.augmented(batch.images, generator)
        return self.model.training_pair(batch.images, generator)[0]


def build(config: str, changes: list[str]) -> Stage:
    """Build a shipped config's model and data, changed by command-line options, ready for training."""
    trainer = ["--trainer.accelerator", "cpu", "--trainer.logger", "false", "--trainer.enable_checkpointing", "false"]
    built = BuildOnly(["fit", "--config", str(CONFIGS / f"{config}.yaml"), *trainer, *changes])
    built.datamodule.prepare_data()
    built.datamodule.setup("fit")
    return Stage(built.model, built.datamodule)


@dataclass(frozen=True)
class Setting:
    """Settings that all measurements share; `steps` is the number of measured steps in a turn."""

    steps: int
    device: torch.device

    def now(self) -> float:
        """Return the time once the device has finished its work."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()


class Measured(NamedTuple):
    """The result of one turn of a variant."""

    rate: float  # images a second
    peak: int  # most bytes allocated on a CUDA device; 0 on a CPU


class Variant(ABC):
    """A way of training to measure; each call is one turn."""

    def __init__(self, stage: Stage, setting: Setting, precision: str = "bf16") -> None:
        self.stage, self.setting, self.precision = stage, setting, precision

    @abstractmethod
    def seconds(self) -> float:
        """Return the time of all steps but the first."""

    def __call__(self) -> Measured:
        model, setting = self.stage.model, self.setting
        on_cuda = setting.device.type == "cuda"
        model.to(setting.device).train()
        if on_cuda:
            torch.cuda.reset_peak_memory_stats(setting.device)
        seconds = self.seconds()
        peak = torch.cuda.max_memory_allocated(setting.device) if on_cuda else 0
        model.zero_grad()
        model.cpu()  # so that it does not count towards another variant's memory
        return Measured(setting.steps * self.stage.data.batch_size / seconds, peak)

    def time_steps(self, step: Callable[[DrawingBatch, int], object]) -> float:
        """Return the seconds of all steps but the first, with batches on the device."""
        begun = 0.0
        for index, (images, labels) in enumerate(self.stage.batches(self.setting.steps + 1)):
            step(DrawingBatch(images.to(self.setting.device), labels.to(self.setting.device)), index)
            begun = begun or self.setting.now()
        return self.setting.now() - begun

    def autocast(self) -> torch.autocast:
        """Return the context of this precision, as Lightning sets it."""
        kind, enabled = self.setting.device.type, self.precision == "bf16"
        return torch.autocast(kind, torch.bfloat16, enabled=enabled, cache_enabled=False)


class Input(Variant):
    """Time the data only: batches are cut, moved to the device and changed at random."""

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
    """Times training from the end of its first batch to the end of its last."""

    begun = ended = 0.0

    def __init__(self, setting: Setting) -> None:
        self.setting = setting

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *args: object) -> None:
        # Only these two calls wait for the device, as in the bare loop.
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

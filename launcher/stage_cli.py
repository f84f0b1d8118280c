"""LightningCLI with run folders, a configuration that always wins, and errors of one line."""

import hashlib
import os
import sys
from pathlib import Path
from typing import Any

import torch
import yaml
from jsonargparse import Namespace
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.cli import LightningArgumentParser, LightningCLI, SaveConfigCallback
from pytorch_lightning.loggers import TensorBoardLogger

from callbacks.checkpoints import (
    CheckpointFiles,
    FiniteLosses,
    LastCheckpoint,
    RandomState,
    RunCheckpoint,
    logged_before,
    nothing_left,
    use_exact_loops,
)
from callbacks.harvest_writer import HarvestWriter
from callbacks.hyperparameters import HyperparameterTab
from callbacks.metrics_csv import MetricsCSV
from callbacks.pictures import keeps_files
from callbacks.prediction_writer import PredictionWriter
from callbacks.progress import TrainingProgress
from callbacks.result_files import MetricsJSON, RegretCSV
from episodic.checkpoints import read_checkpoint
from episodic.errors import InputError, require, require_positive
from launcher.arguments import FORMAT, option
from launcher.model_checks import check_fit, fill_in_drawing_embedder
from launcher.parser import OneLineParser, one_line_errors
from launcher.provenance import without_places
from launcher.run_folder import VERSION_VARIABLE, RunFolder, RunSettings, existing_run, new_run, run_name
from lightning_modules.episodic_agent import EpisodicAgent

TRAINER_DEFAULTS = {
    "use_distributed_sampler": False,  # the data modules share out the data themselves
    "num_sanity_val_steps": 0,  # a run's validation metrics all belong to an epoch
    "enable_model_summary": False,
    "log_every_n_steps": 1,
}


class SaveRunConfig(SaveConfigCallback):
    """Writes `config.yaml` into the folder of a training run; an earlier one is kept beside it.

    What the model took from the data stays open there, so that a test on other data takes it from those.
    """

    def __init__(self, *args: Any, filled_in: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.filled_in = filled_in

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if stage != "fit" or not keeps_files(trainer):
            return
        path = Path(trainer.default_root_dir) / self.config_filename
        config = self.config.clone()
        config.ckpt_path = None
        for name in self.filled_in:
            config.model.init_args[name] = None
        text = f"{FORMAT}\n{self.parser.dump(config, skip_none=False, skip_link_targets=False)}"
        if path.exists() and path.read_text() != text:
            number = len(list(path.parent.glob("config_before_resume_*.yaml")))
            path.rename(path.with_name(f"config_before_resume_{number}.yaml"))
        path.write_text(text)


class StageCLI(LightningCLI):
    """The command line of every stage; model and data are whatever classes the config names."""

    run: RunFolder
    checkpoint: dict[str, Any] | None = None
    fresh = False  # whether the run's folder is yet to be made
    created = False
    finished: str | None = None  # why there is nothing left to do

    def __init__(self, args: list[str] | None = None) -> None:
        self.filled_in: list[str] = []
        super().__init__(
            save_config_callback=SaveRunConfig,
            save_config_kwargs={"filled_in": self.filled_in},
            trainer_defaults=TRAINER_DEFAULTS,
            seed_everything_default=0,
            parser_class=OneLineParser,
            auto_configure_optimizers=False,
            args=args,
        )

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        parser.add_class_arguments(RunSettings, "run")
        parser.add_lightning_class_args(RunCheckpoint, "checkpoint")

    def _parse_ckpt_path(self) -> None:
        """Lightning would let the checkpoint's hyperparameters override the configuration: here it always wins."""

    @property
    def settings(self) -> Namespace:
        """The arguments of the subcommand."""
        settings: Namespace = self.config[str(self.subcommand)]
        return settings

    def before_instantiate_classes(self) -> None:
        self._place_run()
        if (threads := self.settings.run.threads) is not None:
            require_positive(**{"run.threads": threads})
            torch.set_num_threads(threads)
        self._fill_in_sizes()
        self.settings.trainer.default_root_dir = str(self.run.path)
        if self.subcommand == "predict":
            self.settings.return_predictions = False  # they are written to a file, and would fill the memory

    def instantiate_classes(self) -> None:
        with one_line_errors(ValueError, TypeError, MisconfigurationException):
            super().instantiate_classes()

    def _run_subcommand(self, subcommand: str) -> None:
        if self.finished is not None:
            print(self.finished, file=sys.stderr)
            return
        try:
            with one_line_errors(MisconfigurationException):
                super()._run_subcommand(subcommand)
        except InputError:
            if self.created:
                self.run.discard_if_untrained()
            raise

    def _place_run(self) -> None:
        """Find the run's folder, and the checkpoint that the command starts from."""
        settings, asked = self.settings, RunSettings(**self.settings.run.as_dict())
        given = settings.get("ckpt_path")
        name = run_name(asked, [Path(str(path)) for path in settings.get("config") or []])
        resuming = self.subcommand == "fit" and given is not None
        if given is None and self.subcommand == "fit":
            self.run, self.fresh = new_run(asked, name), True
        elif given in (None, "last", "best"):
            self.run = existing_run(asked, name)
            given = str(self.run.last if given == "last" else self.run.best)
            require(Path(given).is_file(), f"nothing to {self._verb(resuming)}: {given} does not exist")
        else:
            home = RunFolder.of_checkpoint(Path(given))
            require(Path(given).is_file(), f"nothing to {self._verb(resuming)}: checkpoint {given} does not exist")
            self.run = self._run_for_checkpoint(asked, name, home)
        if given is not None:
            self.checkpoint = read_checkpoint(given)
            settings.ckpt_path = given
        run = {"root": str(self.run.root), "name": self.run.name, "version": self.run.version}
        settings.run = Namespace(**run, threads=asked.threads)

    def _verb(self, resuming: bool) -> str:
        return "resume" if resuming else str(self.subcommand)

    def _run_for_checkpoint(self, asked: RunSettings, name: str, home: RunFolder | None) -> RunFolder:
        """A checkpoint is taken up in its own run, unless another name or version is asked for."""
        if home is not None and home.config.is_file():
            elsewhere = asked.version is not None and RunFolder(Path(asked.root), name, asked.version)
            if not elsewhere or elsewhere.path.absolute() == home.path.absolute() or not self._placed_by_hand():
                return home
        self.fresh = True
        return new_run(asked, name)

    def _placed_by_hand(self) -> bool:
        """Whether a place stands on the command line itself, rather than in a run's saved config."""
        names = ("--run.root", "--run.name", "--run.version")
        return any(option(self.arguments, name) is not None for name in names)

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        self.arguments = list(args or [])
        super().parse_arguments(parser, args)
        self.subcommand = self.config["subcommand"]
        require(self.settings.get("model") is not None, "no model: --config has to name one, see configs/")

    def _fill_in_sizes(self) -> None:
        """Give the model the data's sizes where its own arguments leave them open."""
        model, data = self.settings.model, self.settings.get("data")
        if data is None:
            return
        parser = self._parser(self.subcommand)
        with one_line_errors(ValueError, TypeError):
            datamodule = parser.instantiate_classes(Namespace(data=data.clone())).data
        sizes = getattr(datamodule, "sizes", {})
        for name, size in {**sizes, "sizes": sizes}.items():
            if name in model.init_args and model.init_args[name] is None:
                model.init_args[name] = size
                if name not in getattr(datamodule, "training_sizes", ()):
                    self.filled_in.append(name)  # left open in config.yaml: a test on other data takes it from those
        fill_in_drawing_embedder(model.init_args)
        # Lightning keeps the first dump of the configuration for the hyperparameters: it must be the filled-in one.
        self.__dict__.pop("config_dump", None)

    def _loggers(self) -> list[Any]:
        if self.settings.trainer.fast_dev_run:
            return []
        purge_step: int | None = None
        kept: int | None = 0
        if self.checkpoint is not None and self.subcommand == "fit":
            kept, step = logged_before(self.checkpoint)
            purge_step = step + 1 if kept is not None else None
        board = TensorBoardLogger(
            save_dir=self.run.root,
            name=self.run.name,
            version=self.run.version,
            default_hp_metric=False,
            purge_step=purge_step,
        )
        return [board, MetricsCSV(self.run.path, kept)] if self.subcommand == "fit" else [board]

    def _instantiate_trainer(self, config: dict[str, Any], callbacks: list[Callback]) -> Trainer:
        if config.get("logger") in (None, True):
            config["logger"] = self._loggers()
        callbacks = [*callbacks, RandomState(), FiniteLosses(), MetricsJSON(), RegretCSV(), HyperparameterTab()]
        best = next(callback for callback in callbacks if isinstance(callback, RunCheckpoint))
        best.dirpath = os.path.realpath(self.run.checkpoints)
        if config.get("enable_checkpointing") is False:
            callbacks.remove(best)
        else:
            callbacks.append(LastCheckpoint(best.dirpath, best.interval))
        if self.subcommand == "predict":
            callbacks.append(self._prediction_writer())
        if config.get("enable_progress_bar") is not False:
            callbacks.append(TrainingProgress())
        files = CheckpointFiles(self.settings.get("ckpt_path"), self.checkpoint)
        config["plugins"] = [*_as_list(config.get("plugins")), files]
        trainer: Trainer = super()._instantiate_trainer(config, callbacks)
        use_exact_loops(trainer)
        if self.subcommand == "fit" and self.checkpoint is not None:
            self.finished = nothing_left(self.checkpoint, trainer)
        return trainer

    def _prediction_writer(self) -> PredictionWriter:
        """What keeps the predictions: an agent's are a harvest, which says where it comes from."""
        if not isinstance(self.model, EpisodicAgent):
            return PredictionWriter()
        digest = hashlib.sha256(Path(str(self.settings.ckpt_path)).read_bytes())
        config = without_places(self.config_dump)
        return HarvestWriter(digest.hexdigest(), yaml.safe_dump(config, sort_keys=False, width=110))

    def after_instantiate_classes(self) -> None:
        if self.checkpoint is not None:
            check_fit(self.checkpoint["state_dict"], self.model, str(self.settings.ckpt_path))

    def _take_folder(self) -> None:
        """Make the folder of a new run, before anything is written; one that is in use is never written to."""
        if self.fresh and keeps_files(self.trainer):
            self.run.create()
            self.created = True
        os.environ[VERSION_VARIABLE] = self.run.version  # for the processes of a distributed run

    before_fit = before_test = before_predict = _take_folder


def _as_list(value: Any) -> list[Any]:
    """The parts of an argument that takes one value, or several, or none."""
    return [] if value is None else list(value) if isinstance(value, list | tuple) else [value]

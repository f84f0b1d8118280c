"""LightningCLI with run folders, a configuration that always wins, and errors of one line."""

import hashlib
import os
import sys
from argparse import SUPPRESS
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
import yaml
from jsonargparse import Namespace
from pytorch_lightning import Trainer
from pytorch_lightning.callbacks import Callback, ProgressBar
from pytorch_lightning.cli import LightningArgumentParser, LightningCLI

import launcher.short_names  # noqa: F401 -- configs name these classes by their short names
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
from callbacks.loggers import logging_callbacks
from callbacks.monitor_check import with_monitor_check
from callbacks.prediction_writer import PredictionWriter
from callbacks.progress import TrainingProgress
from callbacks.result_files import MetricsJSON, RegretCSV
from callbacks.tuned_settings import FINDERS, TunedSettings
from episodic.checkpoints import read_checkpoint
from launcher.arguments import TRUST
from launcher.errors.config_files import check_config, given_configs
from launcher.errors.failures import input_failures, of_input
from launcher.errors.known_options import option_names
from launcher.errors.settings_checks import check_settings
from launcher.exports.provenance import without_places
from launcher.help.formatter import name_sections
from launcher.help.overview import COMMANDS
from launcher.help.part_help import print_part_help
from launcher.loggers.logger_runs import finishing, start_loggers
from launcher.loggers.making import EarlierLogs, make_loggers
from launcher.model_checks import check_fit, check_stage, fill_in_drawing_embedder
from launcher.parser import OneLineParser
from launcher.runs.latest import resolve_all
from launcher.runs.placement import Request, occupy, place
from launcher.runs.run_folder import RunFolder, RunSettings
from launcher.runs.saved_config import SaveRunConfig
from launcher.summaries.summary import summarised
from launcher.trainer.callbacks import check_callbacks
from launcher.trainer.options import check_root, prepare_options
from launcher.trainer.profiles import place_profiler, report_profile
from launcher.trainer.workload import require_done, require_work
from lightning_modules.episodic_agent import EpisodicAgent

TRAINER_DEFAULTS = {
    "use_distributed_sampler": False,  # the data modules share out the data themselves
    "num_sanity_val_steps": 0,  # a run's validation metrics all belong to an epoch
    "enable_model_summary": False,
    "log_every_n_steps": 1,
}


class StageCLI(LightningCLI):
    """The command line of every stage; the config names the classes of model and data."""

    run: RunFolder
    checkpoint: dict[str, Any] | None = None
    finished: str | None = None  # why there is nothing left to do

    def __init__(self, args: list[str] | None = None) -> None:
        self.filled_in: list[str] = []
        self.arguments = list(args or [])
        if print_part_help(self.arguments):
            raise SystemExit(0)
        with ExitStack() as self.cleanup:  # gives the run's folder back
            super().__init__(
                save_config_callback=SaveRunConfig,
                save_config_kwargs={"filled_in": self.filled_in},
                trainer_defaults=TRAINER_DEFAULTS,
                parser_class=OneLineParser,
                auto_configure_optimizers=False,
                args=args,
            )

    def add_default_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        parser.add_argument(
            "--seed_everything", type=int, default=0, help="Seed of all random numbers, from 0 to 4294967295."
        )

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        parser.add_class_arguments(RunSettings, "run")
        parser.add_lightning_class_args(RunCheckpoint, "checkpoint")
        # Only for the help: `with_run_config` takes it off the command line.
        help_text = "use the config beside --ckpt_path without checking its classes and folders; see SECURITY.md"
        parser.add_argument(TRUST, action="store_true", default=SUPPRESS, help=help_text)

    def _prepare_subcommand_parser(self, klass: type, subcommand: str, **kwargs: Any) -> LightningArgumentParser:
        """Describe a command as the overview does, with a title for each section; leave the other commands empty."""
        if set(self.arguments[:1]) & (set(COMMANDS) - {subcommand}):
            return self.init_parser(**kwargs)  # to fill it takes as long as to fill the one that is asked for
        description = {"description": COMMANDS[subcommand]}
        parser: LightningArgumentParser = super()._prepare_subcommand_parser(klass, subcommand, **kwargs | description)
        name_sections(parser)
        return parser

    def _parse_ckpt_path(self) -> None:
        """Lightning would let the checkpoint's hyperparameters override the configuration: here it always wins."""

    @property
    def settings(self) -> Namespace:
        """The arguments of the subcommand."""
        settings: Namespace = self.config[str(self.subcommand)]
        return settings

    def before_instantiate_classes(self) -> None:
        require_work(str(self.subcommand), self.settings)
        self._place_run()
        if (threads := self.settings.run.threads) is not None:
            torch.set_num_threads(threads)
        self._fill_in_sizes()
        check_root(self.settings, self.arguments)
        self.settings.trainer.default_root_dir = str(self.run.path)
        if self.subcommand == "predict":
            self.settings.return_predictions = False  # they are written to a file, and would fill the memory

    def instantiate_classes(self) -> None:
        trainer = self.settings.trainer
        self.named_loggers, trainer.logger = trainer.logger, None  # see `_add_loggers`
        with of_input("building the model, the data or the trainer"):
            super().instantiate_classes()
        trainer.logger = self.named_loggers

    def _run_subcommand(self, subcommand: str) -> None:
        if self.finished is not None:
            print(self.finished, file=sys.stderr)
            return
        with finishing(self.trainer), input_failures(), summarised(self):
            super()._run_subcommand(subcommand)
            require_done(self.trainer, subcommand)
        report_profile(self.trainer)

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        """Lightning's commands, without its own table of metrics: the summary has one."""
        return {name: {*skipped, "verbose"} for name, skipped in LightningCLI.subcommands().items()}

    def _prepare_subcommand_kwargs(self, subcommand: str) -> dict[str, Any]:
        table = {"verbose": False} if subcommand in ("validate", "test") else {}
        arguments: dict[str, Any] = super()._prepare_subcommand_kwargs(subcommand)
        return arguments | table

    def _place_run(self) -> None:
        """Take the run's folder, and read the checkpoint that the command starts from."""
        settings, asked = self.settings, RunSettings(**self.settings.run.as_dict())
        configs = [Path(str(path)) for path in settings.get("config") or []]
        placement = place(Request(str(self.subcommand), asked, configs, settings.get("ckpt_path"), self.arguments))
        self.run = occupy(placement, self.cleanup, writes=not settings.trainer.fast_dev_run)
        if placement.checkpoint is not None:  # read now that no other process writes to the run
            settings.ckpt_path = str(placement.checkpoint)
            self.checkpoint = read_checkpoint(placement.checkpoint)
        resolve_all(settings, "model", required=self.checkpoint is None)
        resolve_all(settings, "data", required=True)
        run = {"root": str(self.run.root), "name": self.run.name, "version": self.run.version}
        settings.run = Namespace(**run, threads=asked.threads)

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        with of_input("reading the command line"):
            for path in given_configs(self.arguments):
                check_config(path, option_names(parser))
            super().parse_arguments(parser, args)
        self.subcommand = self.config["subcommand"]
        check_settings(self.settings)

    def _fill_in_sizes(self) -> None:
        """Give the model the data's sizes where its own arguments leave them open."""
        model, data = self.settings.model, self.settings.data
        parser = self._parser(self.subcommand)
        with of_input("building the data"):
            datamodule = parser.instantiate_classes(Namespace(data=data.clone())).data
            check_stage(model.class_path, datamodule)
        sizes = getattr(datamodule, "sizes", {})
        for name, size in {**sizes, "sizes": sizes}.items():
            if name in model.init_args and model.init_args[name] is None:
                model.init_args[name] = size
                if name not in getattr(datamodule, "training_sizes", ()):
                    self.filled_in.append(name)  # left open in config.yaml: a test on other data takes it from those
        fill_in_drawing_embedder(model.init_args)
        # Lightning keeps the first dump of the configuration for the hyperparameters: it must be the filled-in one.
        self.__dict__.pop("config_dump", None)

    def _add_loggers(self) -> None:
        """Give the trainer its loggers, once the run's folder is taken: some of them write into it at once."""
        if self.settings.trainer.fast_dev_run or self.named_loggers is False:
            return
        kept = EarlierLogs() if self.subcommand == "fit" else None
        if kept is not None and self.checkpoint is not None:
            rows, step = logged_before(self.checkpoint)
            kept = EarlierLogs(rows, step if rows is not None else None)
        named = None if self.subcommand == "predict" else self.named_loggers  # it logs nothing
        self.trainer.loggers = make_loggers(named, self.run, self._parser(self.subcommand), kept)
        start_loggers(self.trainer, self.run)

    def _instantiate_trainer(self, config: dict[str, Any], callbacks: list[Callback]) -> Trainer:
        chosen, resumes = _as_list(config.get("callbacks")), self.subcommand == "fit" and self.checkpoint is not None
        prepare_options(config, self.model)
        check_callbacks(chosen, self.model, self.datamodule, resumes)
        place_profiler(config, self.run.path)
        config["logger"] = False  # until the run's folder is taken
        callbacks = [*callbacks, RandomState(), FiniteLosses(), MetricsJSON(), RegretCSV()]
        callbacks += logging_callbacks(self.checkpoint)
        if self.subcommand == "fit":
            config = with_monitor_check(config, callbacks, self.model)
        best = next(callback for callback in callbacks if isinstance(callback, RunCheckpoint))
        best.dirpath = os.path.realpath(self.run.checkpoints)
        if config.get("enable_checkpointing") is False:
            callbacks.remove(best)
        else:
            callbacks.append(LastCheckpoint(best.dirpath, best.interval))
        if self.subcommand == "predict":
            callbacks.append(self._prediction_writer())
        callbacks += [TunedSettings(callback) for callback in chosen if isinstance(callback, FINDERS)]
        own_bar = not any(isinstance(callback, ProgressBar) for callback in chosen)
        if config.get("enable_progress_bar") is not False and own_bar:
            callbacks.append(TrainingProgress())
        files = CheckpointFiles(self.settings.get("ckpt_path"), self.checkpoint)
        config["plugins"] = [*_as_list(config.get("plugins")), files]
        trainer: Trainer = super()._instantiate_trainer(config, callbacks)
        use_exact_loops(trainer)
        if self.subcommand == "fit" and self.checkpoint is not None:
            self.finished = nothing_left(self.checkpoint, trainer)
        return trainer

    def _prediction_writer(self) -> PredictionWriter:
        """The writer of predictions: an agent's are a harvest, which records its origin."""
        if not isinstance(self.model, EpisodicAgent):
            return PredictionWriter()
        digest = hashlib.sha256(Path(str(self.settings.ckpt_path)).read_bytes())
        config = without_places(self.config_dump)
        return HarvestWriter(digest.hexdigest(), yaml.safe_dump(config, sort_keys=False, width=110))

    def after_instantiate_classes(self) -> None:
        if self.checkpoint is not None:
            check_fit(self.checkpoint["state_dict"], self.model, str(self.settings.ckpt_path))

    before_fit = before_validate = before_test = before_predict = _add_loggers


def _as_list(value: Any) -> list[Any]:
    """The parts of an argument that takes one value, or several, or none."""
    return [] if value is None else list(value) if isinstance(value, list | tuple) else [value]

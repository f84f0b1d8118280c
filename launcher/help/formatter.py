"""The look of `--help`: coloured on a terminal, a line or two for an option, rare options on a separate page."""

import re
from argparse import SUPPRESS, Action
from collections.abc import Iterable
from copy import copy
from typing import Any

from jsonargparse import ArgumentParser, DefaultHelpFormatter, Namespace
from rich_argparse import RichHelpFormatter

#: Longest explanation of an option.
LONGEST = 160
#: Titles of the sections of a command.
TITLES = {
    "trainer": "trainer: how it runs; --trainer.help lists all options",
    "model": "model: what is trained",
    "data": "data: what it learns from",
    "run": "run: where its files lie",
    "checkpoint": "checkpoint: which state of the training is kept as best.ckpt",
}
#: Explanations of the parts, and of the trainer's options that the help for a command lists.
EXPLANATIONS = {
    "config": "a YAML file of options, see configs/; a later one, and the command line, win",
    "print_config": "print all options with their values, and exit",
    "seed_everything": "seed of all random numbers",
    "model": "a class; --model.OPTION VALUE sets an option. --model.help lists the classes, --model.help CLASS its "
    "options, --model.memory.help the classes of a part",
    "data": "a class; --data.OPTION VALUE sets an option. --data.help lists the classes, --data.help CLASS its "
    "options, --data.task.help the classes of a part",
    "trainer.accelerator": "auto, cpu, gpu, or mps",
    "trainer.accumulate_grad_batches": "batches between two steps of the optimiser",
    "trainer.callbacks": "list of callbacks, '[]' for none; --trainer.callbacks+ adds one, --trainer.callbacks.help "
    "lists the classes",
    "trainer.check_val_every_n_epoch": "epochs between two validations",
    "trainer.deterministic": "use only deterministic algorithms: true, false, or warn",
    "trainer.devices": "number of processes or GPUs, a list of GPUs, or auto",
    "trainer.enable_progress_bar": "show the progress",
    "trainer.fast_dev_run": "try the command with so many batches, and write no files",
    "trainer.limit_test_batches": "test batches: a number, or a share if it is a fraction",
    "trainer.limit_train_batches": "training batches of an epoch: a number, or a share if it is a fraction",
    "trainer.limit_val_batches": "validation batches: a number, or a share if it is a fraction",
    "trainer.logger": "list of loggers, or false; --trainer.logger.help lists the classes",
    "trainer.max_epochs": "epochs of the training",
    "trainer.max_steps": "steps of the optimisers after which the training stops",
    "trainer.max_time": "time after which the training stops, as DD:HH:MM:SS",
    "trainer.precision": "32-true, 64-true, 16-mixed or bf16-mixed",
    "trainer.profiler": "simple, advanced, or pytorch",
    "trainer.strategy": "auto, ddp, and others of Lightning's",
    "ckpt_path": "checkpoint to start from: a file, best, or last",
    "weights_only": "checkpoints are read as tensors and plain data in any case",
}

#: Names of the values of some of them.
METAVARS = {
    "config": "FILE",
    "ckpt_path": "FILE",
    "trainer.accelerator": "NAME",
    "trainer.strategy": "NAME",
    "trainer.precision": "NAME",
    "trainer.profiler": "NAME",
    "trainer.logger": "LIST",
    "trainer.callbacks": "LIST",
}


class OptionsFormatter(RichHelpFormatter, DefaultHelpFormatter):
    """jsonargparse's formatter with rich's colours and short explanations."""

    help_markup = text_markup = False  # brackets in explanations are no markup
    group_name_formatter = str  # titles stay as they are written

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"max_help_position": 34, **kwargs})

    def add_usage(self, usage: str | None, actions: Iterable[Action], groups: Any, prefix: str | None = None) -> None:
        """Leave out the list of all options, which the sections hold anyway."""
        if usage is not SUPPRESS:
            whole = "%(prog)s" if prefix == "" else "%(prog)s [--config FILE] [options]"
            super().add_usage(whole, [], groups, "usage: " if prefix is None else prefix)

    def add_argument(self, action: Action) -> None:
        """Leave out options for help about a part, one for each part, and for files of a single section."""
        file_of_section = action.metavar == "CONFIG" and action.dest != "config"
        if not (action.dest.endswith(".help") or file_of_section):
            super().add_argument(action)

    def _rich_format_action_invocation(self, action: Action) -> Any:
        """Leave out `--name+`, which appends to a list."""
        shown = copy(action)
        shown.option_strings = [name for name in action.option_strings if not name.endswith("+")]
        if action.dest in ("model", "data"):
            shown.metavar = "CLASS"
        return super()._rich_format_action_invocation(shown)

    def _get_default_metavar_for_optional(self, action: Action) -> str:
        """The type of the value, instead of the option's name."""
        if (name := METAVARS.get(action.dest)) is not None:
            return name
        kind = re.sub(r"^(?:Union|Optional)\[(.*)\]$", r"\1", self._get_type_str(action) or "")
        parts = {part.strip() for part in re.split(r"[,|]", kind)} - {"null"}
        if parts <= {"str", "int", "float", "bool"} and parts != {""}:
            return "|".join(sorted(parts))
        return "VALUE" if re.search(r"dict|list|Literal|^$", kind) else "CLASS"

    def _get_help_string(self, action: Action) -> str:
        """The first sentence, with the default; the classes that a part takes are left to `--PART.help`."""
        explanation = EXPLANATIONS.get(action.dest)
        if explanation is None:
            text = re.sub(r"\s+", " ", re.sub(r"``|\(default: [^)]*\)", "", action.help or "")).strip()
            explanation = re.split(r"(?<=[.!?])\s+(?=[A-Z])", text)[0].rstrip(". ")
        sentence = explanation if len(explanation) <= LONGEST else explanation[: LONGEST - 3] + "..."
        if action.required:
            return f"{sentence} (required)"
        if action.default in (SUPPRESS, None) or action.dest == "config":
            return sentence
        named = action.default.get("class_path") if isinstance(action.default, dict | Namespace) else None
        return f"{sentence} (default: {str(named).rpartition('.')[2] if named else '%(default)s'})"


class CommandFormatter(OptionsFormatter):
    """The same for a whole command, without the trainer's rare options."""

    def add_argument(self, action: Action) -> None:
        if not action.dest.startswith("trainer.") or action.dest in EXPLANATIONS:
            super().add_argument(action)


def name_sections(parser: ArgumentParser) -> None:
    """Give the sections of a command titles that describe their purpose."""
    for name, group in (parser.groups or {}).items():
        group.title = TITLES.get(name, "checkpoint file")

"""Runs a command, and turns what the user can mend into one line and an exit status."""

import logging
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from typing import Protocol

from errors import InputError
from launcher.arguments import with_run_config
from launcher.messages import one_line
from launcher.run_folder import RunFolder

#: Set to anything, a failed command shows where it failed.
DEBUG_VARIABLE = "EPISODIC_DEBUG"
INTERRUPTED = 130
TERMINATED = 143


class Command(Protocol):
    """A command line that runs when it is made."""

    run: RunFolder


def run(command: Callable[[list[str]], object], arguments: Sequence[str]) -> int:
    """Run `command` with the arguments; returns the exit status.

    0: done. 2: the input is at fault, one line on standard error says how. 130 and 143: interrupted or
    terminated; what was checkpointed can be resumed.
    """
    quieten()
    try:
        cli = command(with_run_config(arguments))
    except InputError as error:
        return _fail(error)
    except KeyboardInterrupt:
        return INTERRUPTED
    except SystemExit as leaving:  # --help, or Lightning after Ctrl-C
        return leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    trainer = getattr(cli, "trainer", None)
    return TERMINATED if trainer is not None and trainer.received_sigterm else 0


def _fail(error: Exception) -> int:
    if os.environ.get(DEBUG_VARIABLE):
        traceback.print_exc()
    print(f"error: {one_line(str(error))}", file=sys.stderr)
    return 2


def quieten() -> None:
    """Leave out what libraries say about themselves and nobody can act on."""
    for library in ("pytorch_lightning", "lightning_fabric", "lightning.fabric", "lightning.pytorch"):
        logging.getLogger(library).setLevel(logging.WARNING)
    for message in (
        ".*does not have many workers.*",
        ".*exists and is not empty.*",
        ".*`isinstance\\(treespec, LeafSpec\\)` is deprecated.*",
        ".*is a wildcard.*",
        ".*Trying to infer the `batch_size`.*",
        ".*GPU available but not used.*",
        "LightningCLI's args parameter.*",
    ):
        warnings.filterwarnings("ignore", message=message)

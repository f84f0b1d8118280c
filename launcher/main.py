"""Runs a command, and turns what the user can mend into one line and an exit status."""

import errno
import logging
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence

from pytorch_lightning.utilities.exceptions import SIGTERMException

from episodic.errors import InputError
from launcher.arguments import with_run_config
from launcher.errors.failures import input_failures
from launcher.messages import one_line

#: Set to anything, a failed command shows its traceback.
DEBUG_VARIABLE = "EPISODIC_DEBUG"
INTERRUPTED = 130
TERMINATED = 143


def run(command: Callable[[list[str]], object], arguments: Sequence[str]) -> int:
    """Run `command` with the arguments; returns the exit status.

    0: done. 2: the input is at fault, one line on standard error says how. 130 and 143: interrupted or
    terminated; what was checkpointed can be resumed.
    """
    quieten()
    try:
        with input_failures():
            command(with_run_config(arguments))
    except InputError as error:
        return _fail(error)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        return _fail(InputError(f"{error.filename or 'a file'} cannot be written: the disk is full"))
    except KeyboardInterrupt:
        return INTERRUPTED
    except SIGTERMException:
        return TERMINATED
    except SystemExit as leaving:  # --help, or Lightning's own way out after Ctrl-C
        if isinstance(leaving.__context__, KeyboardInterrupt):
            return INTERRUPTED
        return leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    return 0


def _fail(error: Exception) -> int:
    if os.environ.get(DEBUG_VARIABLE):
        traceback.print_exc()
    print(f"error: {one_line(str(error))}", file=sys.stderr)
    return 2


def quieten() -> None:
    """Hide messages of libraries that the user cannot act on."""
    for library in ("pytorch_lightning", "lightning_fabric", "lightning.fabric", "lightning.pytorch"):
        logging.getLogger(library).setLevel(logging.WARNING)
    for message in (
        ".*does not have many workers.*",
        ".*exists and is not empty.*",
        ".*`isinstance\\(treespec, LeafSpec\\)` is deprecated.*",
        ".*is a wildcard.*",
        ".*Trying to infer the `batch_size`.*",
        ".*GPU available but not used.*",
        ".*Couldn't infer the batch indices.*",
        ".*in eval mode at the start of training.*",
        "LightningCLI's args parameter.*",
        ".*callbacks used to create the checkpoint need to be provided.*",  # a limit was lifted
        ".*Grad strides do not match bucket view strides.*",
        ".*could not find the monitored key.*",
        ".*is not supported by the model summary.*",
        ".*WeightAveraging callback, but loading a checkpoint outside.*",
        ".*there is no last checkpoint available.*",
        ".*was called without a model.*",
    ):
        warnings.filterwarnings("ignore", message=message)

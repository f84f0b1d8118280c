"""Checks of one command: it is parsed by its own program, and runs no further."""

import argparse
import contextlib
import importlib
import importlib.util
import inspect
import io
import re
import runpy
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.docs.examples import Command
from tests.tiny import PROJECT

#: Programs that are not run, with the reason, and whether `.venv/bin` has them.
OTHER_PROGRAMS = {
    "dask": ("starts a server", True),
    "tensorboard": ("starts a server", True),
    "optuna": ("needs a study's database", True),
    "optuna-dashboard": ("starts a server, and is an install of its own", False),
    "mlflow": ("starts a server", False),
    "mkdocs": ("builds the site, as `make docs` does", False),
    "pre-commit": ("changes the repository", True),
    "wandb": ("sends to a service", True),
    "jupyter": ("starts a server", False),
    "pip": ("installs from the network", True),
    "uv": ("installs from the network", False),
    "docker": ("needs an engine", False),
    "git": ("needs the network", False),
    "srun": ("needs SLURM", False),
    "sbatch": ("needs SLURM", False),
    "export": ("sets a variable of the shell", False),
    "echo": ("writes the user's own settings", False),
    "cd": ("is the shell's", False),
}
#: Words that stand for something that the reader fills in.
PLACEHOLDER = re.compile(
    r"\.\.\.|^\{|^\[\w+\]$|\b(NAME|VERSION|CHECKPOINT|FILE|FOLDER|HOST|URL|SEARCH|GRID|ROOT|HARVEST|PART|CLASS|N|S)\b|\bmy_\w+\.My"
)
#: Beginnings of words that name files of the checkout.
FOLDERS = ("configs/", "experiments/", "examples/", "benchmarks/", "tests/", "docs/")


#: Packages that no extra installs.
OWN_INSTALLS = ("sb3_contrib", "stable_baselines3", "torchrl")
#: Parts of errors that are not the command's, and what it lacks.
LACKING = {
    "this computer has none that torch can use": "needs other hardware",
    "it must be runs/NAME/VERSION": "needs a finished run",
}


class Parsed(BaseException):
    """Ends a program once it has parsed its arguments."""


class Refused(Exception):
    """Says what is wrong with a command."""


def check(command: Command, sandbox: Path, names: dict[str, str]) -> str:
    """Parse a command in the sandbox; return what was done: `parsed`, or a reason why nothing more was.

    Args:
        command: of a page.
        sandbox: a folder that looks like the checkout.
        names: configs of the runs that earlier commands gave a name of their own.

    Raises:
        Refused: the command is wrong.
    """
    words = list(command.words)
    if Path(words[0]).name == "srun":
        words = words[1:]
    program, *arguments = words
    program = Path(program).name
    if any(PLACEHOLDER.search(word) for word in arguments):
        return "parts are to be filled in by the reader"
    for word in arguments:
        if word.startswith(FOLDERS) and not (sandbox / word).exists():
            raise Refused(f"{word} does not exist")
    if program in ("python", "python3") and arguments[0] == "-m":
        main = _main_of(arguments[1])
        return "named in passing" if command.in_passing else _check_main(main, *_without_redirection(arguments[1:]))
    if program in ("python", "python3"):
        program, *arguments = arguments
        if not (PROJECT / program).is_file():
            raise Refused(f"{program} does not exist")
    if program == "cli.py":
        return "named in passing" if command.in_passing else _check_cli(arguments, names)
    if program.endswith(".py"):
        return _check_script(program, arguments)
    if program == "make":
        return _check_make(arguments)
    if program not in OTHER_PROGRAMS:
        raise Refused(f"{program} is not known: tests/docs/checks.py lists programs that are not run")
    reason, installed = OTHER_PROGRAMS[program]
    if installed and not (Path(sys.executable).parent / program).exists() and shutil.which(program) is None:
        raise Refused(f"{program} is not installed by the extras")
    return reason


def _without_redirection(words: list[str]) -> list[str]:
    return words[: words.index(">")] if ">" in words else words


def _check_make(words: list[str]) -> str:
    text = (PROJECT / "Makefile").read_text()
    targets = re.findall(r"^\.PHONY: (.*)$", text, re.MULTILINE)[0].split()
    variables = re.findall(r"^([A-Z]+) [?:]?=", text, re.MULTILINE)
    for word in words:
        name, equals, _ = word.partition("=")
        if name not in (variables if equals else targets):
            raise Refused(f"{name} is no {'variable' if equals else 'target'} of the Makefile")
    return "target and variables exist"


def _check_script(script: str, arguments: list[str]) -> str:
    if "parse_args" not in (PROJECT / script).read_text():
        return "takes no arguments"
    return _run(lambda: runpy.run_path(str(PROJECT / script), run_name="__main__"), script, arguments)


def _main_of(name: str) -> Callable[..., object] | None:
    """The `main` of a module that parses arguments; None if it takes none, or needs an install of its own.

    A package's `__main__` is read, not imported: it would begin at once.
    """
    try:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.submodule_search_locations is not None:
            spec = importlib.util.find_spec(f"{name}.__main__")
        if spec is None or spec.origin is None:
            raise Refused(f"module {name} does not exist")
        text = Path(spec.origin).read_text()
        if spec.name.endswith("__main__") and (imported := re.search(r"^from (\S+) import main$", text, re.MULTILINE)):
            return _main_of(imported[1])
        if "parse_args" not in text:
            return None
        main: Callable[..., object] = importlib.import_module(spec.name).main
    except ModuleNotFoundError as error:
        if str(error.name).partition(".")[0] in OWN_INSTALLS:
            return None
        raise Refused(f"module {error.name} does not exist") from error
    except SystemExit as error:  # an example that says what has to be installed for it
        if any(f"{package} is not installed" in str(error) for package in OWN_INSTALLS):
            return None
        raise
    return main


def _check_main(main: Callable[..., object] | None, name: str, *arguments: str) -> str:
    if main is None:
        return "takes no arguments"
    takes = len(inspect.signature(main).parameters) > 0
    return _run(lambda: main(list(arguments)) if takes else main(), name, list(arguments))


def _check_cli(arguments: list[str], names: dict[str, str]) -> str:
    from cli import main

    arguments = _with_config(arguments, names)
    return _run(lambda: main(arguments), "cli.py", arguments)


def _with_config(arguments: list[str], names: dict[str, str]) -> list[str]:
    """A run's config in place of its checkpoint, which is not there."""
    if "--ckpt_path" not in arguments:
        return arguments
    at = arguments.index("--ckpt_path")
    name = arguments[at + 1].split("/")[1]
    config = names.get(name, f"configs/{name}.yaml")
    if not Path(config).is_file():
        raise Refused(f"no command before makes a run {name}, and there is no {config}")
    return [*arguments[:at], "--config", config, *arguments[at + 2 :]] if "--config" not in arguments else arguments


def _run(program: Callable[[], object], name: str, arguments: list[str]) -> str:
    """Run a program up to the end of its parsing."""
    output = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, _parsing_alone(patch), _redirected(output):
        patch.setattr(sys, "argv", [name, *arguments])
        try:
            status = program()
        except Parsed:
            return "parsed"
        except SystemExit as leaving:
            status = leaving.code
    if status not in (0, None):
        printed = output.getvalue().strip().splitlines()
        message = printed[-1] if printed else f"it ends with status {status}"
        for part, reason in LACKING.items():
            if part in message:
                return reason
        raise Refused(message)
    return "parsed"


@contextlib.contextmanager
def _redirected(output: io.StringIO) -> Iterator[None]:
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        yield


@contextlib.contextmanager
def _parsing_alone(patch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have programs end as soon as their arguments are parsed and checked."""
    from launcher.stage_cli import StageCLI

    parse = argparse.ArgumentParser.parse_args

    def parse_alone(self: argparse.ArgumentParser, *given: object, **options: object) -> None:
        parse(self, *given, **options)
        raise Parsed

    def parsed(self: StageCLI) -> None:
        raise Parsed

    patch.setattr(argparse.ArgumentParser, "parse_args", parse_alone)
    patch.setattr(StageCLI, "before_instantiate_classes", parsed)
    yield

"""Write a completion script for a shell: `python -m launcher.completion {bash,zsh,tcsh}`.

It completes commands, options of all parts, short names of classes, and files. jsonargparse's own script would hold the
options of every class of Lightning and torch; it takes minutes to write.
"""

import argparse
import sys
from collections.abc import Iterable, Mapping

import shtab

from launcher.help.known_classes import is_own
from launcher.help.overview import COMMANDS
from launcher.help.parts import SECTIONS, arguments_of, classes_of, part_of

#: Options of every command that belong to no section, with whether they take a file.
GENERAL = {"--config": True, "--ckpt_path": True, "--seed_everything": False, "--print_config": False, "--help": False}
#: Longest path of an option: `--model.learner.examples.count` has four steps.
DEEPEST = 5

Options = dict[str, set[str]]


def main(arguments: list[str] | None = None) -> int:
    """Print the script; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m launcher.completion", description="Write a completion script.")
    parser.add_argument("shell", choices=shtab.SUPPORTED_SHELLS)
    print(completion_script(parser.parse_args(arguments).shell))
    return 0


def completion_script(shell: str) -> str:
    """The script that completes `cli.py`."""
    options = section_options()
    parser = argparse.ArgumentParser(prog="cli.py")
    commands = parser.add_subparsers()
    for command, explanation in COMMANDS.items():
        subparser = commands.add_parser(command, add_help=False, help=explanation)
        for name, is_file in GENERAL.items():
            action = subparser.add_argument(name)
            if is_file:
                action.complete = shtab.FILE  # type: ignore[attr-defined]
        _add(subparser, options)
    script: str = shtab.complete(parser, shell)
    return script


def _add(parser: argparse.ArgumentParser, options: Mapping[str, Iterable[str]]) -> None:
    for name in sorted(options):
        parser.add_argument(name, choices=sorted(options[name]) or None)


def section_options() -> Options:
    """All options of all sections by name, with the values that can be listed: classes, true and false."""
    options: Options = {}
    for section, part in SECTIONS.items():
        kinds = [part.default] if part.fixed and part.default else [kind for kind in classes_of(part) if is_own(kind)]
        if not part.fixed:
            _offer(options, f"--{section}", (kind.__name__ for kind in kinds))
        for kind in kinds:
            _collect(options, f"--{section}", kind, part.given)
    return options


def _collect(options: Options, path: str, kind: type, given: int) -> None:
    """Add the options of a class, and of the project's classes that its parts take."""
    for name, hint in list(arguments_of(kind).items())[given:]:
        option, part = f"{path}.{name}", part_of(kind, name)
        _offer(options, option, ("true", "false") if bool in (hint, *getattr(hint, "__args__", ())) else ())
        if part is None:
            continue
        classes = classes_of(part)
        if not part.fixed:
            _offer(options, option, (known.__name__ for known in classes))
        for known in classes:
            if is_own(known) and option.count(".") < DEEPEST:
                _collect(options, option, known, part.given)


def _offer(options: Options, option: str, values: Iterable[str]) -> None:
    """Add an option with values, and for one that takes a class the option that asks for help."""
    offered = options.setdefault(option, set())
    offered.update(values)
    if offered and not offered <= {"true", "false"}:
        options.setdefault(f"{option}.help", set()).update(offered)


if __name__ == "__main__":
    sys.exit(main())

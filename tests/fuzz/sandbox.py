"""Runs a wrong command in this process, and checks how it ends."""

import gc
import shutil
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli import main
from tests.fuzz.capture import captured
from tests.fuzz.cases import Case
from tests.fuzz.isolation import StartsProcesses, TimedOut, isolated


@dataclass
class Outcome:
    """How a command ended, and what is wrong with that: nothing, or a word and the particulars."""

    status: int | None
    output: str
    errors: str
    seconds: float
    fault: str = ""
    detail: str = ""


def check(case: Case, folder: Path, watched: Path, seconds: float = 20) -> Outcome:
    """Run a case with `folder`, made for it, as working directory and root of runs.

    Args:
        case: the command.
        folder: is removed afterwards.
        watched: files that commands read; no command that fails may change them.
        seconds: after which a command is broken off.
    """
    folder.mkdir(parents=True)
    before = _snapshot(watched)
    arguments = list(case.arguments)
    if not any(argument.startswith("--run.root") for argument in arguments[-1:]) and len(arguments) > 1:
        arguments = [arguments[0], *_rooted(arguments[1:], folder / "runs")]
    outcome = _run(arguments, case.environment, folder, seconds)
    if not outcome.fault:
        outcome.fault, outcome.detail = _judge(case, outcome, folder, watched, before)
    shutil.rmtree(folder, ignore_errors=True)
    _restore(watched, before)
    return outcome


def _rooted(arguments: list[str], root: Path) -> list[str]:
    """The arguments with another `--run.root`, where they name one."""
    if "--run.root" in arguments:
        position = arguments.index("--run.root") + 1
        return [*arguments[:position], str(root), *arguments[position + 1 :]]
    return arguments


def _judge(case: Case, outcome: Outcome, folder: Path, watched: Path, before: dict[str, Any]) -> tuple[str, str]:
    written = outcome.errors
    if "Traceback (most recent call last)" in outcome.output + written:
        return "traceback", written[-500:]
    if raw := _raw_controls(written) or _raw_controls(outcome.output):
        return "raw control characters", repr(raw)
    if outcome.status not in (0, 2):
        return "status", str(outcome.status)
    if outcome.status == 0:
        return ("accepted", "") if case.refused else ("", "")
    lines = written.splitlines()
    if len(lines) != 1:
        return "not one line", written[-800:]
    if not lines[0].startswith("error: ") or len(lines[0]) > 500 or not lines[0][7:].strip():
        return "no error line", lines[0][:500]
    if case.names and not any(name.lower() in lines[0].lower() for name in case.names):
        return "does not name the option", lines[0]
    if left := sorted(str(path.relative_to(folder)) for path in folder.rglob("*")):
        return "left behind", ", ".join(left[:5])
    if changed := _changes(before, _snapshot(watched)):
        return "changed files", ", ".join(changed[:5])
    return "", ""


def _run(arguments: list[str], environment: dict[str, str], folder: Path, seconds: float) -> Outcome:
    start = time.monotonic()
    status: int | None = None
    fault = detail = ""
    with captured() as streams, isolated(environment, folder, seconds):
        try:
            status = main(arguments)
        except TimedOut:
            fault, detail = "timed out", "".join(traceback.format_exc().splitlines(keepends=True)[-4:])
        except StartsProcesses:
            status = 0
        except BaseException as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            fault = f"raised {type(error).__name__}"
            detail = f"{str(error)[:300]!r} at {place.filename}:{place.lineno}"
    gc.collect()
    return Outcome(status, streams[0], streams[1], time.monotonic() - start, fault, detail)


def _raw_controls(text: str) -> str:
    """Characters that a terminal would obey."""
    return "".join(
        sorted({c for c in text if (ord(c) < 32 and c not in "\n\t\r") or 127 <= ord(c) < 160 or c in "\u202e"})
    )


def _snapshot(folder: Path) -> dict[str, Any]:
    """Size and time of each file of a folder."""
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()}


def _changes(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    return sorted(name for name in {*before, *after} if before.get(name) != after.get(name) and "/cache/" not in name)


def _restore(watched: Path, before: dict[str, Any]) -> None:
    """Take away what an accepted command has written among the watched files."""
    for name in _snapshot(watched).keys() - before.keys():
        if "/cache/" not in name:
            Path(name).unlink()

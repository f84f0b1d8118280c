"""Train, test and use every stage: `python cli.py {fit,validate,test,predict} --config configs/NAME.yaml`."""

import sys

from launcher.errors.startup import startup_fault
from launcher.help.overview import asks_for_overview, print_overview
from launcher.quick_imports import quick_imports


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status. Invalid input prints one line on standard error."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if asks_for_overview(arguments):
        print_overview()
        return 0
    if fault := startup_fault():
        print(f"error: {fault}", file=sys.stderr)
        return 2
    # Imported as late as this because torch and Lightning take seconds.
    with quick_imports():
        from launcher.main import run
        from launcher.stage_cli import StageCLI

    return run(StageCLI, arguments)


if __name__ == "__main__":
    sys.exit(main())

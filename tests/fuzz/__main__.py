"""Try wrong command lines: `python -m tests.fuzz --cases 500 --seed 1`.

Prints each command that does not end in one line and status 2, or in status 0, and exits with 1 if there is any.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.fuzz.trial import prepare, try_cases


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Try wrong command lines.")
    parser.add_argument("--cases", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="number of the one case to run")
    parser.add_argument("--verbose", action="store_true", help="print every case")
    options = parser.parse_args()
    started, faults, statuses = time.monotonic(), Counter[str](), Counter[str]()
    with tempfile.TemporaryDirectory(prefix="fuzz_") as folder:
        cases = prepare(Path(folder), options.seed)
        for number, case, outcome in try_cases(cases, options.cases, Path(folder), options.only):
            statuses[str(outcome.status)] += 1
            if outcome.fault:
                faults[outcome.fault] += 1
            if outcome.fault or options.verbose or options.only is not None:
                print(f"{number}: {outcome.fault or 'fine'}: {case.title} ({outcome.seconds:.1f} s)")
                print(f"    {outcome.detail or outcome.errors.strip()}", flush=True)
            if options.only is not None:
                print(case.arguments, case.environment)
    print(f"{sum(statuses.values())} cases in {time.monotonic() - started:.0f} s: status {dict(statuses)}")
    print(f"{sum(faults.values())} faults: {dict(faults.most_common())}")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())

"""Wrong commands, drawn from the parser: each ends in one line, and leaves nothing behind.

More of them: `python -m tests.fuzz --cases 500 --seed 1`.
"""

from pathlib import Path

import pytest

from tests.fuzz.trial import prepare, try_cases

CASES, SEED = 100, 17


@pytest.mark.slow
def test_wrong_commands_end_in_one_line(tmp_path: Path, generated_omniglot: Path) -> None:
    cases = prepare(tmp_path, SEED, generated_omniglot)
    faults = [
        f"{number}: {outcome.fault}: {case.title}: {outcome.detail}"
        for number, case, outcome in try_cases(cases, CASES, tmp_path)
        if outcome.fault
    ]
    assert not faults, "\n".join(faults)

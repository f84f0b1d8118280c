"""The benchmarks run; what they measure is for the docs."""

import json
import subprocess
import sys

from tests.tiny import PROJECT


def test_throughput_prints_one_json_object() -> None:
    command = [sys.executable, str(PROJECT / "benchmarks" / "throughput.py")]
    numbers = ["--environments", "2", "--blocks", "2", "--rounds", "1"]
    printed = subprocess.run([*command, *numbers], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    result = json.loads(printed)
    assert result["steps_per_second"].keys() == {"lightning", "bare_loop", "lightning_without_memory"}
    assert all(rate > 0 for rate in result["steps_per_second"].values())
    lightning, bare = (result["steps_per_second"][name] for name in ("lightning", "bare_loop"))
    assert abs(result["lightning_over_bare_loop"] - lightning / bare) < 0.01

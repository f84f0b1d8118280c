"""The benchmarks run; what they measure is for the docs."""

import importlib.util
import json
import subprocess
import sys
from typing import Any

import pytest

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


@pytest.fixture(scope="module")
def memory_figures() -> Any:
    command = [sys.executable, str(PROJECT / "benchmarks" / "memory.py"), "--slots", "20", "--environments", "2"]
    numbers = ["--rounds", "1", "--seconds", "0.001", "--blocks", "1", "--exposures", "1"]
    printed = subprocess.run([*command, *numbers], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    return json.loads(printed)


def check_ratios(figures: dict[str, Any], times: dict[str, float], count: int) -> None:
    """A figure named `a_over_b` is the time of a over that of b, where there is but one round."""
    ratios = {name: figure for name, figure in figures.items() if "_over_" in name}
    assert len(ratios) == count
    for name, figure in ratios.items():
        one, other = name.split("_over_")
        assert figure == pytest.approx(times[one] / times[other], rel=0.01, abs=0.001)


def test_memory_measures_a_step_of_every_size(memory_figures: Any) -> None:
    sizes = memory_figures["read_and_write"]
    assert [(size["slots"], size["key_size"]) for size in sizes] == [(20, 10), (20, 50)]
    for size in sizes:
        assert size["microseconds"].keys() == {"append", "stack", "list", "bare_topk", "bare_amax"}
        assert all(time > 0 for time in size["microseconds"].values())
        assert size["list_measured_environments"] == 2
        assert size["same_values"] == 1.0
        check_ratios(size, size["microseconds"], 5)


def test_memory_measures_its_share_of_training(memory_figures: Any) -> None:
    training = memory_figures["training"]
    assert training.keys() == {"context_append", "context_stack", "hidden_append", "hidden_stack"}
    for name, figures in training.items():
        assert figures["reads_per_episode"] == (1 if name.startswith("context") else 10)
        calls = {"read": figures["reads_per_episode"], "write": 1, "reset": 1 / 10}  # of a block of ten episodes
        inside = sum(count * figures[f"microseconds_per_{call}"] for call, count in calls.items())
        assert 0 < figures["share"] < 1
        assert figures["share"] == pytest.approx(inside / figures["microseconds_per_episode"], rel=0.01, abs=0.001)


def test_memory_measures_fuzzy_clustering(memory_figures: Any) -> None:
    assert [one["fuzziness"] for one in memory_figures["fuzzy_c_means"]] == [2.0, 1.2]
    for one in memory_figures["fuzzy_c_means"]:
        assert 1 <= one["iterations"]["batched"] <= 100
        assert one["milliseconds"]["batched"] > 0
        if importlib.util.find_spec("skfuzzy") is None:
            assert one["milliseconds"]["scikit_fuzzy"] is None
            assert one["scikit_fuzzy_over_batched"] is None
        else:
            assert 1 <= one["iterations"]["scikit_fuzzy"] <= 100
            check_ratios(one, one["milliseconds"], 1)
    memory = memory_figures["fuzzy_memory"]
    assert memory["microseconds"].keys() == {"append", "fuzzy_2", "fuzzy_1.2"}
    check_ratios(memory, memory["microseconds"], 2)


def test_omniglot_input_prints_one_json_object(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMNIGLOT_ROOT", raising=False)
    command = [sys.executable, str(PROJECT / "benchmarks" / "omniglot_input.py"), "--characters", "4"]
    numbers = ["--batch-size", "64", "--rounds", "1", "--workers", "0"]
    printed = subprocess.run([*command, *numbers], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    result = json.loads(printed)
    assert (result["drawings"], result["training_drawings"]) == ("generated", 400)
    ours = {"shuffled", "rotations", "by_class", "augmented", "rotations_augmented"}
    speed = result["images_per_second"]
    assert speed.keys() == ours | {"torchvision_workers_0"}
    assert result["over_torchvision_workers_0"].keys() == ours
    for name, figure in result["over_torchvision_workers_0"].items():
        assert figure == pytest.approx(speed[name] / speed["torchvision_workers_0"], rel=0.01)
    assert all(rate > 0 for rate in speed.values())

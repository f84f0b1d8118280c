"""The benchmarks run; what they measure is for the docs."""

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from benchmarks.encoder_variants import BareLoop, Setting, Stage, ThroughLightning, build
from benchmarks.encoders import main
from benchmarks.state_table import by_pull
from benchmarks.state_table import main as measure_states
from launcher.main import quieten
from tests.harvests import generated_harvest
from tests.tiny import PROJECT


def test_throughput_prints_one_json_object() -> None:
    command = [sys.executable, str(PROJECT / "benchmarks" / "throughput.py")]
    numbers = ["--environments", "2", "--blocks", "2", "--rounds", "1"]
    printed = subprocess.run([*command, *numbers], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    result = json.loads(printed)
    assert result["steps_per_second"].keys() == {"lightning", "bare_loop", "lightning_without_memory", "pytorch"}
    assert all(rate > 0 for rate in result["steps_per_second"].values())
    lightning, bare = (result["steps_per_second"][name] for name in ("lightning", "bare_loop"))
    assert abs(result["lightning_over_bare_loop"] - lightning / bare) < 0.01


def test_tasks_are_timed_beside_the_barcode_bandit() -> None:
    command = [sys.executable, str(PROJECT / "benchmarks" / "tasks.py"), "--environments", "2", "--rounds", "1"]
    result = json.loads(subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout)
    speeds = result["steps_per_second"]
    assert all(rate > 0 for rate in speeds.values())
    for name, ratio in result["over_barcode_bandit"].items():
        assert ratio == pytest.approx(speeds[name] / speeds["barcode_bandit"], rel=0.01, abs=0.001)


def test_a_device_is_described() -> None:
    command = [sys.executable, str(PROJECT / "benchmarks" / "device.py"), "--device", "cpu", "--no-encoders"]
    numbers = ["--environments", "2", "--seconds", "0.01"]
    printed = subprocess.run([*command, *numbers], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    result = json.loads(printed)
    assert result["steps_per_second"]["2"] > 0
    assert result["tests"] == result["images_per_second"] == {}


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
    assert (result["drawings"], result["training_drawings"]) == ("generated", 560)
    ours = {"shuffled", "rotations", "by_class", "augmented", "rotations_augmented"}
    speed = result["images_per_second"]
    assert speed.keys() == ours | {"torchvision_workers_0"}
    assert result["over_torchvision_workers_0"].keys() == ours
    for name, figure in result["over_torchvision_workers_0"].items():
        assert figure == pytest.approx(speed[name] / speed["torchvision_workers_0"], rel=0.01)
    assert all(rate > 0 for rate in speed.values())


@pytest.fixture(scope="module")
def encoder_figures() -> Any:
    command = [sys.executable, str(PROJECT / "benchmarks" / "encoders.py"), "--channels", "2", "--characters", "1"]
    numbers = ["--batch-size", "8", "--rounds", "1", "--steps", "1", "--threads", "1", "--device", "cpu"]
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("OMNIGLOT_ROOT", raising=False)
        printed = subprocess.run([*command, *numbers], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    return json.loads(printed)


def test_encoders_measures_every_way_of_training(encoder_figures: Any) -> None:
    stages = ("residual", "convolutional", "autoencoder")
    bare = {f"{stage}_{precision}" for stage in stages for precision in ("bf16", "32")}
    speed = encoder_figures["images_per_second"]
    assert speed.keys() == bare | {"residual_bf16_lightning", "input", "autoencoder_input"}
    assert all(rate > 0 for rate in speed.values())
    assert encoder_figures["bf16_over_32"].keys() == set(stages)
    for stage, figure in encoder_figures["bf16_over_32"].items():
        assert figure == pytest.approx(speed[f"{stage}_bf16"] / speed[f"{stage}_32"], rel=0.01)
    through_lightning = speed["residual_bf16_lightning"] / speed["residual_bf16"]
    assert encoder_figures["lightning_over_bare_loop"] == pytest.approx(through_lightning, rel=0.01)
    assert encoder_figures["input_share"].keys() == bare | {"residual_bf16_lightning"}
    for name, share in encoder_figures["input_share"].items():
        data = "autoencoder_input" if name.startswith("autoencoder") else "input"
        assert share == pytest.approx(speed[name] / speed[data], rel=0.01, abs=0.001)


def test_encoders_says_on_what_it_measured(encoder_figures: Any) -> None:
    measured = {"images_per_second", "bf16_over_32", "lightning_over_bare_loop", "input_share"}
    said = {name: figure for name, figure in encoder_figures.items() if name not in measured}
    assert said.pop("cpu")
    assert said == {
        "batch_size": 8,
        "steps": 1,
        "channels": 2,
        "device": "cpu",
        "threads": 1,
        "torch": torch.__version__,
        "drawings": "generated",
        # Of ten alphabets of one character the encoders' data hold out one and the autoencoder's five; the
        # encoders' have four quarter turns.
        "training_classes": {"residual": 44, "convolutional": 44, "autoencoder": 1007},
    }


def small_stage(config: str, drawings: Path, scratch: Path) -> Stage:
    """A shipped config's model with few channels, and generated drawings of 24 characters."""
    quieten()
    data = ["--data.root", str(drawings), "--data.drawings.check_counts", "false"]
    data += ["--data.cache_dir", str(scratch / "cache")]
    small = ["--data.batch_size", "16", "--model.network.channels", "2", "--run.root", str(scratch)]
    return build(config, [*data, *small])


@pytest.mark.parametrize(("config", "precision"), [("omniglot_encoder", "bf16"), ("autoencoder", "32")])
def test_the_bare_loop_over_an_encoder_trains_as_lightning_does(
    config: str, precision: str, generated_omniglot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PL_GLOBAL_SEED", "1")
    stage, setting = small_stage(config, generated_omniglot, tmp_path), Setting(2, torch.device("cpu"))
    first = copied(stage)
    assert BareLoop(stage, setting, precision)().rate > 0
    bare = copied(stage)
    stage.model.load_state_dict(first)
    assert ThroughLightning(stage, setting, precision)().rate > 0
    through = copied(stage)
    for state in (bare, through):  # joined turns are projected for a validation or a checkpoint, not in a step
        for name in [name for name in state if name.endswith("network.projection")]:
            del state[name]
    torch.testing.assert_close(through, bare)
    learned = {name for name, parameter in stage.model.named_parameters() if parameter.requires_grad}
    assert learned
    assert all(not bare[name].equal(first[name]) for name in learned)


def copied(stage: Stage) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in stage.model.state_dict().items()}


@pytest.mark.parametrize("config", ["omniglot_encoder", "autoencoder"])
def test_the_input_of_an_encoder_is_what_training_embeds(
    config: str, generated_omniglot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PL_GLOBAL_SEED", "1")
    stage = small_stage(config, generated_omniglot, tmp_path)
    name = "objective_input" if hasattr(stage.model, "objective_input") else "embed"
    embed: Callable[[Tensor], Tensor] = getattr(stage.model, name)
    embedded = []

    def noted(images: Tensor) -> Tensor:
        embedded.append(images)
        return embed(images)

    monkeypatch.setattr(stage.model, name, noted)
    (batch,) = stage.batches(1)
    stage.model.training_step(batch, 3)
    assert torch.equal(embedded[0], stage.inputs(batch, 3))
    assert not torch.equal(embedded[0], batch.images)


def test_an_encoders_batches_begin_again_after_an_epoch(
    generated_omniglot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PL_GLOBAL_SEED", "1")
    stage = small_stage("autoencoder", generated_omniglot, tmp_path)
    epoch = len(stage.data.train_dataloader())
    batches = list(stage.batches(epoch + 1))
    assert len(batches) == epoch + 1
    assert torch.equal(batches[0].images, batches[epoch].images)


@pytest.mark.parametrize(
    ("given", "telling"),
    [
        (["--device", "tpu"], "argument --device: tpu is not available"),
        (["--steps", "0"], "argument --steps: 0 must be a whole number from 1 up"),
        (["--channels", "1", "--characters", "1"], "channels is 1: it must be 2 or more"),
    ],
)
def test_encoders_turns_away_what_it_cannot_measure(
    given: list[str], telling: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMNIGLOT_ROOT", raising=False)
    monkeypatch.setenv("PL_GLOBAL_SEED", "1")
    assert main(["--threads", str(torch.get_num_threads()), *given]) == 2
    complaint = capsys.readouterr().err.splitlines()[-1]
    assert "error: " in complaint
    assert telling in complaint


def test_state_table_finds_the_states_that_it_knows(tmp_path: Path) -> None:
    states = torch.eye(4).half()[torch.tensor([[0, 1], [2, 3], [0, 2]])]  # of three episodes, two pulls each
    others = torch.stack([states[0], torch.full((2, 4), 0.5).half()])
    known, right = by_pull(states, torch.tensor([5, 6, 5]), others, torch.tensor([5, 6]), cells=4)
    assert known == [0.5, 0.5]
    assert right[1] >= 0.5  # pull 2 of the first was met in its own context alone
    assert all(0 <= share <= 1 for share in right)


def test_state_table_prints_one_json_object(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    harvest = tmp_path / "harvest.npz"
    generated_harvest(harvest)
    assert measure_states([str(harvest), "--cells", "8", "--episodes", "40"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["same"] is True
    assert result["embed_over_forward"] > 0
    assert measure_states([str(tmp_path / "none.npz")]) == 2
    assert "none.npz" in capsys.readouterr().err

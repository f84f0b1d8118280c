"""The settings of the objectives: what they build, in code, from YAML and from the command line."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from jsonargparse import ArgumentParser

from episodic.errors import InputError
from episodic.objectives.kaiser import KaiserConfig, KaiserObjective
from episodic.objectives.objectives import OBJECTIVES, Objectives
from episodic.objectives.softmax import SoftmaxConfig, SoftmaxObjective
from episodic.objectives.triplet import TripletConfig, TripletObjective

SIZE, CLASSES = 5, 4
KINDS = {"softmax": SoftmaxObjective, "triplet": TripletObjective, "kaiser": KaiserObjective}


def test_losses_are_built_in_a_fixed_order_whatever_the_order_of_the_settings() -> None:
    parts = Objectives(kaiser=KaiserConfig(), triplet=TripletConfig(), softmax=SoftmaxConfig()).build(SIZE, CLASSES)
    assert {name: type(part) for name, part in parts.parts.items()} == KINDS
    assert tuple(parts.parts) == OBJECTIVES


def test_settings_reach_their_loss() -> None:
    softmax = SoftmaxConfig(scale=2.0, margin=0.5).build(SIZE, CLASSES)
    assert (softmax.scale, softmax.margin, softmax.classifier.weight.shape) == (2.0, 0.5, (CLASSES, SIZE))
    triplet = TripletConfig(margin=0.7, miner="batch_hard").build(SIZE, None)
    assert triplet.loss.margin == 0.7
    assert triplet.miner.neg_strategy == "hard"
    kaiser = KaiserConfig(memory_size=9, neighbours=3, margin=0.4, clear_each_batch=True, pieces=2).build(SIZE, None)
    assert (kaiser.memory.memory_size, kaiser.memory.key_size, kaiser.memory.neighbours) == (9, SIZE, 3)
    assert (kaiser.memory.margin, kaiser.clear_each_batch, kaiser.pieces) == (0.4, True, 2)


def test_a_weight_of_zero_leaves_a_loss_out() -> None:
    objectives = Objectives(softmax=SoftmaxConfig(weight=0.0, margin=-1.0), triplet=TripletConfig(weight=2.0))
    assert objectives.build(SIZE).weights == {"triplet": 2.0}
    with pytest.raises(InputError, match=r"^objectives is empty: it must name one or more"):
        Objectives(softmax=SoftmaxConfig(weight=0.0)).build(SIZE, CLASSES)


def test_the_same_seed_gives_the_same_classifier_whatever_else_is_trained() -> None:
    weights = []
    alone = Objectives(softmax=SoftmaxConfig())
    for objectives in (alone, replace(alone, triplet=TripletConfig(), kaiser=KaiserConfig())):
        torch.manual_seed(0)
        softmax = objectives.build(SIZE, CLASSES).softmax
        assert softmax is not None
        weights.append(softmax.classifier.weight)
    assert torch.equal(*weights)


@pytest.mark.parametrize(
    ("complaint", "objectives"),
    [
        ("objectives is empty", Objectives()),
        ("objectives.triplet.weight is -1", Objectives(triplet=TripletConfig(weight=-1.0))),
        ("objectives.triplet.weight is nan", Objectives(triplet=TripletConfig(weight=math.nan))),
        ("scale is 0", Objectives(softmax=SoftmaxConfig(scale=0.0))),
        ("margin is -0.1", Objectives(softmax=SoftmaxConfig(margin=-0.1))),
        ("margin is nan", Objectives(triplet=TripletConfig(margin=math.nan))),
        ("miner is 'soft': it must be one of all, hard", Objectives(triplet=TripletConfig(miner="soft"))),
        ("memory_size is 0", Objectives(kaiser=KaiserConfig(memory_size=0))),
        ("pieces is 0", Objectives(kaiser=KaiserConfig(pieces=0))),
        ("pieces is 1 with clear_each_batch", Objectives(kaiser=KaiserConfig(clear_each_batch=True))),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_settings_are_named(complaint: str, objectives: Objectives) -> None:
    with pytest.raises(InputError) as error:
        objectives.build(SIZE, CLASSES)
    assert str(error.value).startswith(complaint)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("complaint", "classes"), [("classes is null", None), ("classes is 0", 0)])
def test_softmax_needs_classes(complaint: str, classes: int | None) -> None:
    with pytest.raises(InputError, match=f"^{complaint}"):
        Objectives(softmax=SoftmaxConfig()).build(SIZE, classes)


class Stage:
    """Takes objectives as the encoders do."""

    def __init__(self, objectives: Objectives | None = None) -> None:
        self.objectives = objectives


def parse(path: Path, text: str, *arguments: str) -> Objectives | None:
    """Objectives of a YAML section, changed on the command line."""
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--config", action="config")
    parser.add_subclass_arguments(Stage, "model")
    path.write_text(f"model:\n  class_path: {Stage.__module__}.Stage\n  init_args:\n    objectives: {text}\n")
    stage = parser.instantiate_classes(parser.parse_args(["--config", str(path), *arguments])).model
    assert isinstance(stage, Stage)
    return stage.objectives


@pytest.mark.parametrize(
    ("text", "arguments", "expected"),
    [
        ("null", [], None),
        ("{softmax: {scale: 16.0, margin: 0.0}}", [], Objectives(softmax=SoftmaxConfig(1.0, 16.0, 0.0))),
        ("{kaiser: {}}", [], Objectives(kaiser=KaiserConfig())),
        ("null", ["--model.objectives.softmax.scale", "16"], Objectives(softmax=SoftmaxConfig(scale=16.0))),
        (
            "{softmax: {scale: 16.0}}",
            ["--model.objectives.softmax.margin", "0", "--model.objectives.triplet.weight", "0.5"],
            Objectives(softmax=SoftmaxConfig(scale=16.0, margin=0.0), triplet=TripletConfig(weight=0.5)),
        ),
        (
            "{softmax: {scale: 16.0}}",
            ["--model.objectives", "{softmax: null, kaiser: {pieces: 2}}"],
            Objectives(kaiser=KaiserConfig(pieces=2)),
        ),
    ],
)
def test_yaml_and_command_line(text: str, arguments: list[str], expected: Objectives | None, tmp_path: Path) -> None:
    assert parse(tmp_path / "config.yaml", text, *arguments) == expected

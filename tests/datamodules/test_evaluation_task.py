"""Which changes make the task of evaluation blocks."""

from dataclasses import replace

import pytest

from datamodules.evaluation_task import Setting, evaluation_task
from episodic.errors import InputError
from episodic.tasks.barcode_bandit import BarcodeBandit
from episodic.tasks.drawing_bandit import DrawingBandit
from episodic.tasks.task import Task
from tests.blocks import Walk


class Forgetful(Walk):
    """A task that does not keep its argument."""

    def __init__(self, level: float = 0.0, hidden: int = 1) -> None:
        super().__init__(level)


TASK = BarcodeBandit(bits=12, vocabulary=20)


@pytest.mark.parametrize(
    "changes",
    [
        {"noise": 0.2, "noise_kind": "left"},
        {"best": 0.6, "rest": 0.55},
        {"clusters": 3},
        {"order": "urn", "every_arm_best": False},
        {"vocabulary_seed": 4},
    ],
    ids=str,
)
def test_changed_arguments_are_those_of_the_new_task(changes: dict[str, Setting]) -> None:
    assert evaluation_task(TASK, changes) == replace(TASK, **changes)  # type: ignore[arg-type]


def test_no_changes_leave_the_task() -> None:
    assert evaluation_task(TASK, {}) is TASK
    forgetful = Forgetful()
    assert evaluation_task(forgetful, {}) is forgetful


def test_values_take_the_declared_type() -> None:
    changed = evaluation_task(TASK, {"noise": 1})
    assert isinstance(changed, BarcodeBandit)
    assert isinstance(changed.noise, float)
    assert evaluation_task(replace(TASK, clusters=3), {"clusters": None}) == TASK


@pytest.mark.parametrize(
    ("task", "changes", "message"),
    [
        (TASK, {"noize": 0.2}, "^evaluation.noize is 0.2: BarcodeBandit .* noise"),
        (TASK, {"noise": "left"}, "^evaluation.noise is 'left': BarcodeBandit needs float$"),
        (TASK, {"clusters": "many"}, "^evaluation.clusters is 'many': .*int"),
        (TASK, {"noise": 1.2}, "^evaluation makes no BarcodeBandit: noise is 1.2: "),
        (TASK, {"noise_kind": "top"}, "noise_kind is 'top': .*checkerboard"),
        (TASK, {"best": 0.1}, "best is 0.1"),
        (TASK, {"bits": 13}, "^evaluation changes cue_size from 12 to 13: "),
        (TASK, {"pulls": 3}, "^evaluation changes steps from 10 to 3: "),
        (TASK, {"vocabulary": None}, "^evaluation changes label_count from 20 to 10: "),
        (TASK, {"contexts": 20, "exposures": 5}, "^evaluation changes exposures from 10 to 5: "),
        (BarcodeBandit(), {"vocabulary": 10}, "^evaluation changes fixed_labels from False to True: "),
        (DrawingBandit(characters=20, pixels=32), {"cue": "barcode"}, "^evaluation changes shows_drawings from True"),
        (Forgetful(), {"level": 1.0}, "^evaluation needs .*Forgetful lacks hidden$"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Task) else str(value),
)
def test_other_changes_are_one_line(task: Task, changes: dict[str, Setting], message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        evaluation_task(task, changes)
    assert "\n" not in str(error.value)

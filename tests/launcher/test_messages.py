import pytest

from launcher.messages import LONGEST, one_line


def test_only_the_telling_lines_stay() -> None:
    message = """Parser key "model":
  Does not validate against any of the Union subtypes
  Subtypes: [<class 'pytorch_lightning.core.module.LightningModule'>, <class 'NoneType'>]
  Errors:
    - hidden_size is -5: it must be greater than 0
    - Expected a <class 'NoneType'>
  Given value type: <class 'str'>"""
    assert one_line(message) == "model: hidden_size is -5: it must be greater than 0"


def test_an_unknown_class_is_answered_with_those_there_are() -> None:
    message = """Parser key "model":
  Subtypes: [<class 'episodic.objectives.schedules.Schedule'>, <class 'NoneType'>]
  - Expected a dot import path string: NoSuch"""
    told = one_line(message)
    assert told.startswith("model: NoSuch is no known class")
    assert "CosineSchedule, LinearSchedule, WarmupCosineSchedule" in told


@pytest.mark.parametrize("message", ["plain", "unrecognized arguments: --nosuch 3", "a\nb", "x" * 1000, ""])
def test_a_second_pass_changes_nothing(message: str) -> None:
    once = one_line(message)
    assert one_line(once) == once
    assert "\n" not in once
    assert len(once) <= LONGEST

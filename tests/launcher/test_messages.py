import pytest

from launcher.messages import LONGEST, one_line

NULL = "    - Expected a <class 'NoneType'>"


def union(key: str, *errors: str, value: str = "NestedArg(key='part.name', val='x')", kind: str = "str") -> str:
    """A complaint about an option of several types, as jsonargparse writes it."""
    lines = [f'Parser key "{key}":', "  Does not validate against any of the Union subtypes", "  Subtypes: [...]"]
    lines += ["  Errors:", *(f"    - {error}" for error in errors)]
    return "\n".join([*lines, f"  Given value type: <class '{kind}'>", f"  Given value: {value}"])


@pytest.mark.parametrize(
    ("message", "line"),
    [
        (
            union("model", "hidden_size is -5: it must be greater than 0", "Expected a <class 'NoneType'>"),
            "model.hidden_size is -5: it must be greater than 0",
        ),
        (
            union("threshold", "Expected a <class 'float'>", "Expected a <class 'NoneType'>", value="high"),
            "threshold is 'high': it must be a number or null",
        ),
        (
            union("memory", "threshold is 'high': it must be a number or null", "Expected a <class 'NoneType'>"),
            "memory.threshold is 'high': it must be a number or null",
        ),
        (
            union("augmentation", "Expected a <class 'float'>. Got value: x", "Expected a <class 'NoneType'>"),
            "augmentation.part.name is 'x': it must be a number",
        ),
        ("Parser key \"bits\":\n  Expected a <class 'int'>. Got value: 1.5", "bits is 1.5: it must be a whole number"),
        (
            "Parser key \"exact\":\n  Expected a <class 'bool'>. Got value: null",
            "exact is null: it must be true or false",
        ),
        (
            union("precision", "Expected a typing.Literal['16', '32']", "Expected a <class 'NoneType'>", value="17"),
            "precision is 17: it must be 16 or 32 or null",
        ),
        (
            "argument subcommand: invalid choice: 'x' (choose from 'a', 'b')",
            "'x' is not a command: use one of 'a', 'b'",
        ),
        ("the following arguments are required: fit.model", "no model: give --config, such as a file of configs/"),
        ("Requirement 'comet-ml>=3' not met.", "comet-ml is not installed: pip install comet-ml"),
    ],
)
def test_a_complaint_names_the_option_its_value_and_what_would_be_right(message: str, line: str) -> None:
    assert one_line(message) == line


def test_an_unknown_class_is_answered_with_those_there_are() -> None:
    message = union("model", "Expected a dot import path string: NoSuch", "Expected a <class 'NoneType'>")
    expected = "model: NoSuch is not a known class: it may be One, Other, or the import path of another"
    assert one_line(message, ["One", "Other"]) == expected


def test_a_module_that_does_not_exist_is_named() -> None:
    message = union("data.task", "No module named 'corridr'", "Expected a <class 'NoneType'>")
    expected = "data.task: module corridr does not exist: it must be a file in the current folder or on PYTHONPATH"
    assert one_line(message, ["BarcodeBandit"]) == expected


@pytest.mark.parametrize(
    "message", ["plain", "unrecognized arguments: --nosuch 3", "a\nb", "x" * 1000, "", "\x1b[31mred\u202e\x07"]
)
def test_a_second_pass_changes_nothing(message: str) -> None:
    once = one_line(message)
    assert one_line(once) == once
    assert once.isprintable()
    assert len(once) <= LONGEST

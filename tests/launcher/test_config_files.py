"""Files that are no configs."""

from pathlib import Path

import pytest

from episodic.errors import InputError
from launcher.errors.config_files import check_config, given_configs

OPTIONS = ("seed_everything", "model", "data", "trainer.max_epochs", "run.root")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "holds nothing: it must be a mapping"),
        (b"- a\n", "holds a list"),
        (b"words\n", "holds text"),
        (b"3\n", "holds a number"),
        (b"true\n", "holds true or false"),
        (bytes(range(256)), "is not text in UTF-8"),
        (b"run:\n\tname: x\n", "is not valid YAML: found character .* (line 2, column 1)"),
        (b"run: {name: x}\nrun: {name: y}\n", "key 'run' stands twice (again in line 2)"),
        (b"trainer:\n  max_epochs: 1\n  max_epochs: 2\n", "key 'max_epochs' stands twice (again in line 3)"),
        (b"run: {name: x}\n---\nrun: {name: y}\n", "is not valid YAML: .*another document"),
        (b"run: &a {name: *a}\n", "a value cannot contain itself"),
        (b"model: " + b"[" * 500 + b"]" * 500, "more than 60 mappings and lists in each other"),
        (b"modell: {}\n", "section 'modell' is not known: did you mean model?"),
        (b"trainer: [1]\n", "section trainer is a list: it must be a mapping"),
        (b"3: 4\n", "section 3 must have a name"),
        (b"run: {name: !!python/object/apply:os.getcwd []}\n", "could not determine a constructor"),
    ],
)
def test_a_file_that_is_no_config_is_named(content: bytes, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_bytes(content)
    pattern = complaint.replace("(", r"\(").replace(")", r"\)").replace("?", r"\?")
    with pytest.raises(InputError, match=pattern) as error:
        check_config(str(path), OPTIONS)
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("nosuch.yaml", "does not exist"),
        ("barcode_bandits.yaml", r"does not exist: did you mean .*configs/barcode_bandit.yaml\?"),
        (".", "is a folder"),
        ("x" * 5000, "does not exist"),
        ("a\0b", "cannot be the name of a file"),
    ],
)
def test_a_config_that_is_not_there_is_named(name: str, complaint: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=complaint):
        check_config(str(tmp_path / name), OPTIONS)


def test_a_config_may_leave_sections_out_and_empty(tmp_path: Path) -> None:
    path = tmp_path / "good.yaml"
    path.write_text("seed_everything: 1\ntrainer:\nmodel: {class_path: X}\nmodel.keys: {}\n")
    check_config(str(path), OPTIONS)


def test_all_ways_to_name_a_config_are_known() -> None:
    assert list(given_configs(["fit", "--config", "a", "-c", "b", "--config=c", "--config"])) == ["a", "b", "c"]

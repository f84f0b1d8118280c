from pathlib import Path

import pytest

from episodic.errors import InputError
from experiments.results import Row, read_rows, write_rows

ROWS = [
    Row("cue, append", "0 %", 1, {"test/reward": 8.25, "test/recall": 0.1 + 0.2}, "abc", 12.34),
    Row('a "b"', "20 %", 2, {"test/reward": -1.0}, "abc-dirty", 0.0),
]


def test_a_file_holds_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "results" / "some.csv"
    write_rows(path, ROWS)
    assert path.read_text() == (
        "condition,evaluation,seed,test/recall,test/reward,revision,seconds\n"
        '"cue, append",0 %,1,0.30000000000000004,8.25,abc,12.3\n'
        '"a ""b""",20 %,2,,-1.0,abc-dirty,0.0\n'
    )
    assert read_rows(path) == [ROWS[0]._replace(seconds=12.3), ROWS[1]]


def test_nothing_else_is_left_beside_it(tmp_path: Path) -> None:
    for rows in (ROWS, ROWS[:1], []):
        write_rows(tmp_path / "some.csv", rows)
    assert read_rows(tmp_path / "some.csv") == []
    assert [path.name for path in tmp_path.iterdir()] == ["some.csv"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (None, "do not exist: python -m experiments.run makes them"),
        ("", "no column condition"),
        ("condition,evaluation,seed,revision\n", "no column seconds"),
        ("condition,evaluation,seed,m,revision,seconds\na,b,1,much,r,2\n", "line 2: could not convert"),
        ("condition,evaluation,seed,m,revision,seconds\na,b,1\n", "line 2: "),
    ],
)
def test_a_wrong_file_is_one_line(text: str | None, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "some.csv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=complaint):
        read_rows(path)

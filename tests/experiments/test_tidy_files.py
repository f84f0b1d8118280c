from pathlib import Path
from typing import NamedTuple

import pytest

from episodic.errors import InputError
from experiments.tidy_files import read_records, write_records


class Seen(NamedTuple):
    name: str
    number: int
    value: float


ROWS = [Seen('a, "b"', 1, 0.1 + 0.2), Seen("20 %", -2, 1e-9)]


def test_a_file_holds_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "new" / "some.csv"
    write_records(path, Seen, ROWS)
    assert path.read_text() == 'name,number,value\n"a, ""b""",1,0.30000000000000004\n20 %,-2,1e-09\n'
    assert read_records(path, Seen, "it") == ROWS
    write_records(path, Seen, [])
    assert read_records(path, Seen, "it") == []
    assert [other.name for other in path.parent.iterdir()] == ["some.csv"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (None, "some.csv do not exist: make it makes them"),
        ("", "have no column name: make it makes them"),
        ("name,number\n", "have no column value"),
        ("name,number,value\na,1,2\nb,1.5,2\n", "line 3: invalid literal"),
        ("name,number,value\na,1\n", "line 2: "),
        ("größe,number,value\na,1,2\n", "some.csv are no UTF-8: "),
        ("name,number,value\nä,1,2\n", "some.csv are no UTF-8: "),
        (f"name,number,value\n{'a' * 200_000},1,2\n", "line 2: field larger"),
        (f"{'a' * 200_000},number,value\n", "line 1: field larger"),
    ],
    ids=range(9),
)
def test_a_wrong_file_is_one_line(text: str | None, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "some.csv"
    if text is not None:
        path.write_text(text, encoding="latin-1")
    with pytest.raises(InputError, match=complaint) as raised:
        read_records(path, Seen, "make it")
    assert "\n" not in str(raised.value)

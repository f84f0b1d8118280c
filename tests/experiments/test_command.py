"""What the commands share."""

import pytest

from episodic.errors import InputError
from experiments.command import OneLineParser, in_one_line, resumable


def test_a_command_ends_with_its_own_status(capsys: pytest.CaptureFixture[str]) -> None:
    assert [in_one_line(lambda: 0), in_one_line(lambda: 1)] == [0, 1]
    assert capsys.readouterr().err == ""


def test_bad_input_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    parser = OneLineParser(prog="a")
    parser.add_argument("--number", type=int)

    def command() -> int:
        return int(parser.parse_args(["--number", "x"]).number)

    assert in_one_line(command) == 2
    told = capsys.readouterr().err
    assert told == "error: argument --number: invalid int value: 'x' (--help lists the options)\n"
    with pytest.raises(InputError):
        command()


def test_an_interrupt_says_whether_the_command_goes_on_from_there(capsys: pytest.CaptureFixture[str]) -> None:
    def command() -> int:
        raise KeyboardInterrupt

    assert [in_one_line(command), resumable(command)] == [130, 130]
    assert capsys.readouterr().err == "interrupted\ninterrupted: the same command goes on from here\n"

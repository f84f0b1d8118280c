"""Options of a part whose class changes: given ones stay, defaults are those of the new class."""

from typing import Any

import pytest

from launcher.parser import OneLineParser


class Shape:
    """A part."""

    def __init__(self, size: int = 1, colour: str = "red") -> None:
        self.size, self.colour = size, colour


class Circle(Shape):
    """A part with other defaults."""

    def __init__(self, size: int = 5, colour: str = "blue", rim: int = 2) -> None:
        super().__init__(size, colour)


class Picture:
    """A class that holds a part."""

    def __init__(self, shape: Shape = Shape()) -> None:  # noqa: B008
        self.shape = shape


CIRCLE = f"{__name__}.Circle"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], {"size": 1, "colour": "red"}),
        (["--picture.shape", CIRCLE], {"size": 5, "colour": "blue", "rim": 2}),
        (["--picture.shape.size", "3", "--picture.shape", CIRCLE], {"size": 3, "colour": "blue", "rim": 2}),
        (["--picture.shape", CIRCLE, "--picture.shape.size", "1"], {"size": 1, "colour": "blue", "rim": 2}),
        (["--picture.shape", f'{{"class_path": "{CIRCLE}", "init_args": {{"rim": 4}}}}'], {"size": 5, "rim": 4}),
    ],
)
def test_another_class_has_its_own_defaults(arguments: list[str], expected: dict[str, Any]) -> None:
    parser = OneLineParser(exit_on_error=False)
    parser.add_class_arguments(Picture, "picture")
    settings = parser.parse_args(arguments).picture.shape.init_args.as_dict()
    assert expected.items() <= settings.items()

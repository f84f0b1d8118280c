"""The Python examples of docs/how_to/gymnasium.md run."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[3] / "docs" / "how_to" / "gymnasium.md"
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_runs(example: str, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("gymnasium")
    if "torchrl" in example:
        pytest.importorskip("torchrl")
    exec(compile(example, str(PAGE), "exec"), {})
    assert capsys.readouterr().out

"""The page of `cli.py --help`."""

import subprocess
import sys
from pathlib import Path

import pytest

from cli import main
from launcher.help.overview import first_line
from tests.tiny import CONFIGS, PROJECT

HEAVY = ("torch", "pytorch_lightning", "matplotlib", "sklearn")


@pytest.mark.parametrize("asked", ["--help", "-h"])
def test_the_overview_names_commands_configs_and_how_to_see_options(
    asked: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([asked]) == 0
    printed = capsys.readouterr().out
    for text in ("fit", "validate", "test", "predict", "--model.help EpisodicAgent", "--model.memory.help"):
        assert text in printed
    assert all(config.name in printed and first_line(config) in printed for config in CONFIGS)
    assert "\x1b" not in printed


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_a_config_begins_with_one_line_about_it(config: Path) -> None:
    text = config.read_text().splitlines()[0]
    assert text.startswith("# ")
    assert text.endswith(".")
    assert len(text) <= 92


def test_the_overview_imports_no_large_library() -> None:
    program = f"import sys, cli; cli.main(['--help']); sys.exit(any(name in sys.modules for name in {HEAVY}))"
    assert subprocess.run([sys.executable, "-c", program], cwd=PROJECT, stdout=subprocess.DEVNULL).returncode == 0


def test_the_command_line_leaves_scikit_learn_to_those_who_need_it() -> None:
    program = "import sys, launcher.stage_cli; sys.exit(any(name in sys.modules for name in ('sklearn', 'pandas')))"
    assert subprocess.run([sys.executable, "-c", program], cwd=PROJECT).returncode == 0

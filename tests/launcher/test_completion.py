"""The completion script, in bash itself."""

import shutil
import subprocess
from pathlib import Path

import pytest

from launcher.completion import completion_script
from tests.tiny import PROJECT

COMPLETE = """
source "$1"; shift
COMP_WORDS=(cli.py "$@"); COMP_CWORD=$#
_shtab_cli_py cli.py
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("completion") / "cli.bash"
    path.write_text(completion_script("bash"))
    return path


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
@pytest.mark.parametrize(
    ("words", "completed"),
    [
        (["te"], {"test"}),
        (["fit", "--model.memory.thr"], {"--model.memory.threshold"}),
        (
            ["fit", "--model.memory", ""],
            {"AttentionMemory", "DeltaMemory", "EpisodicMemory", "FuzzyMemory", "StackMemory"},
        ),
        (["fit", "--model.memory.help", "Sta"], {"StackMemory"}),
        (["fit", "--model.keys.embedder.emb"], {"--model.keys.embedder.embedding_size"}),
        (["test", "--data.task.every"], {"--data.task.every_arm_best"}),
        (["test", "--data.task.every_arm_best", "t"], {"true"}),
        (["fit", "--config", "configs/barcode_bandit_p"], {"configs/barcode_bandit_paper.yaml"}),
        (["fit", "--checkpoint.file"], {""}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bash_completes(words: list[str], completed: set[str], script: Path) -> None:
    done = subprocess.run(["bash", "-c", COMPLETE, "bash", script, *words], cwd=PROJECT, capture_output=True, text=True)
    assert set(done.stdout.split("\n")[:-1]) == completed

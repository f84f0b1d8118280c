"""Commands and code of README and docs: each is parsed by its own program, and one of each kind is run, small."""

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import CodeType
from typing import Any

import pytest
import yaml
from PIL import Image

from cli import main
from tests.docs.checks import Refused, check
from tests.docs.examples import PAGES, Block, Command, blocks, commands
from tests.docs.sandbox import make_sandbox
from tests.tiny import PROJECT, tiny

#: Commands, by a part of their text, that are not checked, with the reason.
LEFT_OUT = {"fit --model.memory.thr": "a word that the tab key completes"}
#: Python blocks, by a part of their text, that are not run, with the reason.
NOT_RUN = {
    "from torchrl": "needs an install of its own",
    'load_embedder("runs/': "reads a checkpoint of the reader's",
}
#: YAML blocks, by a part of their text, that are not read as what they look like, with the reason.
FRAGMENTS = {"configs/other.yaml": "shows every key of a grid's file at once"}
#: Commands that an earlier page had, too.
PARSED = set[tuple[str, ...]]()
GENERATED = {"background_alphabets": 6, "background_characters": 24}
GENERATED |= {"evaluation_alphabets": 3, "evaluation_characters": 12}


def name_of(page: Path) -> str:
    return page.relative_to(PROJECT).as_posix()


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(make_sandbox(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def left_out(command: Command) -> bool:
    return any(part in command.text for part in LEFT_OUT)


@pytest.mark.parametrize("page", [page for page in PAGES if commands(page)], ids=name_of)
def test_the_commands_of_a_page_are_parsed(page: Path, sandbox: Path) -> None:
    write_files(page, sandbox)
    refused, names = [], run_names()
    for command in commands(page):
        if command.words in PARSED or left_out(command):
            continue
        try:
            check(command, sandbox, names)
        except Refused as wrong:
            refused.append(f"{command.place}: {command.text}: {wrong}")
        PARSED.add(command.words)
    assert refused == []


def write_files(page: Path, sandbox: Path) -> None:
    """Write the files that a page shows, as its reader would."""
    for block in blocks(page):
        if block.file is not None and not (sandbox / block.file).exists():
            (sandbox / block.file).parent.mkdir(parents=True, exist_ok=True)
            (sandbox / block.file).write_text(block.text)


def run_names() -> dict[str, str]:
    """The configs of the runs that the pages' commands make, by the runs' names."""
    names = {}
    for words in (command.words for page in PAGES for command in commands(page)):
        if "--config" in words:
            config = words[words.index("--config") + 1]
            name = words[words.index("--run.name") + 1] if "--run.name" in words else Path(config).stem
            names[name] = config
    return names


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)], ids=name_of)
def test_the_python_of_a_page_runs(page: Path, sandbox: Path) -> None:
    namespace: dict[str, Any] = {"__name__": "page"}  # a reader copies the blocks one after the other
    for block in blocks(page):
        if block.language in ("python", "py") and not any(part in block.text for part in NOT_RUN):
            provide_images(block)
            if (code := compiled(block)) is not None:
                exec(code, namespace)


def compiled(block: Block) -> CodeType | None:
    """The code of a block; None for the lines of a function, of which the syntax alone is checked."""
    try:
        return compile("\n" * block.line + block.text, str(PROJECT / block.page), "exec")
    except SyntaxError as error:
        if "outside function" not in error.msg:
            raise
        compile("def function():\n" + textwrap.indent(block.text, "    "), block.place, "exec")
        return None


def provide_images(block: Block) -> None:
    """Draw the image files that a block reads."""
    for name in re.findall(r'"([\w./-]+\.(?:png|jpe?g))"', block.text):
        image = Image.new("L", (60, 60), "white")
        image.paste("black", (20, 20, 40, 40))
        image.save(name)


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)], ids=name_of)
def test_the_yaml_of_a_page_is_read(page: Path, sandbox: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_files(page, sandbox)
    for block in blocks(page):
        if block.language not in ("yaml", "yml"):
            continue
        content = yaml.safe_load(block.text)
        if isinstance(content, dict) and not any(part in block.text for part in FRAGMENTS):
            read_as(content, block, sandbox, capsys)


def read_as(content: dict[str, Any], block: Block, sandbox: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Read a YAML block as the kind of file that its keys make it."""
    path = sandbox / "block.yaml"
    path.write_text(block.text)
    words: tuple[str, ...] = ()
    if "axes" in content and "config" in content:
        words = ("python", "-m", "experiments.run", str(path), "--list")
        from experiments.planning.grid_reader import read_grid

        read_grid(path)
    elif "parameters" in content:
        words = ("python", "-m", "experiments.search", str(path))
        from experiments.search.grid_search import read_searches

        read_searches(path)
    elif {"model", "data"} <= content.keys():
        words = ("cli.py", "fit", "--config", str(path))
    elif content.keys() & {"model", "data", "trainer", "checkpoint", "run"}:
        words = ("cli.py", "fit", "--config", "configs/barcode_bandit.yaml", "--config", str(path))
    if words:
        check(Command(block.place, words, " ".join(words)), sandbox, {})


def kinds() -> Iterator[tuple[str, Command]]:
    """The first command of each kind in the pages: a subcommand of `cli.py` for a class of stage."""
    seen = set()
    for command in (command for page in PAGES for command in commands(page)):
        words = command.words
        names = re.findall(r"configs/(\w+)\.yaml|runs/(\w+)/latest", command.text)
        if "cli.py" not in words[:2] or not names or len(words) < 3 or left_out(command):
            continue
        subcommand, name = words[list(words).index("cli.py") + 1], names[0][0] or names[0][1]
        config = PROJECT / "configs" / f"{name}.yaml"
        resumed = subcommand == "fit" and "--ckpt_path" in words
        if subcommand not in ("fit", "test", "validate", "predict") or not config.is_file():
            continue
        stages = re.findall(r"class_path: (EpisodicAgent|\w+(?:Encoder|Autoencoder))", config.read_text())
        kind = f"{'resume' if resumed else subcommand} {stages[0]}"
        if kind not in seen:
            seen.add(kind)
            yield kind, command


@pytest.mark.parametrize(("kind", "command"), [pytest.param(*pair, id=pair[0]) for pair in kinds()])
def test_a_command_of_each_kind_runs(kind: str, command: Command, sandbox: Path, generated_omniglot: Path) -> None:
    words = list(command.words)
    words = words[words.index("cli.py") + 1 :]
    name = next(filter(None, re.findall(r"configs/(\w+)\.yaml|runs/(\w+)/latest", command.text)[0]))
    small = tiny(Path("configs") / f"{name}.yaml", Path("runs"), generated_omniglot)
    if words[0] == "fit" and "--ckpt_path" not in words:
        if "GeneratedDrawings" in words:
            for option in ("--data.drawings.check_counts", "--data.root"):
                del small[small.index(option) : small.index(option) + 2]
            small += [f"--data.drawings.{name}={number}" for name, number in GENERATED.items()]
        assert main([*words, *small[2:]]) == 0  # the command names its config itself
        return
    assert main(["fit", *small]) == 0
    assert main([*words, "--trainer.max_epochs", "3"] if words[0] == "fit" else words) == 0


PAGE = """Run `make demo`, or `python cli.py fit
--config configs/barcode_bandit.yaml`. The file `mine.yaml`:

```yaml
axes: {}
```

=== "Tab"

    ```bash
    $ OMP_NUM_THREADS=1 .venv/bin/python cli.py fit --config configs/barcode_bandit.yaml \\
        --model.memory null   # no memory
    epoch 1
    ```

```
reward 8.37
```
"""


def test_commands_are_taken_out_of_blocks_tabs_and_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.docs.examples.PROJECT", tmp_path)
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    fit = ("cli.py", "fit", "--config", "configs/barcode_bandit.yaml")
    assert [command.words for command in commands(page)] == [
        (".venv/bin/python", *fit, "--model.memory", "null"),
        ("make", "demo"),
        ("python", *fit),
    ]
    assert [block.language for block in blocks(page)] == ["yaml", "bash", ""]
    assert [block.file for block in blocks(page)] == ["mine.yaml", None, None]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("python cli.py fit --config configs/barcode_bandit.yaml --model.memory.treshold 1", "treshold"),
        ("python cli.py fit --config configs/barcode_bandits.yaml", "configs/barcode_bandits.yaml does not exist"),
        ("python cli.py test --ckpt_path runs/barcode/latest/checkpoints/best.ckpt", "no command before makes a run"),
        ("python -m experiments.runs grid.yaml", "module experiments.runs does not exist"),
        ("python -m experiments.run experiments/grids/quick.yaml --wrkers 2", "wrkers"),
        ("python benchmarks/memories.py", "benchmarks/memories.py does not exist"),
        ("make demos", "demos is no target"),
        ("make results WORKERS=2", "WORKERS is no variable"),
        ("conda install torch", "conda is not known"),
    ],
)
def test_wrong_commands_are_refused(text: str, message: str, sandbox: Path) -> None:
    with pytest.raises(Refused, match=message):
        check(Command("page.md:1", tuple(text.split()), text), sandbox, {})

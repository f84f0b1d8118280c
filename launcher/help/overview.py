"""The page that `python cli.py --help` prints. It imports neither torch nor Lightning, so it answers at once."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
COMMANDS = {
    "fit": "train a stage, or resume a training with --ckpt_path RUN/checkpoints/last.ckpt",
    "validate": "compute the validation metrics of a checkpoint: validation.json",
    "test": "compute the test metrics and draw the plots: metrics.json, figures/",
    "predict": "write an agent's states (harvest.npz) or an encoder's embeddings (predictions.npz)",
}
USAGE = "usage: python cli.py {fit,validate,test,predict} --config configs/NAME.yaml [options]"
INTRODUCTION = """\
Agents with an episodic memory (epL2RL, Ritter et al. 2018), and the encoders of drawings and of
hidden states that their memory is keyed by. A config describes a stage; the command line changes
any of its options. A command ends with the command to run next."""
EXAMPLES_OF = "Examples, after `python cli.py`"
EXAMPLES = {
    "fit --config configs/barcode_bandit.yaml": "train",
    "fit --config configs/barcode_bandit.yaml --model.memory.threshold null": "train with another option",
    "test --ckpt_path runs/barcode_bandit/version_0/checkpoints/best.ckpt": "test; a checkpoint needs no config",
    "fit --help": "the options of a command",
    "fit --model.help, fit --data.help": "the classes that --model and --data take",
    "fit --model.help EpisodicAgent": "the options of a class",
    "fit --model.memory.help": "the classes that a part takes, with the options of its default",
    "fit --data.task.help BarcodeBandit": "the options of a part's class",
    "fit --config configs/barcode_bandit.yaml --print_config": "all options with their values",
}
MORE = """\
Completion in a shell: python -m launcher.completion bash, see docs/reference/command_line.md.
Everything else: README.md, or the site that `make docs` builds.
EPISODIC_DEBUG=1 shows an error's traceback."""


def asks_for_overview(arguments: Sequence[str]) -> bool:
    """Whether the arguments are a call for help before any subcommand."""
    return len(arguments) > 0 and arguments[0] in ("-h", "--help")


def print_overview() -> None:
    """Print what the project is, the commands, the configs, and how to see the options of a class."""
    configs = {path.name: first_line(path) for path in sorted(CONFIGS.glob("*.yaml"))}
    console = Console(highlight=False, soft_wrap=True)
    console.print(Text(f"{USAGE}\n\n{INTRODUCTION}"))
    for title, rows in (("Commands", COMMANDS), ("Configs, in configs/", configs), (EXAMPLES_OF, EXAMPLES)):
        console.print(Text(f"\n{title}", style="bold"))
        width = max(map(len, rows))
        for name, explanation in rows.items():
            console.print(Text.assemble("  ", (name.ljust(width), "cyan"), f"  {explanation}"))
    console.print(Text(f"\n{MORE}"))


def first_line(config: Path) -> str:
    """The first line of a config, which is a comment that describes it."""
    return config.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ").rstrip(".")

"""Wrong command lines, drawn from the options of the shipped configs."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import yaml

from tests.fuzz.configs import BROKEN, HARMLESS, write_broken
from tests.fuzz.environments import GARBAGE, SETTINGS, VARIABLES
from tests.fuzz.options import Option, options_of
from tests.fuzz.values import STRANGE, Value, wrong_values
from tests.tiny import CONFIGS, tiny

COMMANDS = ("fit", "validate", "test", "predict")
#: A training of one batch, which a value that is taken starts.
SHORT = ["--trainer.limit_train_batches", "1", "--trainer.limit_val_batches", "1", "--trainer.limit_test_batches", "1"]


@dataclass
class Case:
    """A wrong command.

    Args:
        title: what is wrong.
        arguments: of the command line.
        environment: variables to set.
        refused: whether no command may accept it.
        names: words of which the message must hold one, if any are given.
    """

    title: str
    arguments: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    refused: bool = False
    names: tuple[str, ...] = ()


class Cases:
    """A stream of wrong commands.

    Args:
        seed: of the stream.
        folder: files that the commands name: small data, a trained run, broken configs.
        drawings: root of generated drawings in Omniglot's layout.
        checkpoint: of a run that was trained by `tiny_bandit`.
    """

    def __init__(self, seed: int, folder: Path, drawings: Path, checkpoint: Path) -> None:
        self.random = random.Random(seed)
        self.folder, self.drawings, self.checkpoint = folder, drawings, checkpoint
        self.folder.mkdir(parents=True, exist_ok=True)
        write_broken(self.folder)
        (self.folder / "text.txt").write_text("no checkpoint\n")
        self.kinds: list[tuple[int, Callable[[], Case]]] = [
            (40, self._value),
            (10, self._value_in_file),
            (12, self._pair),
            (8, self._name),
            (10, self._config),
            (8, self._environment),
            (4, self._command),
            (4, self._checkpoint),
            (4, self._option_alone),
        ]

    def draw(self) -> Case:
        weights = [weight for weight, _ in self.kinds]
        return self.random.choices([kind for _, kind in self.kinds], weights)[0]()

    def _base(self) -> tuple[list[str], list[Option]]:
        """A command that works, and its options."""
        if self.random.random() < 0.15:
            command = self.random.choice(COMMANDS[1:])
            base = [command, "--ckpt_path", str(self.checkpoint)]
            config = str(self.checkpoint.parents[1] / "config.yaml")
            return base, _options(("fit", "--config", config))
        config_file = self.random.choice(CONFIGS)
        arguments = tiny(config_file, self.folder, self.drawings, epochs=1)
        return ["fit", *arguments, *SHORT], _options(("fit", *arguments))

    def _option(self, options: list[Option]) -> tuple[Option, Value]:
        """An option with a wrong value; sections take turns, so that the trainer's many do not crowd out others."""
        section = self.random.choice(["model", "model", "model", "data", "data", "trainer", "trainer", "other"])
        parts = [o for o in options if o.name.partition(".")[0] == section]
        parts = parts or [o for o in options if o.name.partition(".")[0] not in ("model", "data", "trainer")]
        option = self.random.choice(parts)
        return option, self.random.choice(list(wrong_values(option, self.folder)))

    def _value(self) -> Case:
        base, options = self._base()
        option, value = self._option(options)
        given = [f"--{option.name}={value.text}"] if self.random.random() < 0.5 else [f"--{option.name}", value.text]
        if value.text.startswith("-"):
            given = [f"--{option.name}={value.text}"]
        names = (option.name.rpartition(".")[2],) if value.refused else ()
        return Case(f"{option.name} = {_short(value.text)}", [*base, *given], refused=value.refused, names=names)

    def _value_in_file(self) -> Case:
        base, options = self._base()
        option, value = self._option(options)
        tree: object = _loaded(value.text)
        for key in reversed(option.path):
            tree = {key: tree}
        path = self.folder / f"extra_{self.random.randrange(10**9)}.yaml"
        path.write_text(yaml.safe_dump(tree), encoding="utf-8")
        arguments = [base[0], *self._configs_first(base[1:], path)]
        return Case(f"{option.name}: {_short(value.text)} in a file", arguments, refused=value.refused)

    def _configs_first(self, arguments: list[str], path: Path) -> list[str]:
        """The arguments with one more config behind the first."""
        if "--config" not in arguments:
            config = str(self.checkpoint.parents[1] / "config.yaml")
            return ["--config", config, "--config", str(path), *arguments]
        position = arguments.index("--config") + 2
        return [*arguments[:position], "--config", str(path), *arguments[position:]]

    def _pair(self) -> Case:
        base, options = self._base()
        (one, first), (two, second) = self._option(options), self._option(options)
        given = [f"--{one.name}={first.text}", f"--{two.name}={second.text}"]
        title = f"{one.name} = {_short(first.text)}, {two.name} = {_short(second.text)}"
        return Case(title, [*base, *given], refused=one.name != two.name and (first.refused or second.refused))

    def _name(self) -> Case:
        base, options = self._base()
        option = self.random.choice(options)
        wrong = self._misspelt(option.name)
        known = {o.name for o in options}
        while wrong in known or wrong.partition(".")[0] in ("c",):
            wrong = self._misspelt(option.name)
        return Case(f"--{_short(wrong)}", [*base, f"--{wrong}", "1"], refused=not wrong.endswith("+"), names=())

    def _misspelt(self, name: str) -> str:
        head, dot, last = name.rpartition(".")
        position = self.random.randrange(len(last))
        wrong = self.random.choice(
            [
                last[:position] + last[position + 1 :] + "q",
                last[: position + 1] + last[position:] + "z",
                last[::-1] + "x",
                last.upper() + "_",
                last + ".nosuch",
                last + self.random.choice(STRANGE[3:9]),
                "",
            ]
        )
        return f"{head}{dot}{wrong}" if self.random.random() < 0.8 or not head else f"{wrong}.{last}"

    def _config(self) -> Case:
        base, _ = self._base()
        choices = [*BROKEN, "nosuch.yaml", ".", "text.txt", "", "\x1b[31m.yaml", "x" * 5000, "nul\0byte"]
        name = self.random.choice(choices)
        path = self.folder / name if name else Path()
        alone = self.random.random() < 0.4
        refused = name not in HARMLESS
        if alone:
            root = ["--run.root", str(self.folder / "elsewhere")]
            return Case(f"config {_short(name)} alone", [base[0], "--config", str(path), *root], refused=True)
        arguments = [base[0], *self._configs_first(base[1:], path)]
        return Case(f"config {_short(name)}", arguments, refused=refused)

    def _environment(self) -> Case:
        base, _ = self._base()
        if self.random.random() < 0.4:
            variables = self.random.choice(SETTINGS)
        else:
            variables = {self.random.choice(VARIABLES): self.random.choice(GARBAGE)}
        return Case(f"environment {variables!r}", base, environment=dict(variables))

    def _command(self) -> Case:
        base, _ = self._base()
        bad = self.random.choice(["", "fitt", "train", "FIT", "--fit", "\x1b[31m", "x" * 5000, "two\nlines", "-"])
        choices = [
            ([], "no arguments"),
            ([bad], f"command {_short(bad)} alone"),
            ([bad, *base[1:]], f"command {_short(bad)}"),
            ([base[0]], "command alone"),
            (base[1:], "no command"),
            ([*base, "extra"], "a further word"),
            ([base[0], *base], "the command twice"),
            ([base[0], "--", *base[1:]], "two dashes"),
            ([*base, "--"], "two dashes at the end"),
        ]
        arguments, title = self.random.choice(choices)
        return Case(title, arguments, refused=title not in ("two dashes at the end",))

    def _checkpoint(self) -> Case:
        base, _ = self._base()
        names = ["nosuch.ckpt", ".", "text.txt", "empty.yaml", "binary.yaml", "", "\x1b[31m.ckpt", "x" * 5000, "nul\0b"]
        name = self.random.choice(names)
        command = self.random.choice(COMMANDS)
        arguments = [command, *base[1:], "--ckpt_path", str(self.folder / name) if name else ""]
        return Case(f"{command} from checkpoint {_short(name)}", arguments, refused=True)

    def _option_alone(self) -> Case:
        base, options = self._base()
        option = self.random.choice(options)
        return Case(f"--{option.name} without a value", [*base, f"--{option.name}"], refused=True)


@cache
def _options(arguments: tuple[str, ...]) -> list[Option]:
    return options_of(list(arguments))


def _loaded(text: str) -> object:
    try:
        value: object = yaml.safe_load(text)
        yaml.safe_dump(value)
    except Exception:
        return text
    return value


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:20]}... ({len(text)} characters)")

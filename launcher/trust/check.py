"""Whether the `config.yaml` beside a checkpoint may be used without asking.

`test --ckpt_path X` uses a config that somebody else may have written. It may choose among trusted classes and set
their numbers. It may not name other code or other configs, nor choose where files are written.
"""

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import yaml
from jsonargparse import get_loader
from pytorch_lightning import LightningDataModule, LightningModule

from callbacks.checkpoints import RunCheckpoint
from episodic.drawings.cache_folder import is_cache_folder
from episodic.drawings.omniglot.root import VARIABLE, holds_omniglot
from episodic.errors import InputError
from episodic.files import is_file_name
from launcher.runs.run_folder import RunSettings
from launcher.trust.trusted_classes import arguments_of, trusted_class

#: Sections of a config that hold parts, with the class whose arguments they are.
SECTIONS: dict[str, type] = {
    "model": LightningModule,
    "data": LightningDataModule,
    "run": RunSettings,
    "checkpoint": RunCheckpoint,
}
#: Arguments that say where something is written, and the names of files and folders there.
PLACES = ("cache_dir", "default_root_dir", "dirpath", "log_dir", "root_dir", "save_dir")
FILE_NAMES = ("comment", "filename", "filename_suffix", "name", "prefix", "sub_dir", "version")
#: Parts of the trainer that a config may choose, and those that it may only leave out.
CHOSEN, LEFT_OUT = ("callbacks", "logger", "profiler"), ("plugins", "model_registry")
#: A text of the trainer that is no name of a class: `ddp`, `bf16-mixed`, `00:12:00:00`.
WORD, KEY = re.compile(r"[\w:, -]*"), re.compile(r"[\w-]+")
CALLABLE: Any = Callable
PLAIN = (str, int, float, bool, NoneType, Path, os.PathLike, Any)
MOST_THREADS, LONGEST_REASON = 1024, 120


class Untrusted(Exception):
    """An option of a config that is not trusted, and the reason."""


def require_trusted(config: Mapping[str, Any], path: Path, given: Callable[[str], bool]) -> None:
    """Raise `InputError` unless a run's config is trusted.

    Args:
        config: the run's config, as read from its file.
        path: of that file; its folder is the run's.
        given: whether an option, such as `--data.root`, is on the command line and so replaces the config's.
    """
    try:
        Checker(path.parent, given).check(config)
    except Untrusted as reason:
        remedy = f"give --trust if you trust the run, or --config {path}"
        reason_text = str(reason)[:LONGEST_REASON]
        raise InputError(f"{reason_text}, so {path.name} of run {path.parent} is not trusted: {remedy}") from None


class Checker:
    """Checks a config section by section; raises `Untrusted` at the first fault.

    Args:
        run: folder of the run.
        given: see `require_trusted`.
    """

    def __init__(self, run: Path, given: Callable[[str], bool]) -> None:
        self.run, self.given = Path(os.path.realpath(run)), given

    def check(self, config: Mapping[str, Any]) -> None:
        """Check a whole config."""
        for name, section in config.items():
            if name == "trainer" and isinstance(section, Mapping):
                self._trainer(section, _recorded_folder(config))
            elif name in SECTIONS:
                self._value(section, SECTIONS[name], name)
            elif not (section is None or isinstance(section, bool | int | float)) or name == "config":
                _require(name == "ckpt_path" and isinstance(section, str), f"{name} is {section!r}")
        threads = _mapping(config.get("run")).get("threads")
        _require(not isinstance(threads, int) or threads <= MOST_THREADS, f"run.threads is {threads}")
        _require(config.get("weights_only") is not False, "weights_only is False")

    def _trainer(self, section: Mapping[str, Any], recorded: str | None) -> None:
        for name, value in section.items():
            where = f"trainer.{name}"
            if name in CHOSEN:
                if name != "profiler" or not _is_word(value):
                    self._value(value, object, where)
            elif name in LEFT_OUT:
                _require(not value, f"{where} is {value!r}")
            elif name in PLACES:
                if value != recorded:  # a run's own config records its folder
                    self._place(name, value, where)
            else:
                self._plain(value, where)

    def _plain(self, value: Any, where: str) -> None:
        """Check a value that contains no part."""
        _require(bool(KEY.fullmatch(where.rpartition(".")[2])), f"{where} is not an option")
        if isinstance(value, Mapping):
            _require("class_path" not in value, f"{where} names {value.get('class_path')!r}")
            for name, part in value.items():
                self._plain(part, f"{where}.{name}")
        elif isinstance(value, list):
            for part in value:
                self._plain(part, where)
        else:
            _require(not isinstance(value, str) or _is_word(value), f"{where} is {value!r}")

    def _value(self, value: Any, kind: Any, where: str) -> None:
        """Check a value of an argument of some type; `object` means any part."""
        if isinstance(value, str):
            self._text(value, kind, where)
        elif isinstance(value, list):
            for part in value:
                self._value(part, kind, where)
        elif isinstance(value, Mapping):
            self._part(value, kind, where)
        else:
            _require(value is None or isinstance(value, bool | int | float), f"{where} is {value!r}")

    def _text(self, text: str, kind: Any, where: str) -> None:
        """Check a text: if a part is allowed there, it must be the name of a trusted class, not of a file."""
        if kind is not None and all(leaf in PLAIN for leaf in _leaves(kind)):
            again = _read_again(text)
            if isinstance(again, Mapping | list):
                self._value(again, kind, where)
        else:
            _require(trusted_class(text) is not None, f"{where} names {text!r}")

    def _part(self, value: Mapping[str, Any], kind: Any, where: str) -> None:
        """Check a part: a class with its arguments, or only the arguments."""
        candidates = [leaf for leaf in _leaves(kind) if isinstance(leaf, type)]
        if "class_path" in value:
            name = value["class_path"]
            chosen = trusted_class(name) if isinstance(name, str) else None
            if chosen is None:
                raise Untrusted(f"{where} names {name!r}")
            candidates = [chosen]
        for name, part in value.items():
            if name == "init_args":
                self._part(_mapping(part), candidates[0] if len(candidates) == 1 else kind, where)
            elif name != "class_path":
                self._argument(name, part, candidates, kind, where)

    def _argument(self, name: Any, value: Any, candidates: list[type], kind: Any, where: str) -> None:
        _require(isinstance(name, str) and bool(KEY.fullmatch(name)), f"{where} has an option {name!r}")
        where = f"{where}.{name}"
        _require(name != "dict_kwargs" and not name.startswith("__"), f"{where} is given")
        types = [arguments_of(candidate)[name] for candidate in candidates if name in arguments_of(candidate)]
        if name in PLACES:
            self._place(name, value, where)
        elif where == "data.root":
            self._data_root(value)
        elif name in FILE_NAMES and where.startswith("trainer."):
            _require(not isinstance(value, str) or value == "" or is_file_name(value), f"{where} is {value!r}")
        elif types:
            self._value(value, types[0], where)
        else:
            self._value(value, None if candidates and not _is_mapping_type(kind) else kind, where)

    def _place(self, name: str, value: Any, where: str) -> None:
        """Check a folder that something is written to: it has to lie in the run, or to be a cache."""
        if value is None or self.given(f"--{where}"):
            return
        _require(isinstance(value, str) and bool(value) and "://" not in value, f"{where} is {value!r}")
        folder = Path(os.path.realpath(os.path.expanduser(value)))
        inside = folder.is_relative_to(self.run)
        _require(inside or (name == "cache_dir" and is_cache_folder(folder)), f"{where} is {value!r}")

    def _data_root(self, value: Any) -> None:
        """Check the folder of the drawings: without them they would be downloaded into it."""
        if value is None or self.given("--data.root"):
            return
        _require(isinstance(value, str), f"data.root is {value!r}")
        roots = [os.path.expanduser(root) for root in (value, os.environ.get(VARIABLE)) if root]
        _require(
            any(holds_omniglot(Path(root)) for root in roots),
            f"data.root {value!r} holds no drawings (--data.root names another)",
        )


def _require(condition: bool, reason: str) -> None:
    if not condition:
        raise Untrusted(reason)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _recorded_folder(config: Mapping[str, Any]) -> str | None:
    """The folder that a config's own `run` section names."""
    parts = [_mapping(config.get("run")).get(name) for name in ("root", "name", "version")]
    texts = [part for part in parts if isinstance(part, str)]
    return os.path.join(*texts) if len(texts) == len(parts) else None


def _leaves(kind: Any) -> list[Any]:
    """List the types that a type is made of.

    >>> _leaves(dict[str, int | None])
    [<class 'str'>, <class 'int'>, <class 'NoneType'>]
    """
    origin = get_origin(kind)
    if origin is Literal:
        return [str]
    if origin in (Union, UnionType) or (isinstance(origin, type) and issubclass(origin, list | tuple | dict | set)):
        return [leaf for part in get_args(kind) if part is not ... for leaf in _leaves(part)]
    if origin is CALLABLE:
        return [origin]
    if isinstance(origin, type) and origin.__module__ == "collections.abc":
        return [leaf for part in get_args(kind) for leaf in _leaves(part)]
    return [kind if origin is None else origin]


def _is_mapping_type(kind: Any) -> bool:
    return all(leaf in PLAIN for leaf in _leaves(kind))


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and bool(WORD.fullmatch(value)) and not isinstance(_read_again(value), Mapping | list)


def _read_again(text: str) -> Any:
    """Read a text as YAML once more, as the command line does."""
    try:
        return get_loader("yaml")(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        return None

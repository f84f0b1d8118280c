"""Hostile files: nothing is built or unfolded before its size is known, and nothing blocks."""

import io
import json
import os
import resource
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from datamodules.harvest_files import read_harvest
from episodic.checkpoints import describe_checkpoint, load_embedder, read_checkpoint
from episodic.checkpoints.outline import require_fit
from episodic.drawings.cache_folder import cache_folder, is_cache_folder
from episodic.drawings.omniglot import root
from episodic.drawings.omniglot.listing import list_part
from episodic.drawings.omniglot.loading import load_part
from episodic.errors import InputError, printable
from episodic.files import is_file_name
from episodic.networks import HiddenStateEmbedder
from tests.harvests import generated_harvest

GIGABYTE = 1_000_000_000


def peak() -> int:
    """The most memory that this process has had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


@pytest.fixture(autouse=True)
def _little_memory() -> Any:
    before = peak()
    yield
    assert peak() - before < 0.5 * GIGABYTE


# Checkpoints


def saved(path: Path, **entries: Any) -> Path:
    torch.save({"state_dict": {"w": torch.zeros(1000)}, **entries}, path)
    return path


def rewritten(path: Path, pickle: bytes | None = None, method: int = zipfile.ZIP_STORED, twice: bool = False) -> Path:
    """Write a checkpoint's archive again, with another pickle, compressed, or with a record twice."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in [*members.items(), *(list(members.items())[:1] if twice else [])]:
            archive.writestr(name, pickle if pickle and name.endswith("data.pkl") else data)
    return path


#: A pickle up to the only value of a state_dict, and from there on.
BEFORE, AFTER = b"\x80\x02}(X\n\x00\x00\x00state_dict}X\x01\x00\x00\x00w", b"su."
CODE_BY_STACK = b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x0ctouch marker\x85R."


def calling(path: Path, function: bytes, argument: bytes) -> Path:
    """A checkpoint whose only value is the result of a call."""
    return rewritten(saved(path), BEFORE + _called(function, argument) + AFTER)


def _called(function: bytes, argument: bytes) -> bytes:
    return b"c" + function + b"\n" + argument + b"R"


def _number(value: int) -> bytes:
    return b"\x8a\x05" + value.to_bytes(5, "little") + b"\x85"


def doubling(path: Path) -> Path:
    text = b"X\x01\x00\x00\x00a"
    for _ in range(31):
        text = _called(b"_codecs\nencode", text + b"X\x03\x00\x00\x00hex\x86")
    return rewritten(saved(path), BEFORE + text + AFTER)


def pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


def device(path: Path) -> Path:
    path.symlink_to("/dev/zero")
    return path


def folder(path: Path) -> Path:
    path.mkdir()
    return path


def old_format(path: Path) -> Path:
    torch.save({"state_dict": {}}, path, _use_new_zipfile_serialization=False)
    return path


def commented(path: Path) -> Path:
    path.write_bytes(saved(path).read_bytes()[:-2] + b"\x01\x00x")
    return path


def compressed(path: Path) -> Path:
    return rewritten(saved(path, more=torch.zeros(10_000_000)), method=zipfile.ZIP_DEFLATED)


def many_views(path: Path) -> Path:
    storage = torch.zeros(1_000_000)
    return saved(path, state_dict={f"w{number}": storage.view(1000, 1000) for number in range(1000)})


CHECKPOINTS: dict[str, Callable[[Path], Path]] = {
    "compressed": compressed,
    "expanded": lambda path: saved(path, state_dict={"w": torch.zeros(1).expand(10**10)}),
    "many views of one memory": many_views,
    "sparse": lambda path: saved(path, more=torch.sparse_coo_tensor(torch.zeros(1, 1), torch.ones(1), (10**12,))),
    "bytes": lambda path: calling(path, b"builtins\nbytearray", _number(4 * 10**9)),
    "a tensor": lambda path: calling(path, b"torch\nTensor", _number(2 * 10**9)),
    "texts that double": doubling,
    "a record twice": lambda path: rewritten(saved(path), twice=True),
    "code": lambda path: calling(path, b"os\nsystem", b"X\x0c\x00\x00\x00touch marker\x85"),
    "code by the stack": lambda path: rewritten(saved(path), CODE_BY_STACK),
    "old format": old_format,
    "with a comment": commented,
    "a pipe": pipe,
    "a device": device,
    "a folder": folder,
    "a name of 300 letters": lambda path: path.with_name("x" * 300),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", CHECKPOINTS)
def test_a_checkpoint_that_is_larger_than_its_file_is_refused(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = CHECKPOINTS[kind](tmp_path / "a.ckpt")
    with pytest.raises(InputError, match=r"checkpoint .*(a\.ckpt|xxx)"):
        read_checkpoint(path)
    assert not Path("marker").exists()


DESCRIPTIONS: dict[str, Any] = {
    "units": {"input_size": 10**9, "hidden_layer": 10**9},
    "a width that fits into memory": {"input_size": 30_000, "hidden_layer": 30_000},
    "layers": {"input_size": 5, "layers": 10**9},
    "recurrent layers": {"input_size": 5, "layers": 10**9, "recurrent": True},
    "a list": {"input_size": [10**9]},
    "a text": {"input_size": "9" * 10},
    "unknown": {"input_size": 5, "callback": "os.system"},
    "many": {f"a{number}": number for number in range(1000)},
    "no mapping": [["input_size", 5]],
}


@pytest.mark.parametrize("kind", DESCRIPTIONS)
def test_a_description_that_does_not_fit_its_weights_builds_nothing(kind: str, tmp_path: Path) -> None:
    description = {"network": "HiddenStateEmbedder", "arguments": DESCRIPTIONS[kind], "prefix": ""}
    path = saved(tmp_path / "a.ckpt", embedder=description)
    with pytest.raises(InputError, match="does not fit its own description of HiddenStateEmbedder"):
        load_embedder(path)


def test_a_description_of_nested_lists_is_refused(tmp_path: Path) -> None:
    value: Any = 1
    for _ in range(60):
        value = [value, value]
    path = saved(tmp_path / "a.ckpt", embedder={"network": "HiddenStateEmbedder", "arguments": {"x": value}})
    with pytest.raises(InputError, match="does not fit"):
        describe_checkpoint(path)


def test_an_outline_draws_no_random_numbers() -> None:
    network = HiddenStateEmbedder(5, 4)
    before = torch.get_rng_state()
    require_fit(HiddenStateEmbedder, network.arguments, network.state_dict())
    assert torch.equal(torch.get_rng_state(), before)


# Harvests


def harvest_with(path: Path, **members: bytes) -> Path:
    """A harvest whose arrays are replaced, or occur a second time."""
    generated_harvest(path)
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in contents.items():
            archive.writestr(name, members.pop(name.removesuffix(".npy"), data))
        for name, data in members.items():
            archive.writestr(name.removesuffix("_again") + ".npy", data)
    return path


def array(header: str, data: bytes = b"") -> bytes:
    text = header.ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode() + data


def objects() -> bytes:
    file = io.BytesIO()
    np.save(file, np.array([print], dtype=object), allow_pickle=True)
    return file.getvalue()


LABEL = "{'descr': '<i4', 'fortran_order': False, 'shape': (%s,), }"
HARVESTS: dict[str, Callable[[Path], Path]] = {
    "rows": lambda path: harvest_with(path, label=array(LABEL % 10**12)),
    "rows that memory holds": lambda path: harvest_with(path, label=array(LABEL % 10**9)),
    "negative rows": lambda path: harvest_with(path, label=array(LABEL % -5)),
    "zeros": lambda path: harvest_with(path, hidden=array(LABEL % (20 * 10**6), bytes(80_000_000))),
    "objects": lambda path: harvest_with(path, label=objects()),
    "an array twice": lambda path: harvest_with(path, label_again=array(LABEL % 0)),
    "deep header": lambda path: harvest_with(path, label=array("(" * 5000)),
    "a pipe": pipe,
    "a device": device,
    "a name of 300 letters": lambda path: path.with_name("x" * 300),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", HARVESTS)
def test_a_harvest_that_lies_about_its_size_is_refused(kind: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"harvest\.npz|xxx"):
        read_harvest(str(HARVESTS[kind](tmp_path / "harvest.npz")))


def test_a_harvest_that_claims_too_many_labels_is_refused(tmp_path: Path) -> None:
    generated_harvest(tmp_path / "harvest.npz")
    with np.load(tmp_path / "harvest.npz") as stored:
        arrays = dict(stored)
    provenance = {**json.loads(str(arrays["provenance"])), "label_count": 10**12}
    arrays["provenance"] = np.array(json.dumps(provenance))
    np.savez(tmp_path / "harvest.npz", **arrays)
    with pytest.raises(InputError, match="claims 1000000000000 labels"):
        read_harvest(str(tmp_path / "harvest.npz"))


# Drawings


def png(side: int = 28) -> bytes:
    file = io.BytesIO()
    Image.new("1", (side, side), 1).save(file, "PNG")
    return file.getvalue()


def drawing_folder(home: Path) -> Path:
    character = home / "omniglot-py" / "images_background" / "Latin" / "character01"
    character.mkdir(parents=True)
    (character / "0001_01.png").write_bytes(png())
    return character


def drawing_archive(home: Path, content: bytes, name: str = "0001_01.png") -> None:
    (home / "omniglot-py").mkdir()
    with zipfile.ZipFile(home / "omniglot-py" / "images_background.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"images_background/Latin/character01/{name}", content)


def load(home: Path) -> Any:
    return load_part(home, "background", 28, cache_dir=str(home / "cache"), expected={})


def test_pipes_devices_and_sockets_are_no_drawings(tmp_path: Path) -> None:
    home = drawing_folder(tmp_path)
    os.mkfifo(home / "0001_02.png")
    (home / "0001_03.png").symlink_to("/dev/zero")
    (tmp_path / "omniglot-py" / "images_background" / "Latin" / "all").symlink_to("/")
    assert len(load(tmp_path).labels) == 1


def test_a_link_to_a_file_that_is_no_drawing_is_refused(tmp_path: Path) -> None:
    (drawing_folder(tmp_path) / "0001_02.png").symlink_to("/etc/passwd")
    with pytest.raises(InputError, match="cannot be read"):
        load(tmp_path)


def test_folders_below_the_drawings_are_not_searched(tmp_path: Path) -> None:
    deep = drawing_folder(tmp_path) / "/".join(["x"] * 200)
    deep.mkdir(parents=True)
    (deep / "a.png").touch()
    _, members = list_part(tmp_path, "background", {})
    assert [member.path[-1] for member in members] == ["0001_01.png"]


@pytest.mark.parametrize("content", [bytes(20_000_000), png(8_000)], ids=["zeros", "a large drawing"])
def test_an_archive_that_unfolds_to_a_large_drawing_is_refused(content: bytes, tmp_path: Path) -> None:
    drawing_archive(tmp_path, content)
    before = peak()
    with pytest.raises(InputError, match=r"0001_01\.png"):
        load(tmp_path)
    assert peak() - before < 0.1 * GIGABYTE


@pytest.mark.parametrize("name", ["\x1b[2J\x07.png", "a\nb.png", "\u202egnp.png", "x" * 300 + ".png", "..\\a.png"])
def test_names_in_an_archive_do_not_reach_the_terminal(name: str, tmp_path: Path) -> None:
    drawing_archive(tmp_path, b"no drawing", name)
    with pytest.raises(InputError) as error:
        load(tmp_path)
    assert str(error.value).replace("\n", "").isprintable()


# Names and folders


def test_what_an_error_says_steers_no_terminal() -> None:
    assert str(InputError("\x1b]0;x\x07\x9b\u202e\u2066\r")) == r"\x1b]0;x\x07\x9b\u202e\u2066\r"
    assert printable("plain: 1 \u00e9\n") == "plain: 1 \u00e9\n"


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "a\\b", "a\nb", "\x1b[1m", "\u202ea", "x" * 300, "\u00e9" * 101, "\0"]
)
def test_names_that_no_folder_should_have(name: str) -> None:
    assert not is_file_name(name)


FOLDERS = {
    "missing": "/nowhere/at/all", "relative": "no/such", "a file": __file__, "long": "/x" * 3000, "name": "x" * 300,
    "user": "~nobody_of_this_name/x", "escape": "/\x1b[2J", "device": "/dev/zero",
}  # fmt: skip


@pytest.mark.parametrize("kind", FOLDERS)
def test_folders_from_the_environment_that_are_none(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))  # the user's own cache is none of this test's business
    for name in ("OMNIGLOT_ROOT", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, FOLDERS[kind])
    monkeypatch.setattr(root, "_download", refuse)
    with pytest.raises(InputError, match="no Omniglot: looked under"):
        root.find_omniglot()
    assert not is_cache_folder(cache_folder())


def refuse(folder: Path) -> None:
    raise OSError("no network")

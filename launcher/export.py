"""Export the encoder of a run to a small file: `python -m launcher.export RUN_FOLDER TARGET.ckpt`.

`episodic.checkpoints.load_embedder` reads the file by its path or, in `episodic/checkpoints/shipped/`, by its name.
Its model card is TARGET.md; TARGET.yaml is the configuration that trains it again; TARGET.safetensors holds the weights
for other readers.
"""

import io
import sys
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import Module

from episodic.checkpoints import EMBEDDER_KEY, load_embedder, read_checkpoint
from episodic.drawings.images import SMALLEST
from episodic.errors import require
from episodic.files import replacing
from episodic.networks.embedder import Embedder
from episodic.networks.hidden_state_embedder import HiddenStateEmbedder
from launcher.exports.model_card import machine, model_card
from launcher.exports.provenance import read_provenance
from launcher.exports.safetensors_file import safetensors_bytes
from launcher.main import run
from launcher.parser import OneLineParser
from launcher.runs.process_lock import ProcessLock, holder
from launcher.runs.run_folder import RunFolder

#: Largest size of an exported encoder in bytes.
LARGEST = 3_000_000
#: Files that are written beside the checkpoint: card, configuration, weights for other readers.
BESIDE = (".md", ".yaml", ".safetensors")
PRECISIONS = {16: torch.float16, 32: torch.float32}


def main(arguments: list[str] | None = None) -> int:
    """Export an encoder and return the exit status: 0, or 2 after one line about invalid input."""
    return run(_command, sys.argv[1:] if arguments is None else arguments)


def _command(arguments: list[str]) -> None:
    parser = OneLineParser(prog="python -m launcher.export", description="Export a run's encoder to a small file.")
    parser.add_argument("run", help="folder of a trained and tested run")
    parser.add_argument("target", help="file to write, such as episodic/checkpoints/shipped/NAME.ckpt")
    parser.add_argument("--precision", type=int, choices=sorted(PRECISIONS), default=16, help="bits per weight")
    parser.add_argument("--no-card", action="store_true", help="write only the .ckpt file")
    parser.add_argument("--overwrite", action="store_true", help="replace existing files")
    given = parser.parse_args(arguments)
    files = export(Path(given.run), Path(given.target), given.precision, not given.no_card, given.overwrite)
    for path, size in files.items():
        print(f"{path}: {size:,} bytes")


def export(
    run_path: Path, target: Path, precision: int = 16, card: bool = True, overwrite: bool = False
) -> dict[Path, int]:
    """Write the encoder of a run's best checkpoint to `target`; return the size in bytes of each file written.

    The file holds the encoder's weights (their average, if there is one), its description and, under `provenance`, the
    run's configuration, its test metrics and the training step. The same run always gives the same bytes.

    Raises:
        InputError: the run does not exist, has no encoder or was not tested; or the target exists, is no `.ckpt`, or
            would be larger than `LARGEST`. Nothing is written then.
    """
    home = _tested_run(run_path)
    paths = _targets(target, card, overwrite)
    network, checkpoint = load_embedder(home.best), read_checkpoint(home.best)
    description = checkpoint[EMBEDDER_KEY]
    provenance = read_provenance(home, checkpoint) | {
        "precision": precision,
        "embedding_size": network.embed(example_input(network)).shape[1],
    }
    weights = rounded(network, description["prefix"], PRECISIONS[precision])
    content = _serialised({"state_dict": weights, EMBEDDER_KEY: description, "provenance": provenance})
    require(
        len(content) <= LARGEST,
        f"{target} would have {len(content):,} bytes: at most {LARGEST:,} are allowed, so train a smaller network"
        + (", or leave out --precision 32" if precision == 32 else ""),
    )
    text = model_card(target.stem, description, provenance, len(content), machine())
    files = [content]
    if card:
        files += [text.encode(), provenance["config"].encode(), safetensors_bytes(weights, description)]
    contents = dict(zip(paths, files, strict=True))
    _write(contents, overwrite)
    return {path: len(content) for path, content in contents.items()}


def example_input(network: Embedder) -> Tensor:
    """Return a batch of one input of an embedder: a hidden state or a drawing."""
    if isinstance(network, HiddenStateEmbedder):
        return torch.zeros(1, network.input_size)
    return torch.zeros(1, 1, SMALLEST, SMALLEST)


def _tested_run(path: Path) -> RunFolder:
    """Find the run in a folder."""
    home = RunFolder.of_checkpoint(path.resolve() / "checkpoints" / "best.ckpt")
    require(path.is_dir() and home is not None, f"run folder {path} does not exist: it must be runs/NAME/VERSION")
    assert home is not None
    require(home.best.is_file(), f"run {path} has no checkpoints/best.ckpt: `python cli.py fit` creates one")
    require(home.config.is_file(), f"run {path} has no config.yaml: it is incomplete")
    require(home.user() is None, f"run {path} is in use by {home.user()}: wait for it")
    return home


def _targets(target: Path, card: bool, overwrite: bool) -> list[Path]:
    """List the files to write."""
    require(target.suffix == ".ckpt", f"target {target} must end in .ckpt")
    beside = [target.with_suffix(suffix) for suffix in BESIDE]
    for path in beside if not card else []:
        require(not path.exists(), f"{path} would become outdated: delete it, or leave out --no-card")
    paths = [target, *beside] if card else [target]
    _require_free(paths, overwrite)
    return paths


def rounded(network: Module, prefix: str, precision: torch.dtype) -> dict[str, Tensor]:
    """Return the network's state under `prefix`, with floating-point numbers rounded to `precision`.

    Raises:
        InputError: a number is not finite, before or after rounding.
    """
    state = {}
    for name, value in network.state_dict().items():
        floating = value.is_floating_point()
        # Contiguous copies: torch saves the whole memory that a tensor is a view of.
        state[prefix + name] = value.to(precision if floating else value.dtype, copy=True).contiguous()
        require(bool(value.isfinite().all()), f"the encoder's {name} holds NaN or infinity: the training went wrong")
        require(
            bool(state[prefix + name].isfinite().all()),
            f"the encoder's {name} goes up to {float(value.abs().max()):.3g}: half precision ends at 65504, "
            f"use --precision 32",
        )
    return state


def _serialised(content: Mapping[str, Any]) -> bytes:
    """Serialise a checkpoint in memory, because torch would write the name of a file into it."""
    buffer = io.BytesIO()
    torch.save(dict(content), buffer)
    return buffer.getvalue()


def _write(contents: Mapping[Path, bytes], overwrite: bool) -> None:
    """Write all files, or none if one of them cannot be written or has appeared since."""
    target = next(iter(contents))
    lock = ProcessLock(target.with_name(f".{target.name}.lock"))
    with ExitStack() as stack:
        stack.callback(lock.release)
        for path, content in contents.items():
            stack.enter_context(replacing(path)).write_bytes(content)
        require(lock.acquire(), f"{target} is being written by {holder(lock.path) or 'another process'}: try again")
        _require_free(contents, overwrite)


def _require_free(paths: Iterable[Path], overwrite: bool) -> None:
    for path in paths:
        require(not path.is_dir(), f"{path} is a folder: name another target")
        require(overwrite or not path.exists(), f"{path} already exists: --overwrite replaces it")


if __name__ == "__main__":
    sys.exit(main())

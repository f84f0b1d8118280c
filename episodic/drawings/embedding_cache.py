"""Embeddings of a whole table of drawings, made once for each encoder."""

import hashlib
import os
import uuid
from contextlib import suppress
from pathlib import Path

import platformdirs
import torch
from torch import Tensor, nn

from episodic.drawings.embedding import embed_drawings
from episodic.errors import InputError

#: Changes when the same network would embed the same drawings otherwise.
FORMAT = "1"


def has_bfloat16(device: torch.device) -> bool:
    """Whether a device computes in bfloat16 without help: convolutions then take a third of the time."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    try:
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    except (AttributeError, RuntimeError):  # a build without oneDNN
        return False


def embed_table(network: nn.Module, images: Tensor) -> Tensor:
    """Embeddings `[N, D]` of drawings `[N, S, S]` uint8, ink = 255, by a network with `embed`, on the network's device.

    In the mode that the network is in, and in bfloat16 where the device has it.
    """
    device = next(network.parameters()).device
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=has_bfloat16(device)):
        return embed_drawings(lambda x: network.embed(x.to(device)), images).float()  # type: ignore[operator]


def as_floats(images: Tensor) -> Tensor:
    """Drawings `[N, S, S]` uint8 as an encoder takes them, `[N, 1, S, S]` in [0, 1]."""
    return images.unsqueeze(1).float().div_(255)


def cached_embeddings(network: nn.Module, images: Tensor, folder: str | Path | None = None) -> Tensor:
    """As `embed_table`, kept in a file that is named after a hash of network and drawings.

    Args:
        network: in evaluation mode.
        images: drawings `[N, S, S]` uint8.
        folder: of the files; None takes the user's cache folder.

    Raises:
        InputError: the folder cannot be written to.
    """
    device = next(network.parameters()).device
    base = Path(folder or platformdirs.user_cache_dir("episodic-memory-lab")).expanduser()
    path = base / f"embeddings-{_digest(network, images)}.pt"
    found = _read(path, len(images))
    if found is None:
        found = embed_table(network, images).cpu()
        _write(path, found)
    return found.to(device)


def _digest(network: nn.Module, images: Tensor) -> str:
    half = has_bfloat16(next(network.parameters()).device)
    settings = [getattr(network, name, None) for name in ("views", "image_size")]  # what the weights do not show
    digest = hashlib.sha256(f"{FORMAT} {type(network).__name__} {settings} {half}".encode())
    for name, value in [*sorted(network.state_dict().items()), ("", images)]:
        digest.update(f"{name} {tuple(value.shape)} {value.dtype}".encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:24]


def _read(path: Path, count: int) -> Tensor | None:
    """What a file holds; None where there is none, or a damaged one."""
    if not path.is_file():
        return None
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # a file that was broken off: it is made anew
        return None
    return found if isinstance(found, Tensor) and found.dim() == 2 and len(found) == count else None


def _write(path: Path, embeddings: Tensor) -> None:
    temporary = path.with_name(f"{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as file:  # torch, given the path, would not say that it was an OSError
            torch.save(embeddings, file)
        os.replace(temporary, path)
    except OSError as error:
        raise InputError(
            f"embeddings cannot be kept in {path.parent} ({error.strerror}): "
            "cache_dir of cue_encoder names another folder"
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)

"""Embeddings of a table of drawings, computed once for each encoder."""

import hashlib
from pathlib import Path

import torch
from torch import Tensor, nn

from episodic.drawings.cache_folder import cache_folder, mark_cache_folder
from episodic.drawings.embedding import embed_drawings
from episodic.errors import InputError
from episodic.files import replacing

#: Changes whenever the same network would embed the same drawings differently.
FORMAT = "1"


def has_bfloat16(device: torch.device) -> bool:
    """Whether a device computes in bfloat16 natively; convolutions then take a third of the time."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    try:
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    except (AttributeError, RuntimeError):  # a build without oneDNN
        return False


def embed_table(network: nn.Module, images: Tensor) -> Tensor:
    """Embed drawings `[N, S, S]` uint8, ink = 255, on the network's device: `[N, D]`.

    The network's mode (training or evaluation) stays as it is. It runs in bfloat16 if its weights are in single
    precision and the device supports that.
    """
    weight = next(network.parameters())
    device, dtype = weight.device, weight.dtype
    half = dtype == torch.float32 and has_bfloat16(device)
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=half):
        return embed_drawings(lambda x: network.embed(x.to(device, dtype)), images).to(dtype)  # type: ignore[operator]


def as_floats(images: Tensor) -> Tensor:
    """Convert drawings `[N, S, S]` uint8 to an encoder's input, `[N, 1, S, S]` in [0, 1].

    >>> as_floats(torch.tensor([[[0, 255]]], dtype=torch.uint8)).tolist()
    [[[[0.0, 1.0]]]]
    """
    return images.unsqueeze(1).float().div_(255)


def cached_embeddings(network: nn.Module, images: Tensor, folder: str | Path | None = None) -> Tensor:
    """Embed drawings as `embed_table` does, and keep the result in a file named by a hash of network and drawings.

    Args:
        network: Network with `embed`, in evaluation mode.
        images: Drawings `[N, S, S]` uint8.
        folder: Folder of the files; None is the user's cache folder.

    Raises:
        InputError: The folder cannot be written to.
    """
    device = next(network.parameters()).device
    path = cache_folder(folder) / f"embeddings-{_digest(network, images)}.pt"
    embeddings = _read(path, len(images))
    if embeddings is None:
        embeddings = embed_table(network, images).cpu()
        _write(path, embeddings)
    return embeddings.to(device)


def _digest(network: nn.Module, images: Tensor) -> str:
    half = has_bfloat16(next(network.parameters()).device)
    settings = [getattr(network, name, None) for name in ("views", "image_size")]  # not visible in the weights
    digest = hashlib.sha256(f"{FORMAT} {type(network).__name__} {settings} {half}".encode())
    for name, value in [*sorted(network.state_dict().items()), ("", images)]:
        digest.update(f"{name} {tuple(value.shape)} {value.dtype}".encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:24]


def _read(path: Path, count: int) -> Tensor | None:
    """Read a file; None if it is missing or damaged."""
    if not path.is_file():
        return None
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # an incomplete file is replaced
        return None
    return stored if isinstance(stored, Tensor) and stored.dim() == 2 and len(stored) == count else None


def _write(path: Path, embeddings: Tensor) -> None:
    try:
        with replacing(path) as temporary, temporary.open("xb") as file:  # given a path, torch raises no OSError
            torch.save(embeddings, file)
        mark_cache_folder(path.parent)
    except InputError as error:
        raise InputError(f"{error}; cache_dir of perception.embedder names another folder for embeddings") from error

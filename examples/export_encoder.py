"""Write a shipped encoder as a torch.export program and as an ONNX model, and compare both with the encoder.

    pip install onnx onnxscript onnxruntime
    python -m examples.export_encoder omniglot_encoder exported/

Neither file needs this project any more. Both take any number of drawings `[B, 1, 28, 28]`, floats in [0, 1] with
ink = 1, and return their embeddings `[B, D]`.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from episodic.checkpoints import load_embedder
from episodic.networks import Embedder


class Embedding(nn.Module):
    """An encoder whose forward pass is `embed`: what the exporters take."""

    def __init__(self, encoder: Embedder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, x: Tensor) -> Tensor:
        return self.encoder.embed(x)


def to_program(encoder: Embedder, example: Tensor) -> torch.export.ExportedProgram:
    """Trace an encoder for batches of any size; `example` is a batch of at least two inputs."""
    any_size = ({0: torch.export.Dim("batch", min=1)},)
    return torch.export.export(Embedding(encoder).eval(), (example,), dynamic_shapes=any_size)


def to_onnx(encoder: Embedder, example: Tensor, path: Path) -> None:
    """Write an encoder as an ONNX model with the input `x` and the output `embedding`."""
    model: Any = torch.onnx.export(to_program(encoder, example), (example,), dynamo=True, output_names=["embedding"])
    model.save(str(path))


def from_onnx(path: Path, x: Tensor) -> Tensor:
    """Compute embeddings with an ONNX model."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (embedding,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    return torch.from_numpy(embedding)


def main(arguments: list[str] | None = None) -> None:
    """Write both files, and print the largest difference from the encoder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("encoder", help="a shipped encoder of drawings, or a checkpoint")
    parser.add_argument("folder", type=Path, help="folder for the files")
    given = parser.parse_args(arguments)
    encoder, drawings = load_embedder(given.encoder), torch.rand(5, 1, 28, 28)
    given.folder.mkdir(parents=True, exist_ok=True)
    stem = given.folder / Path(given.encoder).stem
    torch.export.save(to_program(encoder, drawings[:2]), stem.with_suffix(".pt2"))
    to_onnx(encoder, drawings[:2], stem.with_suffix(".onnx"))
    with torch.no_grad():
        expected = encoder.embed(drawings)
        program = torch.export.load(stem.with_suffix(".pt2")).module()(drawings)
    for suffix, embedding in ((".pt2", program), (".onnx", from_onnx(stem.with_suffix(".onnx"), drawings))):
        print(f"{stem.with_suffix(suffix)}: largest difference {float((embedding - expected).abs().max()):.1g}")


if __name__ == "__main__":
    try:
        main()
    except ModuleNotFoundError as error:
        sys.exit(f"error: {error.name} is not installed: pip install onnx onnxscript onnxruntime")

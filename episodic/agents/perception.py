"""An agent's sight: what it makes of the drawings that a block shows."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from episodic.agents.class_code import class_signs
from episodic.agents.cue_encoder import CueEncoder
from episodic.agents.cue_learning import CueLearner, CueLearning
from episodic.drawings.embedding_cache import cached_embeddings, embed_table
from episodic.errors import require
from episodic.networks.autoencoder import Autoencoder
from episodic.networks.drawing_embedder import DrawingEmbedder
from episodic.tasks.barcode_noise import flip_bits
from episodic.tasks.blocks import BlockSpec, seeded


class DrawingTable(NamedTuple):
    """The drawings that a split's blocks are made of."""

    images: Tensor  # [N, S, S] uint8, ink = 255
    labels: Tensor  # [N] long, number of the character


class Perception(nn.Module):
    """Cues of drawings: the drawings' pixels, or what an encoder makes of them.

    A split's drawings are embedded once, and kept; those of an encoder that learns, again after each lesson, and in
    training those of a block alone.

    Args:
        encoder: None: the pixels themselves.
        learning: how the encoder learns; None leaves it as it is.
        cue_size: length of the data's cues, or of a drawing in pixels.
        classes: number of labels, for a classifier.

    Raises:
        InputError: learning without an encoder, or of binary codes; see `CueEncoder` and `CueLearner`.
    """

    def __init__(self, encoder: CueEncoder | None, learning: CueLearning | None, cue_size: int, classes: int) -> None:
        super().__init__()
        require(learning is None or encoder is not None, "cue_learning is given without cue_encoder: nothing can learn")
        require(
            learning is None or encoder is None or encoder.code == "embedding",
            "cue_learning is given with binary codes: cue_encoder.code has to be embedding",
        )
        self.encoder, self.cue_size = encoder, cue_size
        self.network: DrawingEmbedder | None = None
        self.learner: CueLearner | None = None
        self.arguments: dict[str, Any] = {}
        self._cues: dict[str, Tensor] = {}
        if encoder is None:
            return
        self.network, self.arguments = encoder.build()
        side = int(getattr(self.network, "image_size", 28))
        with torch.no_grad():
            self.cue_size = self.network.embed(torch.zeros(1, 1, side, side)).shape[1]
        self.network.requires_grad_(learning is not None)
        if learning is not None:
            if isinstance(self.network, Autoencoder):
                self.network.decoder.requires_grad_(False)  # it has no part in an embedding
            self.learner = CueLearner(learning, self.cue_size, classes)

    def train(self, mode: bool = True) -> "Perception":
        """Switch to training or evaluation; the network always embeds as in evaluation, see `CueLearner.lesson`."""
        super().train(mode)
        if self.network is not None:
            self.network.eval()
        return self

    def fill(self) -> None:
        """Take over the weights of the encoder's checkpoint."""
        if self.encoder is not None and self.network is not None:
            self.encoder.fill(self.network)

    def forget(self) -> None:
        """Drop the cues that were made by former weights, or of other drawings."""
        self._cues.clear()

    def forward(self, spec: BlockSpec, drawings: DrawingTable, split: str) -> BlockSpec:
        """The block with the cues that this agent has of its drawings.

        Args:
            spec: with drawings, on any device.
            drawings: those of the split.
            split: where they are from; the same name always means the same drawings until `forget`.
        """
        assert spec.drawings is not None
        if self.learner is not None and split == "train":
            return spec._replace(cues=self._of_block(spec.drawings, drawings))
        if split not in self._cues:
            self._cues[split] = self._of_all(drawings, spec.drawings.device)
        cues = self._cues[split][spec.drawings]
        if self.encoder is not None and self.encoder.noise > 0:
            cues = flip_bits(cues, self.encoder.noise, "random", seeded(spec.seed, 3, cues.device))
        return spec._replace(cues=cues)

    def _of_all(self, drawings: DrawingTable, device: torch.device) -> Tensor:
        """Cues `[N, K]` of all drawings of a split."""
        if self.network is None:
            return drawings.images.flatten(1).float().div_(255).to(device)
        if self.learner is not None:
            return embed_table(self.network, drawings.images)
        assert self.encoder is not None
        cues = cached_embeddings(self.network, drawings.images, self.encoder.cache_dir)
        return class_signs(cues, drawings.labels.to(device)) if self.encoder.code == "class_sign" else cues

    def _of_block(self, rows: Tensor, drawings: DrawingTable) -> Tensor:
        """Cues `[E, B, K]` of a block's drawings alone, `[E, B]` long."""
        assert self.network is not None
        met, place = rows.unique(return_inverse=True)
        return embed_table(self.network, drawings.images[met.to(drawings.images.device)])[place]

"""Cues of drawings: their pixels, or their embeddings."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from episodic.agents.class_code import class_signs
from episodic.agents.drawing_embedder_config import DrawingEmbedderConfig
from episodic.drawings.embedding_cache import cached_embeddings, embed_table
from episodic.networks.autoencoder import Autoencoder
from episodic.networks.image_embedder import ImageEmbedder
from episodic.tasks.barcodes.noise import flip_bits
from episodic.tasks.blocks import BlockSpec, seeded


class DrawingTable(NamedTuple):
    """The drawings that a split's blocks are made of."""

    images: Tensor  # [N, S, S] uint8, ink = 255
    labels: Tensor  # [N] long, number of the character


class DrawingCues(nn.Module):
    """Makes the cues of a block of its drawings.

    A split's drawings are embedded once and kept. While the embedder learns, they are embedded again after each update,
    in training only those of the block.

    Args:
        settings: of the embedder; None takes the drawings' pixels.
        cue_size: length of the data's cues, or of a drawing in pixels.
    """

    def __init__(self, settings: DrawingEmbedderConfig | None, cue_size: int) -> None:
        super().__init__()
        self.settings, self.cue_size, self.learning = settings, cue_size, False
        self.network: ImageEmbedder | None = None
        self._cues: dict[str, Tensor] = {}
        if settings is not None:
            self.network = settings.build().requires_grad_(False)
            side = self.network.image_size
            with torch.no_grad():
                self.cue_size = self.network.embed(torch.zeros(1, 1, side, side)).shape[1]

    def learn(self) -> ImageEmbedder:
        """Have the embedder be trained from now on; returns it."""
        assert self.network is not None
        self.learning = True
        self.network.requires_grad_(True)
        if isinstance(self.network, Autoencoder):
            self.network.decoder.requires_grad_(False)  # an embedding does not use it
        return self.network

    def train(self, mode: bool = True) -> "DrawingCues":
        """Switch to training or evaluation; the network always embeds as in evaluation."""
        super().train(mode)
        if self.network is not None:
            self.network.eval()
        return self

    def forget(self) -> None:
        """Drop the cues that were made with earlier weights, or of other drawings."""
        self._cues.clear()

    def forward(self, spec: BlockSpec, drawings: DrawingTable, split: str) -> Tensor:
        """Return the cues of a block, `[E, B, K]` or `[E, T, B, K]`; `Task.with_cues` adds them to it.

        Args:
            spec: with drawings, on any device.
            drawings: those of the split.
            split: its name; the same name means the same drawings until `forget`.
        """
        assert spec.drawings is not None
        if self.learning and split == "train":
            return self._of_block(spec.drawings, drawings)
        if split not in self._cues:
            self._cues[split] = self._of_all(drawings, spec.drawings.device)
        cues = self._cues[split][spec.drawings].to(spec.cues.dtype)  # a block arrives in the agent's precision
        if self.settings is not None and self.settings.noise > 0:
            cues = flip_bits(cues, self.settings.noise, "random", seeded(spec.seed, 3, cues.device))
            return cues if spec.drawings.dim() == 2 else _as_first_shown(cues, spec.drawings)
        return cues

    def _of_all(self, drawings: DrawingTable, device: torch.device) -> Tensor:
        """Cues `[N, K]` of all drawings of a split."""
        if self.network is None or self.settings is None:
            return drawings.images.flatten(1).float().div_(255).to(device)
        if self.learning:
            return embed_table(self.network, drawings.images)
        cues = cached_embeddings(self.network, drawings.images, self.settings.cache_dir)
        return class_signs(cues, drawings.labels.to(device)) if self.settings.code == "class_sign" else cues

    def _of_block(self, rows: Tensor, drawings: DrawingTable) -> Tensor:
        """Cues `[..., K]` of only a block's drawings, `[...]` long."""
        assert self.network is not None
        shown, row = rows.unique(return_inverse=True)
        return embed_table(self.network, drawings.images[shown.to(drawings.images.device)])[row]


def _as_first_shown(cues: Tensor, drawings: Tensor) -> Tensor:
    """Give a drawing the same noise at all steps of an episode: `[E, T, B, K]`, `[E, T, B]` long -> `[E, T, B, K]`."""
    first = (drawings.unsqueeze(2) == drawings.unsqueeze(1)).long().argmax(dim=2)  # argmax returns the first match
    return cues.gather(1, first.unsqueeze(-1).expand_as(cues))

"""The network that embeds Omniglot drawings as unit-length vectors."""

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, normalize

from episodic.drawings.deformation import deform
from episodic.drawings.embedding import CHUNK
from episodic.drawings.images import SMALLEST
from episodic.drawings.symmetries import TURNS, all_turns
from episodic.errors import require, require_choice, require_positive
from episodic.networks.discriminant import discriminant_projection
from episodic.networks.feature_norm import FeatureNorm
from episodic.networks.image_embedder import ImageEmbedder
from episodic.networks.residual_block import ChannelsLast, ResidualBlock, convolution

#: The deformations that `views` averages over besides the drawing itself: degrees, factors of width and height,
#: slant in degrees, shifts along x and y as fractions of the side. Each changes three properties slightly, so that
#: four deformations are enough.
VIEWS = (
    (8.0, 1.12, 1.0, 0.0, 0.03, 0.0),
    (-8.0, 1.0, 1.12, 0.0, 0.0, 0.03),
    (0.0, 1 / 1.12, 1.0, 8.0, -0.03, 0.0),
    (0.0, 1.0, 1 / 1.12, -8.0, 0.0, -0.03),
)

BACKBONES = ("residual", "convolutional")

#: Of more turns, the projection would take long to fit.
MOST_TURNS = 32


class OmniglotEmbedder(ImageEmbedder):
    """Embed drawings as unit-length vectors, to be compared by cosine.

    `convolutional` is the standard network of four blocks of convolution, batch normalisation, ReLU and pooling
    (Vinyals et al. 2016, "Matching Networks", arXiv 1606.04080, section 4.1.1). `residual` has nine consecutive
    convolutions and a linear layer (He et al. 2016, "Deep Residual Learning", arXiv 1512.03385).

    Differs from the papers: a linear layer maps the features to the embedding. Each of its numbers is normalised over
    the batch, then the embedding is scaled to length 1.

    Args:
        image_size: side S of the drawings that the network computes with, at least 28.
        embedding_size: length D of the embedding.
        backbone: `residual` or `convolutional`.
        channels: channels of each convolutional block. In the residual network the first two blocks have this many,
            the others twice as many.
        views: whether evaluation mode averages the embeddings of a drawing and of four slight deformations (`VIEWS`):
            fewer mistakes for five times the work. The mean is scaled to length 1.
        turns: how many turns of a drawing an embedding joins, 1 or a multiple of 4: fewer mistakes for `turns` times
            the work. The drawing is embedded after all turns by multiples of 360 / turns degrees. These embeddings are
            put side by side and projected to D numbers, see `fit_projection`.

    Raises:
        InputError: a number is out of its range, or the backbone is unknown.

    >>> embedding = OmniglotEmbedder(embedding_size=8, channels=4).embed(torch.rand(2, 1, 105, 105))
    >>> embedding.shape, bool((embedding.norm(dim=1) - 1 < 1e-6).all())
    (torch.Size([2, 8]), True)
    """

    projection: Tensor

    def __init__(
        self,
        image_size: int = 28,
        *,
        embedding_size: int = 128,
        backbone: str = "residual",
        channels: int = 64,
        views: bool = False,
        turns: int = 1,
    ) -> None:
        super().__init__()
        require_positive(embedding_size=embedding_size)
        require(channels >= 2, f"channels is {channels}: it must be 2 or more")
        require(image_size >= SMALLEST, f"image_size is {image_size}: it must be at least {SMALLEST}")
        require_choice("backbone", backbone, BACKBONES)
        require(
            turns == 1 or (TURNS <= turns <= MOST_TURNS and turns % TURNS == 0),
            f"turns is {turns}: it must be 1, or a multiple of {TURNS} up to {MOST_TURNS}",
        )
        self.arguments = {
            "embedding_size": embedding_size, "backbone": backbone, "image_size": image_size, "channels": channels,
            "views": views, "turns": turns,
        }  # fmt: skip
        self.embedding_size, self.image_size, self.views, self.turns = embedding_size, image_size, views, turns
        build = residual_backbone if backbone == "residual" else convolutional_backbone
        self.backbone, features = build(channels, image_size)
        self.head = nn.Linear(features, embedding_size, bias=False)
        self.norm = FeatureNorm(embedding_size)
        if turns > 1:
            # torch.eye on the device `meta` would import the compiler.
            self.register_buffer("projection", torch.zeros(embedding_size, turns * embedding_size).fill_diagonal_(1.0))

    def embed_resized(self, x: Tensor) -> Tensor:
        return self._joined(x, 1)[0] if self.turns > 1 else self._averaged(x)

    def embed_turns(self, x: Tensor) -> Tensor:
        """Return the embeddings `[4, B, D]` of drawings `[B, 1, S, S]` after 0 to 3 counter-clockwise quarter turns.

        They equal `embed` of the turned drawings, for little more work than one of them if turns are joined.

        Raises:
            InputError: see `embed`.
        """
        if self.turns > 1:
            return self._joined(self.prepared(x), TURNS)
        return torch.stack([self.embed(torch.rot90(x, turn, dims=(2, 3))) for turn in range(TURNS)])

    def objective_input(self, x: Tensor) -> Tensor:
        """Return the embeddings `[B, D]` of the drawings as they stand, never joined with their turns; see `embed`."""
        return self._averaged(self.prepared(x))

    @torch.no_grad()
    def fit_projection(self, images: Tensor, labels: Tensor) -> None:
        """Set the projection of joined turns from drawings of known characters, by the network in evaluation mode.

        Side by side, the embeddings of a drawing give vectors `[turns * D]`, one for each turn that may come first.
        Each turn of a character is a class. The projection keeps the directions that distinguish these classes best,
        see `discriminant_projection`. Before the first call, an embedding is that of the drawing as it stands. Call it
        again when the weights have changed; the learner of an agent does not.

        Args:
            images: `[N, 1, H, H]`, see `embed`. If their embeddings are not finite, the projection stays.
            labels: their characters, `[N]` long.
        """
        training = self.training
        self.eval()
        each = torch.cat([self._each_turn(self.prepared(chunk)) for chunk in images.split(CHUNK)], dim=1)
        self.train(training)
        if not each.isfinite().all():
            return
        vectors = _side_by_side(each.cpu(), range(self.turns)).flatten(0, 1)
        classes = (labels.cpu() * self.turns + torch.arange(self.turns).unsqueeze(1)).flatten()
        self.projection.copy_(discriminant_projection(vectors, classes, self.embedding_size))

    def _joined(self, x: Tensor, quarters: int) -> Tensor:
        """The joined embeddings of the drawings after 0 to `quarters - 1` quarter turns, `[quarters, B, D]`."""
        each = self._each_turn(x)
        with torch.autocast(x.device.type, enabled=False):
            beside = _side_by_side(each, range(0, quarters * self.turns // TURNS, self.turns // TURNS))
            return normalize(linear(beside, self.projection), dim=2)

    def _each_turn(self, x: Tensor) -> Tensor:
        """The embeddings after each of the turns by itself, `[turns, B, D]`."""
        together = torch.cat(all_turns(x, self.turns))
        # A few drawings go through the network together, many in chunks; an exported network has no chunks.
        chunks = (together,) if torch.compiler.is_compiling() else together.split(CHUNK)
        embeddings = torch.cat([self._averaged(chunk) for chunk in chunks])
        return embeddings.view(self.turns, -1, self.embedding_size)

    def _averaged(self, x: Tensor) -> Tensor:
        """The embeddings of drawings as they stand; in evaluation mode averaged over the views, if there are any."""
        if self.training or not self.views:
            return self._embed(x)
        views = [x, *(deform(x, *view) for view in VIEWS)]
        return normalize(torch.stack([self._embed(view) for view in views]).sum(dim=0), dim=1)

    def _embed(self, drawings: Tensor) -> Tensor:
        embedding = self.head(self.backbone(drawings))
        # In half precision the length would be 1 to three digits only.
        return normalize(self.norm(embedding.to(torch.promote_types(embedding.dtype, torch.float32))), dim=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the embeddings; the objective that trains the network owns the classifier."""
        return self.embed(x)


def _side_by_side(each: Tensor, firsts: range) -> Tensor:
    """Concatenate embeddings `[T, N, D]` by turn in cyclic order, from each of the first turns on: `[F, N, T D]`."""
    return torch.stack([each.roll(-first, dims=0).transpose(0, 1).flatten(1) for first in firsts])


def residual_backbone(channels: int, image_size: int) -> tuple[nn.Module, int]:
    """Build a convolution, pooling and four residual blocks of widths c, 2c, 2c, 2c; return it and its output length.

    The features are flattened, not averaged over the drawing, which would lose the positions of strokes.

    >>> residual_backbone(channels=64, image_size=28)[1]
    2048
    """
    network = nn.Sequential(
        convolution(1, channels, 3), ChannelsLast(), nn.BatchNorm2d(channels), nn.ReLU(), nn.MaxPool2d(2),
        ResidualBlock(channels, channels),
        ResidualBlock(channels, 2 * channels, stride=2),
        ResidualBlock(2 * channels, 2 * channels),
        ResidualBlock(2 * channels, 2 * channels, stride=2),
        nn.Flatten(),
    )  # fmt: skip
    side = (image_size // 2 + 3) // 4  # halved twice, each time rounded up
    return network, 2 * channels * side**2


def convolutional_backbone(channels: int, image_size: int) -> tuple[nn.Module, int]:
    """Build four convolutional blocks that each halve the side, rounded down; return them and their output length.

    >>> convolutional_backbone(channels=64, image_size=28)[1]
    64
    """
    layers: list[nn.Module] = []
    for before in (1, channels, channels, channels):
        layers += [convolution(before, channels, 3), ChannelsLast(), nn.BatchNorm2d(channels)]
        layers += [nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Flatten()), channels * (image_size // 16) ** 2

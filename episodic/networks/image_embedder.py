"""The interface of networks that embed drawings, and how they take any square drawing."""

from abc import abstractmethod

from torch import Tensor

from episodic.drawings.images import to_size
from episodic.networks.embedder import Embedder, require_greys, require_type


class ImageEmbedder(Embedder):
    """A network that embeds drawings; it resizes any square drawing of at least 28 x 28 to its own size.

    Attributes:
        image_size: side S of the drawings that the network computes with.
    """

    image_size: int

    def embed(self, x: Tensor) -> Tensor:
        """Return embeddings `[B, D]` of drawings `[B, 1, H, H]`, floats in [0, 1] with ink = 1, any H >= 28.

        Raises:
            InputError: the drawings are not square, are smaller than 28 x 28, have another number of channels or
                another type than the network's weights. Outside training, drawings on the CPU are also checked for
                values outside [0, 1] and NaN.
        """
        return self.embed_resized(self.prepared(x))

    def prepared(self, x: Tensor) -> Tensor:
        """Check drawings `[B, 1, H, H]` and resize them to the network's own size; see `embed`."""
        require_type(
            "images", x, next(self.parameters()), hint="floats in [0, 1] with ink = 1 are needed: images.float() / 255"
        )
        resized = to_size(x, self.image_size)
        if not self.training:
            require_greys(x)
        return resized

    @abstractmethod
    def embed_resized(self, x: Tensor) -> Tensor:
        """Return embeddings `[B, D]` of drawings `[B, 1, S, S]` of the network's own size."""

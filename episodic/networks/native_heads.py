"""Actor and critic by native kernels: choices, and the gradient of their loss."""

from ctypes import Structure, byref

from torch import Tensor

from episodic.native import kernels
from episodic.native.library import Heads
from episodic.networks.heads import ActorCriticHeads


class PackedHeads:
    """The heads' weights as they are now, in the layout of the native kernels.

    Args:
        heads: actor and critic.
        hidden: `[T, B, H]`, the hidden states of an episode; numbers of an environment lie side by side.
    """

    def __init__(self, heads: ActorCriticHeads, hidden: Tensor) -> None:
        library = kernels()
        steps, batch, size = hidden.shape
        self.weights = heads.weight.detach().contiguous(), heads.bias.detach().contiguous()
        self.hidden, self.packed = hidden, hidden.new_empty(library.heads_packed_size(size, heads.actions))
        self.heads = heads
        weight, bias = self.weights
        self.structure: Structure = Heads(
            steps,
            batch,
            size,
            heads.actions,
            weight.data_ptr(),
            bias.data_ptr(),
            hidden.data_ptr(),
            hidden.stride(1),
            self.packed.data_ptr(),
        )
        self.reference = byref(self.structure)
        library.heads_pack(self.reference)

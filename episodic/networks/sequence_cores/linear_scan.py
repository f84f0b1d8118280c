"""A linear recurrence over all steps at once."""

import torch
from torch import Tensor


def linear_scan(decay: Tensor, inputs: Tensor, initial: Tensor) -> Tensor:
    """Solve `x_t = decay * x_{t-1} + inputs_t` for all t by an associative scan in about log2(T) sweeps.

    Two steps in a row are one step of the same kind, with decay^2 and the input `decay * inputs_{t-1} + inputs_t`
    (Blelloch 1990). After the sweep of stride s, entry t sums the inputs of the last 2s steps (Hillis and Steele 1986).

    Args:
        decay: `[N]`, the same at every step.
        inputs: `[T, ..., N]`.
        initial: x before the first step, `[..., N]`.

    Returns:
        x after each step, `[T, ..., N]`.

    >>> import torch
    >>> linear_scan(torch.tensor([0.5]), torch.ones(3, 1), torch.tensor([8.0])).squeeze(1)
    tensor([5.0000, 3.5000, 2.7500])
    """
    steps, stride = len(inputs), 1
    states = torch.cat([(inputs[0] + decay * initial).unsqueeze(0), inputs[1:]])
    while stride < steps:
        states = torch.cat([states[:stride], states[stride:] + decay * states[:-stride]])
        decay, stride = decay * decay, 2 * stride
    return states

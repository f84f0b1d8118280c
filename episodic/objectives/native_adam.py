"""Adam and the clipping of gradients by native kernels, one call for each parameter."""

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from episodic.native import kernels, pick, serves

#: Numbers in all parameters, above which PyTorch's several threads are quicker.
LARGEST = 1 << 18


class NativeAdam(torch.optim.Adam):
    """`torch.optim.Adam` whose step is a native kernel wherever that computes the same; checkpoints are the same, too.

    >>> weight = torch.nn.Parameter(torch.ones(3))
    >>> optimizer = NativeAdam([weight], lr=0.1)
    >>> weight.sum().backward()
    >>> optimizer.step()
    >>> weight.data
    tensor([0.9000, 0.9000, 0.9000])
    """

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # type: ignore[override]
        """Take a step; see `torch.optim.Adam`."""
        if not all(self._served(group) for group in self.param_groups):
            return super().step(closure)
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        kernel = kernels().adam
        for group in self.param_groups:
            (beta1, beta2), rate, epsilon = group["betas"], float(group["lr"]), group["eps"]
            for parameter in group["params"]:
                gradient = parameter.grad
                if gradient is None:
                    continue
                state = self.state[parameter] or self._begun(parameter)
                state["step"] += 1
                kernel(
                    parameter.numel(),
                    parameter.data_ptr(),
                    gradient.data_ptr(),
                    state["exp_avg"].data_ptr(),
                    state["exp_avg_sq"].data_ptr(),
                    float(state["step"]),
                    rate,
                    beta1,
                    beta2,
                    epsilon,
                )
        return loss

    def _begun(self, parameter: Tensor) -> dict[str, Tensor]:
        """The state of a parameter before its first step, as `torch.optim.Adam` begins it."""
        state: dict[str, Tensor] = self.state[parameter]
        state["step"] = torch.zeros((), dtype=torch.float32)
        state["exp_avg"] = torch.zeros_like(parameter, memory_format=torch.preserve_format)
        state["exp_avg_sq"] = torch.zeros_like(parameter, memory_format=torch.preserve_format)
        return state

    @staticmethod
    def _served(group: dict[str, Any]) -> bool:
        plain = not any(
            group.get(name)
            for name in ("weight_decay", "amsgrad", "maximize", "capturable", "differentiable")
        )
        return plain and _served(group["params"])


def _served(parameters: Sequence[Tensor]) -> bool:
    """Whether native kernels compute with these parameters and their gradients: few numbers, side by side."""
    count = 0
    for parameter in parameters:
        gradient = parameter.grad
        count += parameter.numel()
        if gradient is not None and not (
            serves(parameter)
            and gradient.dtype is parameter.dtype
            and gradient.is_contiguous()
            and parameter.is_contiguous()
        ):
            return False
    return count <= LARGEST


def native_adam(optimizer: torch.optim.Optimizer) -> torch.optim.Optimizer:
    """Return a plain `torch.optim.Adam` as one with native steps, and any other optimiser as it is."""
    if type(optimizer) is not torch.optim.Adam:
        return optimizer
    return NativeAdam(optimizer.param_groups, **optimizer.defaults)


def clip_gradients(parameters: Sequence[Tensor], norm: float) -> None:
    """Scale the gradients of all parameters to at most this norm together; see `torch.nn.utils.clip_grad_norm_`."""
    clip = pick(_clip, torch.nn.utils.clip_grad_norm_, like=parameters[0]) if _served(parameters) else None
    (clip or torch.nn.utils.clip_grad_norm_)(parameters, norm)


def _clip(parameters: Sequence[Tensor], norm: float) -> None:
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    addresses = (ctypes.c_void_p * len(gradients))(*(gradient.data_ptr() for gradient in gradients))
    sizes = (ctypes.c_int64 * len(gradients))(*(gradient.numel() for gradient in gradients))
    kernels().clip_gradients(len(gradients), addresses, sizes, norm)

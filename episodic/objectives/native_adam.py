"""Adam and the clipping of gradients by native kernels, in one call each for all parameters."""

import functools
from collections.abc import Callable, Sequence
from ctypes import addressof, byref, c_void_p, sizeof
from typing import Any

import torch
from torch import Tensor
from torch.optim import optimizer as torch_optimizer

from episodic.native import kernels, serves
from episodic.native.library import AdamCall, addresses, sizes

#: Numbers in all parameters, above which PyTorch's several threads are quicker.
LARGEST = 1 << 18
#: Options of Adam that the kernel does not know.
FURTHER = ("weight_decay", "amsgrad", "maximize", "capturable", "differentiable")


class NativeAdam(torch.optim.Adam):
    """`torch.optim.Adam` whose step is a native kernel wherever that computes the same; checkpoints are the same, too.

    >>> weight = torch.nn.Parameter(torch.ones(3))
    >>> optimizer = NativeAdam([weight], lr=0.1)
    >>> weight.sum().backward()
    >>> optimizer.step()
    >>> weight.data
    tensor([0.9000, 0.9000, 0.9000])
    """

    @staticmethod
    def profile_hook_step(func: Callable[..., Any]) -> Callable[..., Any]:
        """Call hooks and profiler around a step, as every optimiser does, but only where there are any."""
        hooked = torch.optim.Adam.profile_hook_step(func)

        @functools.wraps(func)
        def step(self: NativeAdam, *args: Any, **kwargs: Any) -> Any:
            return (hooked if _is_watched(self) else func)(self, *args, **kwargs)

        return step

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take a step; see `torch.optim.Adam`."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        plain = not any(group.get(name) for group in self.param_groups for name in FURTHER)
        if not plain or not _served([parameter for group in self.param_groups for parameter in group["params"]]):
            super().step()
            return loss
        for group in self.param_groups:
            self._step(group, [parameter for parameter in group["params"] if parameter.grad is not None])
        return loss

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients; see `torch.optim.Optimizer.zero_grad`."""
        if not set_to_none:
            super().zero_grad(set_to_none=False)
            return
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.grad = None

    def _step(self, group: dict[str, Any], parameters: list[Tensor]) -> None:
        states = [self.state[parameter] or self._begun(parameter) for parameter in parameters]
        count, gradients = len(parameters), [parameter.grad for parameter in parameters if parameter.grad is not None]
        moments = (state[name] for name in ("exp_avg", "exp_avg_sq", "step") for state in states)
        # One array instead of five, since making one costs as much as the step of a small parameter.
        array, numbers = addresses([*parameters, *gradients, *moments]), sizes(parameters)
        parts = (addressof(array) + part * count * sizeof(c_void_p) for part in range(5))
        rate, betas, epsilon = float(group["lr"]), group["betas"], group["eps"]
        kernels().adam(byref(AdamCall(count, addressof(numbers), *parts, rate, *betas, epsilon)))

    def _begun(self, parameter: Tensor) -> dict[str, Tensor]:
        """The state of a parameter before its first step, as `torch.optim.Adam` begins it."""
        state: dict[str, Tensor] = self.state[parameter]
        state["step"] = torch.zeros((), dtype=torch.float32)
        state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(parameter), torch.zeros_like(parameter)
        return state


def _is_watched(optimizer: torch.optim.Optimizer) -> bool:
    """Whether a hook or a profiler waits for the steps of an optimiser."""
    own = optimizer._optimizer_step_pre_hooks or optimizer._optimizer_step_post_hooks
    shared = torch_optimizer._global_optimizer_pre_hooks or torch_optimizer._global_optimizer_post_hooks
    return bool(own or shared) or torch.autograd.profiler._is_profiler_enabled


class NativeSteps:
    """Builds an optimiser as `build` does, but with native steps if it is a plain `torch.optim.Adam`.

    >>> from functools import partial
    >>> type(NativeSteps(partial(torch.optim.Adam, lr=0.1))([torch.nn.Parameter(torch.ones(3))])).__name__
    'NativeAdam'
    """

    def __init__(self, build: Callable[[Any], torch.optim.Optimizer]) -> None:
        self.build = build

    def __call__(self, parameters: Any) -> torch.optim.Optimizer:
        """Build the optimiser of these parameters."""
        optimizer = self.build(parameters)
        if type(optimizer) is not torch.optim.Adam:
            return optimizer
        return NativeAdam(optimizer.param_groups, **optimizer.defaults)


def clip_gradients(parameters: Sequence[Tensor], norm: float) -> None:
    """Scale the gradients of all parameters to at most this norm together; see `torch.nn.utils.clip_grad_norm_`."""
    if not _served(parameters):
        torch.nn.utils.clip_grad_norm_(parameters, norm)
        return
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    kernels().clip_gradients(len(gradients), addresses(gradients), sizes(gradients), norm)


def _served(parameters: Sequence[Tensor]) -> bool:
    """Whether native kernels compute with these parameters and their gradients: few numbers, side by side."""
    count = 0
    for parameter in parameters:
        gradient = parameter.grad
        count += parameter.numel()
        alike = gradient is None or (gradient.dtype is parameter.dtype and gradient.is_contiguous())
        if not alike or parameter.dtype is not torch.float32 or not parameter.is_cpu or not parameter.is_contiguous():
            return False
    return 0 < count <= LARGEST and serves(parameters[0])

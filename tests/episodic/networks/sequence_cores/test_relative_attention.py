"""Weights of attention: a softmax without denormal numbers."""

import torch

from episodic.networks.sequence_cores.relative_attention import softmax_without_denormals


def test_weights_are_those_of_the_softmax_without_denormal_numbers() -> None:
    scores = 40 * torch.randn(64, 500, generator=torch.Generator().manual_seed(0))
    scores[:, :3] = float("-inf")
    plain, weights = scores.softmax(dim=-1), softmax_without_denormals(scores)
    tiny = torch.finfo(torch.float32).tiny
    assert ((plain > 0) & (plain < tiny)).any()  # what is to be avoided occurs
    assert not ((weights > 0) & (weights < tiny)).any()
    assert torch.equal(weights[plain > 1e-25], plain[plain > 1e-25])
    assert (weights - plain).abs().max() < 1e-25


def test_the_gradient_is_that_of_the_softmax() -> None:
    scores = (40 * torch.randn(8, 50, generator=torch.Generator().manual_seed(1))).requires_grad_()
    direction = torch.randn(8, 50, generator=torch.Generator().manual_seed(2))
    expected, found = (
        torch.autograd.grad((function(scores) * direction).sum(), scores)[0]
        for function in (lambda x: x.softmax(dim=-1), softmax_without_denormals)
    )
    assert torch.allclose(found, expected, rtol=0, atol=1e-20)

"""Batch normalisation that takes a batch of one."""

import torch

from episodic.networks.feature_norm import FeatureNorm


def test_a_batch_is_normalised_feature_by_feature() -> None:
    x = torch.randn(50, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 5.0, 0.1]) + 2
    y = FeatureNorm(3)(x)
    torch.testing.assert_close(y.mean(dim=0), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(y.var(dim=0, unbiased=False), torch.ones(3), atol=2e-3, rtol=0)


def test_a_batch_of_one_goes_by_the_running_statistics_and_leaves_them() -> None:
    norm = FeatureNorm(2)
    for _ in range(200):
        norm(torch.tensor([[1.0, 10.0], [3.0, 30.0]]))
    before = {name: value.clone() for name, value in norm.state_dict().items()}
    one = norm(torch.tensor([[3.0, 20.0]]))
    # Running variances are those of samples: 2 and 200.
    torch.testing.assert_close(one, torch.tensor([[0.5**0.5, 0.0]]), atol=1e-3, rtol=0)
    assert all(torch.equal(value, before[name]) for name, value in norm.state_dict().items())
    assert torch.equal(norm.eval()(torch.tensor([[3.0, 20.0]])), one)


def test_it_has_nothing_to_learn() -> None:
    assert not list(FeatureNorm(2).parameters())

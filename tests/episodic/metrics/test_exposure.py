"""Means by exposure, against a loop."""

import torch

from episodic.metrics import by_exposure


def test_means_agree_with_a_loop() -> None:
    generator = torch.Generator().manual_seed(0)
    values = torch.rand(6, 3, 4, generator=generator)
    exposures = torch.randint(1, 4, (6, 4), generator=generator)
    means = by_exposure(values, exposures)
    for exposure in range(1, 4):
        met = [values[e, :, b] for e in range(6) for b in range(4) if exposures[e, b] == exposure]
        torch.testing.assert_close(means[exposure - 1], torch.stack(met).mean(dim=0))
    torch.testing.assert_close(by_exposure(values.sum(dim=1), exposures), means.sum(dim=1))


def test_later_exposures_count_as_the_last_and_missing_ones_are_nan() -> None:
    values, exposures = torch.tensor([[1.0], [2.0], [6.0]]), torch.tensor([[1], [2], [3]])
    assert by_exposure(values, exposures, count=2).tolist() == [1.0, 4.0]
    assert by_exposure(values, exposures, count=4)[3].isnan()

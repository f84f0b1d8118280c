"""Pairs of drawings within and between alphabets, against all pairs."""

from collections import Counter

import numpy as np
import torch

from episodic.metrics.alphabet_pairs import OTHER_ALPHABET, SAME_ALPHABET, SAME_CLASS, alphabet_pairs


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_pairs_are_of_the_kind_that_they_are_said_to_be() -> None:
    labels = torch.tensor([0, 0, 0, 1, 1, 2, 2, 3])
    alphabets = torch.tensor([0, 0, 1, 1])
    points = torch.randn(8, 5, generator=seeded()).double()
    samples = alphabet_pairs(points, labels, alphabets, seeded(), most=4000)
    expected: dict[str, dict[float, float]] = {kind: {} for kind in (SAME_CLASS, SAME_ALPHABET, OTHER_ALPHABET)}
    for i in range(8):
        for j in range(i):
            same, near = labels[i] == labels[j], alphabets[labels[i]] == alphabets[labels[j]]
            kind = SAME_CLASS if same else SAME_ALPHABET if near else OTHER_ALPHABET
            cosine = round(float(torch.cosine_similarity(points[i], points[j], dim=0)), 9)
            expected[kind][cosine] = 1.0
    for kind, values in samples.items():
        counts = Counter(round(value, 9) for value in values.tolist())
        assert set(counts) == set(expected[kind])
    # Each of the 15 pairs across alphabets is as likely as any other.
    shares = np.array(list(Counter(round(x, 9) for x in samples[OTHER_ALPHABET].tolist()).values()))
    np.testing.assert_allclose(shares / shares.sum(), 1 / 15, atol=0.03)

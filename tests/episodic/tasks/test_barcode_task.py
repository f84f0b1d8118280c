"""The base for tasks of one's own."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

from episodic.errors import InputError
from episodic.tasks import BarcodeTask, BlockSpec, flip_bits
from episodic.tasks.blocks import seeded


class Numbers(NamedTuple):
    number: Tensor  # [E, B]


class Guess:
    def __init__(self, number: Tensor) -> None:
        self.number = number.unsqueeze(1)

    def step(self, t: int, action: Tensor, reward: Tensor) -> None:
        reward.copy_(action == self.number)

    def measures(self, actions: Tensor) -> dict[str, Tensor]:
        return {}


@dataclass(frozen=True)
class GuessOne(BarcodeTask):
    """Guess a number once per episode."""

    actions, steps = 3, 1

    def draw_rules(self, contexts: Tensor, generator: torch.Generator) -> Any:
        hidden = torch.randint(3, (contexts.shape[1], self.contexts), generator=generator)
        return Numbers(hidden.gather(1, contexts.T).T)

    def begin(self, spec: BlockSpec, episode: int, luck: Tensor, observation: Tensor) -> Guess:
        return Guess(spec.rules.number[episode])


def test_contexts_return_with_their_barcodes_and_rules() -> None:
    spec = GuessOne(contexts=4, exposures=3, bits=5).draw_block(batch_size=6, seed=0)
    assert spec.cues.shape == (12, 6, 5)
    for b in range(6):
        cues, numbers = dict[int, list[float]](), dict[int, int]()
        for e in range(12):
            label = int(spec.labels[e, b])
            assert spec.exposures[e, b] == (spec.labels[: e + 1, b] == label).sum()
            assert cues.setdefault(label, spec.cues[e, b].tolist()) == spec.cues[e, b].tolist()
            assert numbers.setdefault(label, int(spec.rules.number[e, b])) == spec.rules.number[e, b]
        assert len({tuple(cue) for cue in cues.values()}) == len(cues) == 4


def test_a_block_is_a_function_of_its_seed_and_noise_flips_bits_alone() -> None:
    task = GuessOne(bits=8)
    one, same, other = (task.draw_block(2, seed) for seed in (3, 3, 4))
    assert torch.equal(one.cues, same.cues)
    assert not torch.equal(one.cues, other.cues)
    noisy = GuessOne(bits=8, noise=0.25).draw_block(2, 3)
    assert torch.equal(noisy.labels, one.labels)
    torch.testing.assert_close(noisy.cues, flip_bits(one.cues, 0.25, "random", seeded(3, 3)))


def test_a_vocabulary_names_the_contexts() -> None:
    spec = GuessOne(contexts=2, bits=5, vocabulary=7).draw_block(4, 0)
    assert GuessOne(contexts=2, bits=5, vocabulary=7).label_count == 7
    assert spec.labels.max() < 7


def test_wrong_numbers_are_refused() -> None:
    with pytest.raises(InputError, match="exposures is 0"):
        GuessOne(exposures=0)
    with pytest.raises(InputError, match="bits"):
        GuessOne(contexts=10, bits=2)

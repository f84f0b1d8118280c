"""The compositional bandit: two arms, each with a cue of its own, whose classes return in ever new pairs.

A block has `classes` classes of cues; half of them are good and half are bad for the whole block. An episode shows one
good and one bad class, at random positions. The arm of the good class pays with probability `best`, the other with
probability `rest`. Each class occurs in `exposures` episodes; partners are drawn anew, so a pair rarely returns.

At every pull the agent attends to one of the two cues. Action 0 pulls the arm of the attended cue, action 1 the other
arm; so what the agent learns about the attended cue holds at any position. The memory is searched by the cue that is
attended first: the queried cue, one of the two at random. `stored` decides which cues are stored:

- `queried`: attention stays on the queried cue, and the state after the last pull is written under it;
- `both`: attention may switch between two pulls, with probability `switch`, and always does before the last pull. The
  observation shows that it has switched. The states after the last two pulls are written, each under the attended cue.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from episodic.errors import require, require_choice, require_fraction, require_positive
from episodic.tasks.barcode_noise import flip_bits
from episodic.tasks.barcode_vocabulary import check_vocabulary, draw_barcodes, draw_identities
from episodic.tasks.blocks import BlockSpec, seeded
from episodic.tasks.task import Schedule, Task

STORED = ("both", "queried")
ARMS = 2
#: Familiarity of the two arms: which of them occurred in an earlier episode of the block.
FAMILIARITY = ("new", "good_familiar", "bad_familiar", "familiar")


class CompositionalRules(NamedTuple):
    """The rules of a block; classes below half their number are good."""

    classes: Tensor  # [E, B, 2] long, the class at each position
    good: Tensor  # [E, B] long, position of the good class
    attended: Tensor  # [E, T, B] long, position of the cue that the agent attends to; at first the queried one
    familiar: Tensor  # [E, B] long, index into FAMILIARITY
    probabilities: Tensor  # [2], of a reward: of the bad class's arm and of the good one's


class CompositionalEpisode:
    """One episode; the episode's luck decides which arms pay.

    Args:
        rules: of the block.
        episode: its number.
        pays: `[T, B, 2]`, reward of the arm at each position.
    """

    def __init__(self, rules: CompositionalRules, episode: int, pays: Tensor) -> None:
        self.good, self.familiar, self.attended = rules.good[episode], rules.familiar[episode], rules.attended[episode]
        self.loss, self.pays = rules.probabilities[1] - rules.probabilities[0], pays

    def step(self, t: int, action: Tensor, reward: Tensor) -> None:
        """Write the reward `[B, 1]` of actions `[B, 1]` in place: 0 once the pulls are over."""
        torch.gather(self.pays[t], 1, action ^ self.attended[t].unsqueeze(1), out=reward)

    def measures(self, actions: Tensor) -> dict[str, Tensor]:
        """Return the regret `[T, B]`, and that of the episode by familiarity `[B]`, NaN for other familiarities."""
        regret = (actions ^ self.attended != self.good) * self.loss
        total = regret.sum(dim=0)
        parts = {
            f"regret_{name}": torch.where(self.familiar == index, total, torch.nan)
            for index, name in enumerate(FAMILIARITY)
        }
        return {"regret": regret, **parts}


@dataclass(frozen=True)
class CompositionalBandit(Task):
    """A bandit whose two arms have barcodes of their own (Ritter et al. 2018, experiment 3).

    Args:
        classes: Number of classes in a block, an even number.
        exposures: Episodes in which each class occurs.
        pulls: Pulls in an episode.
        best: Probability of a reward on the arm of a good class.
        rest: Probability of a reward on the arm of a bad class.
        stored: `both` cues are stored after an episode, or only the `queried` one.
        switch: Probability that attention switches between two pulls where both cues are stored.
        bits: Length of a barcode.
        noise: Fraction of the bits of each shown cue that are flipped.
        vocabulary: Number of fixed barcodes from which every block draws its classes; their numbers are the labels.
            None draws new barcodes for each block.
        vocabulary_seed: Seed of the fixed barcodes.

    Raises:
        InputError: A number is below 1; an odd number of classes; a probability is outside [0, 1]; `best` is not above
            `rest`; not enough barcodes.

    >>> task = CompositionalBandit(classes=6, exposures=2)
    >>> task.episodes, task.steps, task.schedule.writes
    (6, 5, (False, False, False, True, True))
    """

    classes: int = 400
    exposures: int = 5
    pulls: int = 5
    best: float = 0.9
    rest: float = 0.1
    stored: str = "both"
    switch: float = 0.5
    bits: int = 10
    noise: float = 0.0
    vocabulary: int | None = None
    vocabulary_seed: int = 0

    def __post_init__(self) -> None:
        require_positive(classes=self.classes, exposures=self.exposures, pulls=self.pulls)
        require(self.classes % 2 == 0, f"classes is {self.classes}: it must be even, half of them are good")
        require_fraction(best=self.best, rest=self.rest, switch=self.switch, noise=self.noise)
        require(self.best > self.rest, f"best is {self.best}: it must be greater than rest, {self.rest}")
        require_choice("stored", self.stored, STORED)
        require(
            self.stored == "queried" or self.pulls > 1,
            f"pulls is {self.pulls}: to store both cues, each needs a pull, so it must be at least 2",
        )
        check_vocabulary(self.vocabulary, self.vocabulary_seed, self.bits, self.classes, "classes")

    @property
    def written(self) -> int:
        """Cues that are stored after an episode."""
        return 2 if self.stored == "both" else 1

    @property
    def actions(self) -> int:
        return ARMS

    @property
    def steps(self) -> int:
        return self.pulls

    @property
    def episodes(self) -> int:
        return self.classes * self.exposures // 2

    @property
    def cue_size(self) -> int:
        return self.bits

    @property
    def label_count(self) -> int:
        return self.classes if self.vocabulary is None else self.vocabulary

    @property
    def fixed_labels(self) -> bool:
        return self.vocabulary is not None

    @property
    def observation_size(self) -> int:
        return 1

    @property
    def schedule(self) -> Schedule:
        if self.stored == "queried":
            return Schedule.whole_episode(self.pulls)
        earlier = self.pulls - 2
        return Schedule((True,) * (self.pulls - 1) + (False,), (False,) * earlier + (True, True))

    @property
    def measures(self) -> tuple[str, ...]:
        return ("regret", *(f"regret_{name}" for name in FAMILIARITY))

    @property
    def chance(self) -> float:
        return self.pulls * (self.best + self.rest) / 2

    def draw_block(self, batch_size: int, seed: int) -> BlockSpec:
        """Draw a block for B environments on the CPU: a pure function of its arguments."""
        generator = seeded(seed, 0)
        half = self.classes // 2
        bag = torch.arange(half).repeat(self.exposures)
        good, bad = (
            bag[torch.rand(self.episodes, batch_size, generator=generator).argsort(dim=0)] + offset
            for offset in (0, half)
        )
        position, queried = (torch.randint(ARMS, good.shape, generator=generator) for _ in range(2))
        attended = queried.unsqueeze(1).repeat(1, self.pulls, 1)
        if self.stored == "both":
            switched = torch.rand(self.episodes, self.pulls - 1, batch_size, generator=generator) < self.switch
            switched[:, -1] = True
            attended[:, 1:] ^= switched.long().cumsum(dim=1) % 2
        classes = torch.where(position.unsqueeze(-1) == torch.arange(ARMS), good.unsqueeze(-1), bad.unsqueeze(-1))
        seen = _earlier(good, half), _earlier(bad - half, half)  # episodes before this one with the class
        familiar = (seen[0] > 0).long() + 2 * (seen[1] > 0).long()
        of_step = classes.unsqueeze(1).expand(-1, self.pulls, -1, -1)
        attended_class = of_step.gather(3, attended.unsqueeze(-1)).squeeze(-1)  # [E, T, B]
        seen_before = torch.where(attended_class[:, 0] < half, *seen)
        identities = draw_identities(batch_size, self.classes, self.vocabulary, generator)
        codes = draw_barcodes(identities, self.bits, self.vocabulary, self.vocabulary_seed, generator)
        cues, labels = self._shown(codes, classes, attended, seed), identities[torch.arange(batch_size), attended_class]
        return BlockSpec(
            cues=cues,
            labels=labels[:, 0].contiguous(),
            exposures=1 + seen_before,
            seed=seed,
            rules=CompositionalRules(classes, position, attended, familiar, torch.tensor([self.rest, self.best])),
            queries=cues[:, :1],
            keys=cues[:, -self.written :].unsqueeze(3),
            key_labels=labels[:, -self.written :].unsqueeze(3),
        )

    def _shown(self, codes: Tensor, classes: Tensor, attended: Tensor, seed: int) -> Tensor:
        """Return the attended cue of each step, `[E, T, B, bits]`; a cue has the same noise for a whole episode."""
        columns = torch.arange(codes.shape[0])
        shown = codes[columns.unsqueeze(1), classes]  # [E, B, 2, bits], by position
        if self.noise > 0:
            shown = flip_bits(shown.flatten(1, 2), self.noise, "random", seeded(seed, 3)).view_as(shown)
        return shown[torch.arange(len(shown)).view(-1, 1, 1), columns, attended]

    def begin(self, spec: BlockSpec, episode: int, luck: Tensor, observation: Tensor) -> CompositionalEpisode:
        """Begin an episode: the observation is 1 where attention has switched since the last pull, else 0."""
        rules: CompositionalRules = spec.rules
        attended = rules.attended[episode]
        observation[1 : self.pulls, :, 0] = (attended[1:] != attended[:-1]).to(observation.dtype)
        is_good = rules.good[episode].unsqueeze(-1) == torch.arange(ARMS, device=luck.device)
        pays = luck.unsqueeze(-1) < rules.probabilities[is_good.long()]
        return CompositionalEpisode(rules, episode, pays.to(observation.dtype))

    def ideal_rewards(self, spec: BlockSpec, *, memory: bool = True) -> Tensor:
        """Return the rewards `[E, T, B]` of a Bayes player; without memory it forgets between episodes.

        In log odds: a class is good with `record[class]`. The player knows the queried class's record, adds the
        evidence of its pulls, and chooses the more probable arm. Then the record of the queried class is the sum. If
        both cues are stored, the record of the other class falls by the same sum, because one of the two is good.
        """
        rules, luck = spec.rules, self.luck(spec)
        best, rest = (min(max(p, 1e-9), 1 - 1e-9) for p in (self.best, self.rest))
        win, loss = (torch.tensor(x / y).log().item() for x, y in ((best, rest), (1 - best, 1 - rest)))
        record = torch.zeros(spec.batch_size, self.classes, dtype=torch.float64, device=luck.device)
        rewards = torch.zeros(luck.shape, device=luck.device)
        for episode in range(spec.episodes):
            queried = rules.attended[episode, 0]
            label = rules.classes[episode].gather(1, queried.unsqueeze(1))
            odds = record.gather(1, label).squeeze(1) if memory else torch.zeros_like(record[:, 0])
            for t in range(self.pulls):
                tied = odds.abs() < 1e-6
                prefers = torch.where(tied, luck[episode, t - 1] < 0.5, odds > 0)  # another step's luck
                action = torch.where(prefers, queried, 1 - queried)
                good = action == rules.good[episode]
                reward = luck[episode, t] < torch.where(good, self.best, self.rest)
                rewards[episode, t] = reward
                evidence = torch.where(reward, win, loss).double()
                odds = odds + torch.where(prefers, evidence, -evidence)
            if memory:
                record.scatter_(1, label, odds.unsqueeze(1))
                if self.stored == "both":
                    other = rules.classes[episode].gather(1, 1 - queried.unsqueeze(1))
                    record.scatter_add_(1, other, -odds.unsqueeze(1))
        return rewards


def _earlier(classes: Tensor, count: int) -> Tensor:
    """Count the earlier episodes with the same class: `[E, B]` long below `count` -> `[E, B]` long.

    >>> _earlier(torch.tensor([[0], [1], [0]]), count=2).T
    tensor([[0, 0, 1]])
    """
    order = classes.argsort(dim=0, stable=True)  # by class, then by episode
    ordered = classes.gather(0, order)
    position = torch.arange(len(classes)).unsqueeze(1).expand_as(classes)
    first = torch.searchsorted(ordered.T.contiguous(), ordered.T.contiguous()).T  # where each class begins
    return torch.zeros_like(classes).scatter(0, order, position - first)

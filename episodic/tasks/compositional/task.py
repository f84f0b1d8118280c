"""The compositional bandit: two arms, each with its own cue, whose classes return in ever new pairs.

A block has `classes` classes of cues; half of them are good and half are bad for the whole block. An episode shows one
good and one bad class, at random positions. The arm of the good class pays with probability `best`, the other with
probability `rest`. Each class occurs in `exposures` episodes; partners are redrawn, so a pair rarely returns.

At every pull the agent attends to one of the two cues. Action 0 pulls the arm of the attended cue, action 1 the other
arm; so what the agent learns about the attended cue holds at any position. The memory is searched by the cue that is
attended first: the queried cue, one of the two at random. `stored` decides which cues are stored:

- `queried`: attention stays on the queried cue, and the state after the last pull is written under it;
- `both`: attention may switch between two pulls, with probability `switch`, and always does before the last pull. The
  observation shows that it has switched. The states after the last two pulls are written, each under the attended cue.

An episode's context is the class of its queried cue. Its exposure counts the episodes that have stored this class, and
the present one.
"""

from abc import abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from episodic.errors import require, require_choice, require_fraction, require_positive
from episodic.tasks.barcodes.noise import flip_bits
from episodic.tasks.blocks import BlockSpec, seeded
from episodic.tasks.compositional.rules import ARMS, FAMILIARITY, CompositionalEpisode, CompositionalRules
from episodic.tasks.task import Schedule, Task

STORED = ("both", "queried")


@dataclass(frozen=True)
class CompositionalTask(Task):
    """A compositional bandit without cues (Ritter et al. 2018, experiment 3); subclasses add them.

    Args:
        classes: Number of classes in a block, an even number.
        exposures: Episodes in which each class occurs.
        pulls: Pulls in an episode.
        best: Probability of a reward on the arm of a good class.
        rest: Probability of a reward on the arm of a bad class.
        stored: `both` cues are stored after an episode, or only the `queried` one.
        switch: Probability that attention switches between two pulls where both cues are stored.

    Raises:
        InputError: A number is below 1; an odd number of classes; a probability is outside [0, 1]; `best` is not above
            `rest`.
    """

    classes: int = 400
    exposures: int = 5
    pulls: int = 5
    best: float = 0.9
    rest: float = 0.1
    stored: str = "both"
    switch: float = 0.5

    def __post_init__(self) -> None:
        require_positive(classes=self.classes, exposures=self.exposures, pulls=self.pulls)
        require(self.classes % 2 == 0, f"classes is {self.classes}: it must be even, half of them are good")
        require_fraction(best=self.best, rest=self.rest, switch=self.switch)
        require(self.best > self.rest, f"best is {self.best}: it must be greater than rest, {self.rest}")
        require_choice("stored", self.stored, STORED)
        require(
            self.stored == "queried" or self.pulls > 1,
            f"pulls is {self.pulls}: to store both cues, each needs a pull, so it must be at least 2",
        )

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

    @abstractmethod
    def draw_identities(self, batch: int, generator: torch.Generator) -> Tensor:
        """Draw the label of each of a block's classes, `[B, C]` long."""

    @abstractmethod
    def show(self, spec: BlockSpec, identities: Tensor, generator: torch.Generator) -> BlockSpec:
        """Add the cues, or the drawings that they are made of, to a block whose classes have labels `[B, C]`."""

    def draw_block(self, batch_size: int, seed: int) -> BlockSpec:
        """Draw a block for B environments on the CPU: a pure function of its arguments."""
        generator = seeded(seed, 0)
        rules = self._draw_rules(batch_size, generator)
        attended_class = at_steps(rules.classes.movedim(2, 1), rules.attended)  # [E, T, B]
        stored_before = _occurrences(attended_class[:, 0], self.classes)
        if self.stored == "both":
            stored_before = rules.earlier.gather(2, rules.attended[:, 0].unsqueeze(2)).squeeze(2)
        identities = self.draw_identities(batch_size, generator)
        labels = identities[torch.arange(batch_size), attended_class]
        spec = BlockSpec(
            cues=torch.zeros(self.episodes, batch_size, 0),
            labels=labels[:, 0].contiguous(),
            exposures=1 + stored_before,
            seed=seed,
            rules=rules,
            key_labels=labels[:, -self.written :].unsqueeze(3),
        )
        return self.show(spec, identities, generator)

    def _draw_rules(self, batch: int, generator: torch.Generator) -> CompositionalRules:
        half = self.classes // 2
        bag = torch.arange(half).repeat(self.exposures)
        good, bad = (
            bag[torch.rand(self.episodes, batch, generator=generator).argsort(dim=0)] + offset for offset in (0, half)
        )
        position, queried = (torch.randint(ARMS, good.shape, generator=generator) for _ in range(2))
        attended = queried.unsqueeze(1).repeat(1, self.pulls, 1)
        if self.stored == "both":
            switched = torch.rand(self.episodes, self.pulls - 1, batch, generator=generator) < self.switch
            switched[:, -1] = True
            attended[:, 1:] ^= switched.long().cumsum(dim=1) % 2
        is_good = position.unsqueeze(-1) == torch.arange(ARMS)
        earlier_good, earlier_bad = _occurrences(good, self.classes), _occurrences(bad, self.classes)
        return CompositionalRules(
            classes=torch.where(is_good, good.unsqueeze(-1), bad.unsqueeze(-1)),
            good=position,
            attended=attended,
            familiar=(earlier_good > 0).long() + 2 * (earlier_bad > 0).long(),
            earlier=torch.where(is_good, earlier_good.unsqueeze(-1), earlier_bad.unsqueeze(-1)),
            probabilities=torch.tensor([self.rest, self.best]),
        )

    def with_barcodes(self, spec: BlockSpec, codes: Tensor, noise: float) -> BlockSpec:
        """Show the classes' barcodes `[B, C, bits]`; a cue has the same noise for a whole episode."""
        columns = torch.arange(spec.batch_size).unsqueeze(1)
        shown = codes[columns, spec.rules.classes]  # [E, B, 2, bits], by position
        if noise > 0:
            shown = flip_bits(shown.flatten(1, 2), noise, "random", seeded(spec.seed, 3)).view_as(shown)
        return self.with_cues(spec, at_steps(shown.movedim(2, 1), spec.rules.attended))

    def with_cues(self, spec: BlockSpec, cues: Tensor) -> BlockSpec:
        """Return the block with the attended cue of each step, `[E, T, B, K]`: the first is the query."""
        return spec._replace(cues=cues, queries=cues[:, :1], keys=cues[:, -self.written :].unsqueeze(3))

    def begin(self, spec: BlockSpec, episode: int, luck: Tensor, observation: Tensor) -> CompositionalEpisode:
        """Begin an episode: the observation is 1 where attention has switched since the last pull, else 0."""
        rules: CompositionalRules = spec.rules
        attended = rules.attended[episode]
        observation[1 : self.pulls, :, 0] = (attended[1:] != attended[:-1]).to(observation.dtype)
        return CompositionalEpisode(rules, episode, luck, observation.dtype)

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
                prefers = torch.where(tied, coin(luck[episode, t]), odds > 0)
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


def coin(luck: Tensor) -> Tensor:
    """Toss a coin by late digits of uniform numbers, which tell nothing of how large the numbers are.

    >>> coin(torch.tensor([0.0003, 0.0007, 0.9004]))
    tensor([ True, False,  True])
    """
    return (1024 * luck).frac() < 0.5


def at_steps(values: Tensor, attended: Tensor) -> Tensor:
    """Pick what belongs to the attended position: `[E, 2, B, ...]` by position, `[E, T, B]` long -> `[E, T, B, ...]`.

    >>> at_steps(torch.tensor([[[4], [5]]]), torch.tensor([[[1], [0], [1]]])).flatten()
    tensor([5, 4, 5])
    """
    episodes, columns = torch.arange(len(values)).view(-1, 1, 1), torch.arange(values.shape[2])
    return values[episodes, attended, columns]


def _occurrences(classes: Tensor, count: int) -> Tensor:
    """Count the earlier episodes with the same class: `[E, B]` long below `count` -> `[E, B]` long.

    >>> _occurrences(torch.tensor([[0], [1], [0]]), count=2).T
    tensor([[0, 0, 1]])
    """
    order = classes.argsort(dim=0, stable=True)  # by class, then by episode
    ordered = classes.gather(0, order)
    position = torch.arange(len(classes)).unsqueeze(1).expand_as(classes)
    first = torch.searchsorted(ordered.T.contiguous(), ordered.T.contiguous()).T  # where each class begins
    return torch.zeros_like(classes).scatter(0, order, position - first)

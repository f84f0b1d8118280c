"""The episodic two-step task: choices that lead to one of two states, and cues that recall an earlier trial.

A block is one episode of `trials` trials. In each trial the agent chooses one of two actions. Action a leads to its
common second-stage state a with probability `common`, otherwise to the other state. One state pays with probability
`high`, the other with probability `low`; before each trial but the first they swap with probability `reversal`.

Each trial has its own context, a barcode. In the first half of the block trials are uncued. In the second half
each trial shows the context of an uncued trial as a cue before the choice. If the agent then reaches the state of the
cued trial, it gets the reward of that trial. The other state pays as usual.

The memory is read on cued trials, and each trial is written under its context once its reward has been seen. A trial
takes one or two steps of the agent's core:

- one step: the core sees the second stage and the reward of the last trial, and whether this one is cued. Trial n is
  written after the step of trial n + 1, the first that has seen its outcome; the last trial is not written;
- two steps: at the first the agent chooses; at the second it sees second stage, reward and context, and its action
  has no effect. The trial is written after the second step.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from episodic.errors import require, require_choice, require_fraction, require_positive
from episodic.tasks.barcodes.vocabulary import check_vocabulary, draw_barcodes, draw_identities
from episodic.tasks.blocks import BlockSpec, seeded
from episodic.tasks.task import Schedule, Task
from episodic.tasks.two_step_player import TwoStepPlayer

CUED = ("random", "halves")
#: What a stay probability depends on: whether an earlier trial was rewarded, and whether its transition was common.
OUTCOMES = ("rewarded_common", "rewarded_uncommon", "unrewarded_common", "unrewarded_uncommon")
#: Trials and the earlier trial that they are compared with.
COMPARED = ("uncued", "cued", "episodic")


class TwoStepRules(NamedTuple):
    """The rules of a block of N trials."""

    uncommon: Tensor  # [N, B] bool, whether a choice leads to the other action's state
    pays: Tensor  # [N, B, 2], reward of each state unless a cue promises another
    good: Tensor  # [N, B] long, the state that pays with probability `high`
    cued: Tensor  # [N, B] long, the trial whose context a trial shows; -1 for none


class TwoStepEpisode:
    """A block of trials.

    Args:
        rules: of the block.
        steps_per_trial: 1 or 2.
        observation: `[T + 1, B, 3]`: both second-stage states, and whether the trial is cued.
    """

    def __init__(self, rules: TwoStepRules, steps_per_trial: int, observation: Tensor) -> None:
        self.rules, self.per_trial, self.observation = rules, steps_per_trial, observation
        trials, batch = rules.cued.shape
        self.chosen = torch.zeros(trials, batch, dtype=torch.long, device=rules.cued.device)
        self.states, self.rewards = torch.zeros_like(self.chosen), torch.zeros_like(rules.pays[..., 0])
        observation[: trials * steps_per_trial : steps_per_trial, :, 2] = (rules.cued >= 0).to(observation.dtype)

    def step(self, t: int, action: Tensor, reward: Tensor) -> None:
        """Write the reward `[B, 1]` of actions `[B, 1]` and the state that they lead to in place."""
        trial, stage = divmod(t, self.per_trial)
        if stage > 0:
            reward.zero_()  # the second stage has no choice, and its reward was there when it began
            return
        state = action ^ self.rules.uncommon[trial].unsqueeze(1)
        torch.gather(self.rules.pays[trial].to(reward.dtype), 1, state, out=reward)
        cued = self.rules.cued[trial].unsqueeze(1)
        earlier = cued.clamp_min(0)
        promised = (cued >= 0) & (self.states.T.gather(1, earlier) == state)
        reward.copy_(torch.where(promised, self.rewards.T.gather(1, earlier).to(reward.dtype), reward))
        self.chosen[trial], self.states[trial] = action.squeeze(1), state.squeeze(1)
        self.rewards[trial] = reward.squeeze(1)
        self.observation[t + 1].scatter_(1, state, 1.0)

    def measures(self, actions: Tensor) -> dict[str, Tensor]:
        """Return the stay probabilities `[B]`; NaN where an environment has no such trials.

        `stay_uncued_*` and `stay_cued_*` compare uncued and cued trials with the trial before, `stay_episodic_*` cued
        trials with the trial whose context they show.
        """
        before = torch.arange(-1, len(self.chosen) - 1, device=self.chosen.device).unsqueeze(1)
        is_cued = self.rules.cued >= 0
        first = before < 0
        return {
            **self._stays("uncued", before.expand_as(self.chosen), ~is_cued & ~first),
            **self._stays("cued", before.expand_as(self.chosen), is_cued & ~first),
            **self._stays("episodic", self.rules.cued, is_cued),
        }

    def _stays(self, name: str, earlier: Tensor, counted: Tensor) -> dict[str, Tensor]:
        """Share of the `counted` trials `[N, B]` that repeat the choice of the `earlier` trial, by its outcome."""
        earlier = earlier.clamp_min(0)
        stay = self.chosen.gather(0, earlier) == self.chosen
        common = ~self.rules.uncommon.gather(0, earlier)
        rewarded = self.rewards.gather(0, earlier) > 0
        shares = {}
        for outcome, happened in zip(
            OUTCOMES,
            (rewarded & common, rewarded & ~common, ~rewarded & common, ~rewarded & ~common),
            strict=True,
        ):
            selected = counted & happened
            shares[f"stay_{name}_{outcome}"] = (stay & selected).sum(dim=0) / selected.sum(dim=0)
        return shares


@dataclass(frozen=True)
class TwoStep(Task):
    """The two-step task with episodic cues (Ritter et al. 2018, experiment 5; Vikbladh et al. 2017).

    Args:
        trials: Trials N of a block, an even number.
        steps_per_trial: Steps of the agent's core in a trial, 1 or 2.
        common: Probability that a choice leads to its common state.
        high: Probability of a reward in the better state.
        low: Probability of a reward in the other state.
        reversal: Probability that the states swap before a trial.
        cued: Uncued trial that a cued one shows: `random`, any of them; `halves`, one of the first half of the uncued
            trials in the first half of the cued ones, and one of the second half in the second.
        bits: Length of a barcode.
        vocabulary: Number of fixed barcodes from which every block draws its contexts; their numbers are the labels.
            None draws new barcodes for each block.
        vocabulary_seed: Seed of the fixed barcodes.

    Raises:
        InputError: A number out of its range; `high` is not above `low`; an odd number of trials; not enough barcodes.

    >>> task = TwoStep(trials=20)
    >>> task.steps, sum(task.schedule.reads), sum(task.schedule.writes)
    (40, 10, 20)
    """

    trials: int = 100
    steps_per_trial: int = 2
    common: float = 0.9
    high: float = 0.9
    low: float = 0.1
    reversal: float = 0.1
    cued: str = "random"
    bits: int = 10
    vocabulary: int | None = None
    vocabulary_seed: int = 0

    def __post_init__(self) -> None:
        require_positive(trials=self.trials)
        require(self.trials % 2 == 0, f"trials is {self.trials}: it must be even, half of the trials are cued")
        require(self.steps_per_trial in (1, 2), f"steps_per_trial is {self.steps_per_trial}: it must be 1 or 2")
        require_fraction(common=self.common, high=self.high, low=self.low, reversal=self.reversal)
        require(self.high > self.low, f"high is {self.high}: it must be greater than low, {self.low}")
        require_choice("cued", self.cued, CUED)
        require(
            self.cued == "random" or self.trials % 4 == 0,
            f"trials is {self.trials}: with cued 'halves' it must be a multiple of 4",
        )
        check_vocabulary(self.vocabulary, self.vocabulary_seed, self.bits, self.trials, "trials")

    @property
    def actions(self) -> int:
        return 2

    @property
    def steps(self) -> int:
        return self.trials * self.steps_per_trial

    @property
    def episodes(self) -> int:
        return 1

    @property
    def cue_size(self) -> int:
        return self.bits

    @property
    def label_count(self) -> int:
        return self.trials if self.vocabulary is None else self.vocabulary

    @property
    def fixed_labels(self) -> bool:
        return self.vocabulary is not None

    @property
    def observation_size(self) -> int:
        return 3

    @property
    def schedule(self) -> Schedule:
        reads, writes = [], []
        for t in range(self.steps):
            trial, stage = divmod(t, self.steps_per_trial)
            reads.append(stage == 0 and trial >= self.trials // 2)
            writes.append(stage == 1 if self.steps_per_trial == 2 else trial > 0)
        return Schedule(tuple(reads), tuple(writes))

    @property
    def measures(self) -> tuple[str, ...]:
        return tuple(f"stay_{name}_{outcome}" for name in COMPARED for outcome in OUTCOMES)

    @property
    def chance(self) -> float:
        return self.trials * (self.high + self.low) / 2

    def draw_block(self, batch_size: int, seed: int) -> BlockSpec:
        """Draw a block for B environments on the CPU: a pure function of its arguments."""
        generator = seeded(seed, 0)
        half, shape = self.trials // 2, (self.trials, batch_size)
        swaps = torch.rand(shape, generator=generator) < self.reversal
        swaps[0] = torch.rand(batch_size, generator=generator) < 0.5  # the state that is good at first
        good = swaps.long().cumsum(dim=0) % 2
        uncommon = torch.rand(shape, generator=generator) >= self.common
        probabilities = torch.full((*shape, 2), self.low).scatter_(2, good.unsqueeze(-1), self.high)
        pays = (torch.rand(*shape, 2, generator=generator) < probabilities).float()
        if self.cued == "random":
            shown = torch.randint(half, (half, batch_size), generator=generator)
        else:
            part = half // 2
            first = torch.randint(part, (part, batch_size), generator=generator)
            shown = torch.cat([first, torch.randint(part, (part, batch_size), generator=generator) + part])
        cued = torch.cat([torch.full((half, batch_size), -1), shown])
        identities = draw_identities(batch_size, self.trials, self.vocabulary, generator)
        codes = draw_barcodes(identities, self.bits, self.vocabulary, self.vocabulary_seed, generator)
        codes, identities = codes.transpose(0, 1), identities.T  # [N, B, bits], [N, B]
        cues, labels = self._cues(codes, identities, cued)
        written = sum(self.schedule.writes)
        return BlockSpec(
            cues=cues.unsqueeze(0),
            labels=torch.zeros(1, batch_size, dtype=torch.long),
            exposures=torch.ones(1, batch_size, dtype=torch.long),
            seed=seed,
            rules=TwoStepRules(uncommon, pays, good, cued),
            keys=codes[:written].unsqueeze(0).unsqueeze(3),
            query_labels=labels.unsqueeze(0),
            key_labels=identities[:written].unsqueeze(0).unsqueeze(3).contiguous(),
        )

    def _cues(self, codes: Tensor, identities: Tensor, cued: Tensor) -> tuple[Tensor, Tensor]:
        """The cue `[T, B, bits]` of each step, and the label `[T, B]` that a read should recall, -1 for none."""
        earlier, is_cued = cued.clamp_min(0), cued >= 0
        shown = codes.gather(0, earlier.unsqueeze(-1).expand_as(codes)) * is_cued.unsqueeze(-1)
        labels = torch.where(is_cued, identities.gather(0, earlier), -1)
        if self.steps_per_trial == 1:
            return shown, labels
        cues = torch.stack([shown, codes], dim=1).flatten(0, 1)
        return cues, torch.stack([labels, torch.full_like(labels, -1)], dim=1).flatten(0, 1)

    def luck(self, spec: BlockSpec) -> Tensor:
        """Return no numbers, `[1, 0, B]`: all chance events are part of the block."""
        return torch.empty(1, 0, spec.batch_size, device=spec.labels.device)

    def begin(self, spec: BlockSpec, episode: int, luck: Tensor, observation: Tensor) -> TwoStepEpisode:
        """Begin the block's only episode."""
        return TwoStepEpisode(spec.rules, self.steps_per_trial, observation)

    def ideal_rewards(self, spec: BlockSpec, *, memory: bool = True) -> Tensor:
        """Return the rewards `[1, T, B]` of the player that follows the posterior over the better state.

        The player knows all probabilities. With `memory` it knows the outcome of the trial that a cue shows. Without,
        a cue tells it only that one of the two states pays as it did in some uncued trial.
        """
        return self.ideal_play(spec, memory=memory)[0]

    def ideal_play(self, spec: BlockSpec, *, memory: bool = True) -> tuple[Tensor, TwoStepEpisode]:
        """Play as `ideal_rewards` says; returns the rewards `[1, T, B]` and the finished episode."""
        observation = torch.zeros(self.steps + 1, spec.batch_size, 3, device=spec.labels.device)
        episode = self.begin(spec, 0, torch.empty(0), observation)
        player = TwoStepPlayer(self, spec, memory=memory)
        rewards = torch.zeros(self.steps, spec.batch_size, 1, device=spec.labels.device)
        for trial in range(self.trials):
            t = trial * self.steps_per_trial
            episode.step(t, player.choose(trial, episode).unsqueeze(1), rewards[t])
            player.observe(trial, episode)
        return rewards.squeeze(-1).unsqueeze(0), episode

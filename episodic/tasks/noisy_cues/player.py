"""The Bayes player that sees only the noisy cue."""

from dataclasses import replace

import torch
from torch import Tensor

from episodic.errors import require, require_choice, require_positive
from episodic.tasks.barcode_bandit import BarcodeBandit
from episodic.tasks.barcodes.vocabulary import fixed_barcodes
from episodic.tasks.blocks import BlockSpec, seeded
from episodic.tasks.noisy_cues.codes import SMALLEST, CodeBelief, FlipModel, InferredCodes, KnownCodes, ListedCodes
from episodic.tasks.noisy_cues.particles import Particles, context_prior, resample
from episodic.tasks.players import Counts, ideal_index, random_argmax

KNOWN = ("block", "vocabulary", "nothing")
FLIPS = ("exact", "independent")


@torch.no_grad()
def bayes_rewards(
    task: BarcodeBandit, spec: BlockSpec, *, known: str = "block", flips: str = "exact", particles: int = 128
) -> Tensor:
    """Return the rewards `[E, T, B]` of the Bayes player that sees only the noisy cues, with the block's own luck.

    The player knows the rules: the bag of contexts, the arms' probabilities, the share of flipped bits. It keeps
    weighted guesses (`particles`) of which episodes were of one context. Given such a guess, its posterior of each
    context's best arm is exact, as the ideal observer's. It pulls the arm that most probably is best. After an episode,
    the rewards count as evidence for a context just as the cue does. With as many particles as sequences of contexts
    the player is exact; otherwise `resample` keeps the best ones.

    Without noise this is the ideal observer, pull by pull. Like that observer the player takes the best arms of
    different contexts as independent, and does not explore for the sake of later pulls.

    Args:
        task: the rules, with the noise.
        spec: a block of that task, on any device.
        known: which barcodes the player knows: those of the `block`; those of the task's `vocabulary`, but not which of
            them the block has; or `nothing`, so that it infers them within the block.
        flips: the player knows that `exact` round(noise * K) bits are flipped, as they are; or it takes flips to be
            `independent`, with the noise as their probability. The second knows less: half of all bits flipped tell it
            nothing.
        particles: largest number of guesses P.

    Raises:
        InputError: an unknown name; a vocabulary that the task does not have; an order other than the bag; noise in one
            region first.

    >>> task = BarcodeBandit(arms=2, contexts=2, exposures=2, pulls=3, bits=4, noise=0.25)
    >>> bayes_rewards(task, task.draw_block(batch_size=5, seed=0), known="nothing").shape
    torch.Size([4, 3, 5])
    """
    belief = _belief(task, spec, known, flips)
    require_positive(particles=particles)
    luck, generator = task.luck(spec), seeded(spec.seed, 7)
    guesses = _start(task, belief, spec)
    rewards = torch.empty_like(luck)
    with torch.random.fork_rng():  # ties are broken as `play_block` breaks them
        torch.manual_seed(seeded(spec.seed, 2).initial_seed())
        for episode in range(spec.episodes):
            cue = spec.cues[episode]
            joint = _joint(task, belief, guesses, cue, named=known == "block")
            evidence, rewards[episode] = _play_episode(task, guesses, joint, spec.rules.arms(episode), luck[episode])
            uniform = torch.rand(spec.batch_size, 1, generator=generator, dtype=torch.float64).to(luck.device)
            guesses = _learn(belief, guesses, joint, evidence, cue, uniform, particles)
    return rewards


def _belief(task: BarcodeBandit, spec: BlockSpec, known: str, flips: str) -> CodeBelief:
    require_choice("known", known, KNOWN)
    require_choice("flips", flips, FLIPS)
    require(task.order == "bag", f"order is {task.order!r}: this player supports only 'bag'")
    require(task.noise_kind == "random", f"noise_kind is {task.noise_kind!r}: this player supports only 'random'")
    require(
        known != "vocabulary" or task.vocabulary is not None, "known is 'vocabulary': the task's vocabulary is null"
    )
    exact = round(task.noise * task.bits) if flips == "exact" else None
    model = FlipModel(min(max(task.noise, SMALLEST), 1 - SMALLEST), exact)
    if known == "nothing":
        return InferredCodes(task.contexts, task.bits, model)
    batch, device = spec.batch_size, spec.labels.device
    if known == "vocabulary" and task.vocabulary is not None:
        codes = fixed_barcodes(task.vocabulary, task.bits, task.rule, task.vocabulary_seed)
        return ListedCodes(task.contexts, codes.to(device), model)
    clean = replace(task, noise=0.0).draw_block(batch, spec.seed).cues.to(device)  # the same block without flips
    codes = clean.new_zeros(batch, task.contexts, task.bits)
    codes[torch.arange(batch, device=device), spec.rules.contexts] = clean
    return KnownCodes(codes, model)


def _start(task: BarcodeBandit, belief: CodeBelief, spec: BlockSpec) -> Particles:
    batch, device = spec.batch_size, spec.labels.device
    arms = torch.zeros(batch, 1, belief.slots, task.arms, dtype=torch.float64, device=device)
    arms[..., : task.candidates] = 1 / task.candidates
    counts = torch.zeros(batch, 1, belief.slots, dtype=torch.long, device=device)
    return Particles(arms.new_zeros(batch, 1), counts, arms, belief.start(batch).to(device))


def _joint(task: BarcodeBandit, belief: CodeBelief, guesses: Particles, cue: Tensor, *, named: bool) -> Tensor:
    """Log probability `[B, P, S]` of each guess together with the slot of the new episode, once its cue is seen."""
    prior = context_prior(guesses.counts, task.exposures, named=named)
    joint = guesses.log_weight.unsqueeze(2) + prior + belief.log_likelihood(cue, guesses.bits, guesses.counts)
    return joint - joint.flatten(1).logsumexp(dim=1)[:, None, None]


def _play_episode(
    task: BarcodeBandit, guesses: Particles, joint: Tensor, probabilities: Tensor, luck: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the log evidence `[B, A]` of the episode's outcomes for each arm to be best, and the rewards `[T, B]`."""
    arms = (joint.exp().flatten(1).unsqueeze(1) @ guesses.arms.flatten(1, 2)).squeeze(1)  # [B, A]
    rows, outcomes = torch.arange(len(luck[0]), device=luck.device), arms.new_zeros(2, *arms.shape)
    rewards = torch.empty_like(luck)
    for t in range(task.pulls):
        action = random_argmax(arms.log() + ideal_index(task, Counts(outcomes[0], outcomes[1], probabilities)))
        failed = luck[t] >= probabilities.gather(1, action).squeeze(1)
        outcomes[failed.long(), rows, action.squeeze(1)] += 1
        rewards[t] = (~failed).to(luck)
    return ideal_index(task, Counts(outcomes[0], outcomes[1], probabilities)), rewards


def _learn(
    belief: CodeBelief,
    guesses: Particles,
    joint: Tensor,
    evidence: Tensor,
    cue: Tensor,
    uniform: Tensor,
    particles: int,
) -> Particles:
    """Extend each guess by each slot for the episode, keep the best, and learn from the episode in each."""
    factor = (evidence - evidence.amax(dim=1, keepdim=True)).exp()  # [B, A]
    extended = (joint + (guesses.arms @ factor[:, None, :, None]).squeeze(3).log()).flatten(1)  # [B, P * S]
    if extended.shape[1] > particles:
        child, weight = resample(extended, particles, uniform)
    else:
        child, weight = torch.arange(extended.shape[1], device=cue.device).expand(len(extended), -1), extended
    parent, slot = child // belief.slots, child % belief.slots
    picked = guesses.pick(parent, weight)
    at = (*torch.meshgrid(*(torch.arange(n, device=cue.device) for n in slot.shape), indexing="ij"), slot)
    arms = picked.arms[at] * factor.unsqueeze(1)
    picked.arms[at] = arms / arms.sum(dim=2, keepdim=True).clamp_min(torch.finfo(arms.dtype).tiny)
    picked.bits[at] = belief.update(cue, picked.bits, picked.counts, slot)
    picked.counts[at] += 1
    return picked

"""The barcode bandit: the same barcode whenever a context comes back, but for the noise."""

import itertools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from episodic.errors import InputError
from episodic.tasks.barcode_bandit import BarcodeBandit
from episodic.tasks.barcodes.noise import NOISE_KINDS, flip_bits
from episodic.tasks.barcodes.vocabulary import fixed_barcodes
from episodic.tasks.blocks import BlockSpec
from tests.blocks import tensors

ROOT = Path(__file__).resolve().parents[3]


def same_but_for_cues(one: BlockSpec, other: BlockSpec) -> bool:
    left, right = tensors(one, "cues"), tensors(other, "cues")
    same_luck = torch.equal(BarcodeBandit().luck(one), BarcodeBandit().luck(other))
    return same_luck and all(torch.equal(left[name], right[name]) for name in left)


def codes_of_contexts(spec: BlockSpec, row: int) -> dict[int, set[tuple[float, ...]]]:
    codes: dict[int, set[tuple[float, ...]]] = {}
    for episode in range(spec.episodes):
        code = tuple(spec.cues[episode, row].tolist())
        codes.setdefault(int(spec.rules.contexts[episode, row]), set()).add(code)
    return codes


@pytest.mark.parametrize(("contexts", "bits"), [(7, 3), (10, 10), (12, 40)])
def test_each_context_has_one_barcode_of_its_own(contexts: int, bits: int) -> None:
    task = BarcodeBandit(arms=3, contexts=contexts, exposures=4, bits=bits)
    spec = task.draw_block(5, seed=1)
    assert spec.cues.shape == (4 * contexts, 5, bits)
    assert task.cue_size == bits
    for row in range(5):
        codes = codes_of_contexts(spec, row)
        assert all(len(met) == 1 for met in codes.values())
        assert len(set.union(*codes.values())) == contexts
        assert (0.0,) * bits not in set.union(*codes.values())


def test_blocks_and_environments_have_barcodes_of_their_own() -> None:
    task = BarcodeBandit(bits=20)
    one, other = task.draw_block(2, seed=1), task.draw_block(2, seed=2)
    assert codes_of_contexts(one, 0) != codes_of_contexts(one, 1)
    assert codes_of_contexts(one, 0) != codes_of_contexts(other, 0)


def test_the_barcode_says_nothing_about_the_best_arm() -> None:
    # One bit, one of two contexts' arms: over many environments they must be unrelated.
    spec = BarcodeBandit(arms=2, contexts=2, exposures=1, bits=2).draw_block(4000, seed=0)
    bit = spec.cues[0, :, 0]
    best = spec.rules.arms(0).argmax(dim=1).float()
    correlation = torch.corrcoef(torch.stack([bit, best]))[0, 1]
    assert abs(correlation.item()) < 5 / 4000**0.5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"contexts": 8, "bits": 3, "arms": 2}, "^bits is 3: that gives 7 barcodes .* 8 contexts"),
        ({"bits": 0}, "^bits is 0: "),
        ({"bits": 63}, "^bits is 63: "),
        ({"contexts": 5}, "^arms is 10 with contexts 5"),
        ({"best": 1.2}, "^best is 1.2"),
        ({"best": 0.1, "rest": 0.2}, "^best is 0.1"),
        ({"pulls": 0}, "^pulls is 0"),
        ({"noise": 1.2}, "^noise is 1.2: "),
        ({"noise": float("nan")}, "^noise is nan: "),
        ({"noise_kind": "top"}, "^noise_kind is 'top': .*random, left, right, center, checkerboard$"),
        ({"vocabulary": 9}, "^vocabulary is 9: .*contexts, 10$"),
        ({"vocabulary": 0}, "^vocabulary is 0: "),
        ({"vocabulary": 1024}, "^bits is 10: that gives 1023 barcodes .* 1024 vocabulary entries"),
        ({"vocabulary": 20, "vocabulary_seed": -1}, "^vocabulary_seed is -1: "),
        ({"clusters": 11}, "^clusters is 11: .*10$"),
        ({"clusters": 21, "vocabulary": 20}, "^clusters is 21: .*20$"),
        ({"clusters": 0}, "^clusters is 0: "),
        ({"clusters": 2, "cluster_spread": 4}, "^cluster_separation is 4: .*cluster_spread, 4$"),
        (
            {"clusters": 5, "cluster_separation": 9},
            "^clusters is 5 with cluster_spread 2, cluster_separation 9 and bits 10: impossible Hamming separation",
        ),
        ({"clusters": 2, "vocabulary": 100}, "^clusters is 2 .*impossible Hamming separation, no 100 such codes"),
    ],
    ids=str,
)
def test_bad_input_is_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        BarcodeBandit(**arguments)
    assert "\n" not in str(error.value)


def original_block(task: BarcodeBandit, batch: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Cues, contexts and probabilities of a block as they were before there were noise, clusters and urns."""
    state = np.random.SeedSequence([seed, 0]).generate_state(1, np.uint64)[0]
    generator = torch.Generator().manual_seed(int(state >> np.uint64(1)))
    draw = torch.rand(batch, task.episodes, generator=generator).argsort(dim=1)
    order = torch.arange(task.contexts).repeat(task.exposures)[draw]
    arms = torch.randint(task.arms, (batch, task.contexts), generator=generator)
    if task.every_arm_best:
        arms[:, : task.arms] = torch.rand(batch, task.arms, generator=generator).argsort(dim=1)
        arms = arms.gather(1, torch.rand(batch, task.contexts, generator=generator).argsort(dim=1))
    drawn = torch.rand(batch, 2**task.bits - 1, generator=generator).argsort(dim=1)[:, : task.contexts] + 1
    cues = torch.zeros(task.episodes, batch, task.bits)
    for row in range(batch):
        for episode in range(task.episodes):
            number = int(drawn[row, order[row, episode]])
            cues[episode, row] = torch.tensor([number >> bit & 1 for bit in range(task.bits)])
    probabilities = torch.nn.functional.one_hot(arms, task.arms) * (task.best - task.rest) + task.rest
    return cues, order.T, probabilities


@pytest.mark.parametrize(
    "task",
    [BarcodeBandit(), BarcodeBandit(arms=3, contexts=7, bits=3, exposures=2), BarcodeBandit(every_arm_best=False)],
    ids=["paper", "small", "any arm"],
)
@pytest.mark.parametrize("seed", [0, 2**62 + 5])
def test_blocks_without_options_are_what_they_have_always_been(task: BarcodeBandit, seed: int) -> None:
    spec = task.draw_block(3, seed)
    cues, contexts, probabilities = original_block(task, 3, seed)
    assert torch.equal(spec.cues, cues)
    assert torch.equal(spec.rules.contexts, contexts)
    assert torch.equal(spec.labels, contexts)
    torch.testing.assert_close(spec.rules.probabilities, probabilities)


@pytest.mark.parametrize("kind", NOISE_KINDS)
@pytest.mark.parametrize("options", [{}, {"clusters": 5}, {"vocabulary": 30}, {"order": "urn"}], ids=str)
def test_noise_changes_so_many_bits_of_the_cues_and_nothing_else(kind: str, options: dict[str, Any]) -> None:
    clean = BarcodeBandit(**options).draw_block(8, seed=5)
    for noise in (0.1, 0.2, 0.5, 1.0):
        noisy = BarcodeBandit(noise=noise, noise_kind=kind, **options).draw_block(8, seed=5)
        assert same_but_for_cues(noisy, clean)
        flipped = (noisy.cues != clean.cues).sum(dim=-1)
        put_back = (flipped == round(10 * noise) - 1) & (noisy.cues.sum(dim=-1) == 1)
        assert ((flipped == round(10 * noise)) | put_back).all()
        assert put_back.float().mean() < 0.1
        assert noisy.cues.any(dim=-1).all()


@pytest.mark.parametrize("kind", NOISE_KINDS)
def test_noise_has_a_stream_of_its_own(kind: str) -> None:
    clean, noisy = (BarcodeBandit(noise=noise, noise_kind=kind).draw_block(4, seed=6) for noise in (0.0, 0.3))
    state = np.random.SeedSequence([6, 3]).generate_state(1, np.uint64)[0]
    generator = torch.Generator().manual_seed(int(state >> np.uint64(1)))
    assert torch.equal(noisy.cues, flip_bits(clean.cues, 0.3, kind, generator))


def test_noise_below_half_a_bit_and_no_noise_are_the_same() -> None:
    assert torch.equal(BarcodeBandit(noise=0.04).draw_block(4, 1).cues, BarcodeBandit().draw_block(4, 1).cues)


def test_noise_is_drawn_afresh_for_each_episode_environment_and_block() -> None:
    task = BarcodeBandit(bits=20, noise=0.2)
    flips = [task.draw_block(8, seed).cues != BarcodeBandit(bits=20).draw_block(8, seed).cues for seed in (1, 2)]
    sets = {tuple(flip) for flip in torch.cat(flips).flatten(0, 1).tolist()}
    assert len(sets) > 1250  # of 1600, out of 4845 that there are
    share = torch.cat(flips).float().mean(dim=(0, 1))
    assert (share - 0.2).abs().max() < 5 * (0.16 / 1600) ** 0.5


def distance(one: tuple[float, ...], other: tuple[float, ...]) -> int:
    return sum(a != b for a, b in zip(one, other, strict=True))


def shared_out(codes: set[tuple[float, ...]], spread: int, separation: int) -> list[int]:
    """Sizes of the clusters; every distance is either at most the spread or at least the separation."""
    distances = [distance(*pair) for pair in itertools.combinations(codes, 2)]
    assert all(1 <= d <= spread or d >= separation for d in distances)
    groups = {frozenset(other for other in codes if distance(one, other) <= spread) for one in codes}
    assert sum(map(len, groups)) == len(codes)
    return sorted(map(len, groups))


@pytest.mark.parametrize(
    ("options", "sizes"),
    [
        ({"clusters": 5}, [2, 2, 2, 2, 2]),
        ({"clusters": 3}, [3, 3, 4]),
        ({"clusters": 1, "cluster_spread": 4, "cluster_separation": 5}, [10]),
        ({"clusters": 4, "cluster_spread": 5, "cluster_separation": 9, "bits": 20}, [2, 2, 3, 3]),
    ],
    ids=str,
)
def test_barcodes_of_a_block_are_shared_out_over_clusters(options: dict[str, Any], sizes: list[int]) -> None:
    task = BarcodeBandit(exposures=2, **options)
    spec = task.draw_block(6, seed=2)
    for row in range(6):
        codes = codes_of_contexts(spec, row)
        assert all(len(met) == 1 for met in codes.values())
        every = set.union(*codes.values())
        assert len(every) == 10
        assert (0.0,) * task.bits not in every
        assert shared_out(every, task.cluster_spread, task.cluster_separation) == sizes


def codes_of_labels(specs: list[BlockSpec]) -> dict[int, set[tuple[float, ...]]]:
    codes: dict[int, set[tuple[float, ...]]] = {}
    for spec in specs:
        for label, cue in zip(spec.labels.flatten().tolist(), spec.cues.flatten(0, 1).tolist(), strict=True):
            codes.setdefault(label, set()).add(tuple(cue))
    return codes


@pytest.mark.parametrize("clusters", [None, 6])
def test_a_label_of_a_vocabulary_is_the_same_barcode_in_all_blocks(clusters: int | None) -> None:
    task = BarcodeBandit(arms=3, contexts=4, exposures=2, vocabulary=25, clusters=clusters)
    assert task.label_count == 25
    assert BarcodeBandit().label_count == 10
    codes = codes_of_labels([task.draw_block(16, seed) for seed in range(4)])
    assert set(codes) == set(range(25))
    assert all(len(met) == 1 for met in codes.values())
    every = set.union(*codes.values())
    assert len(every) == 25
    assert (0.0,) * 10 not in every
    if clusters is not None:
        assert shared_out(every, 2, 4) == [4, 4, 4, 4, 4, 5]


def test_contexts_are_drawn_from_the_vocabulary_without_replacement_and_evenly() -> None:
    spec = BarcodeBandit(arms=2, contexts=3, exposures=2, vocabulary=6).draw_block(4000, seed=1)
    named = torch.full((4000, 3), -1).scatter(1, spec.rules.contexts.T, spec.labels.T)  # the label of each context
    assert torch.equal(named.gather(1, spec.rules.contexts.T), spec.labels.T)
    assert all(len(set(row)) == 3 for row in named.tolist())
    for context in range(3):
        counts = torch.bincount(named[:, context], minlength=6)
        assert (counts - 4000 / 6).abs().max() < 5 * (4000 * 5 / 36) ** 0.5


def test_a_vocabulary_of_as_many_codes_as_contexts_is_used_up() -> None:
    spec = BarcodeBandit(vocabulary=10).draw_block(4, seed=0)
    assert all(set(row) == set(range(10)) for row in spec.labels.T.tolist())
    assert not torch.equal(spec.labels, spec.rules.contexts)


def test_a_vocabularys_barcode_says_nothing_about_the_best_arm() -> None:
    task = BarcodeBandit(arms=2, contexts=2, exposures=1, vocabulary=4)
    spec = task.draw_block(4000, seed=0)
    best = spec.rules.arms(0).argmax(dim=1)
    for label in range(4):
        first = best[spec.labels[0] == label].float()
        assert first.mean().item() == pytest.approx(0.5, abs=5 * 0.5 / len(first) ** 0.5)


def test_a_vocabulary_leaves_order_arms_and_luck_as_they_are() -> None:
    plain, drawn = BarcodeBandit().draw_block(4, 3), BarcodeBandit(vocabulary=40).draw_block(4, 3)
    assert same_but_for_cues(drawn._replace(labels=plain.labels), plain)


def test_a_seed_decides_the_vocabulary() -> None:
    one, other = (BarcodeBandit(vocabulary=40, vocabulary_seed=seed).draw_block(4, seed=3) for seed in (0, 1))
    assert same_but_for_cues(one, other)
    assert not torch.equal(one.cues, other.cues)
    codes = [fixed_barcodes(40, 10, None, seed) for seed in (0, 1)]
    assert (codes[0] == codes[1]).all(dim=1).float().mean() < 0.2


def test_another_process_has_the_same_vocabulary_and_the_same_clusters() -> None:
    options: list[dict[str, Any]] = [{"vocabulary": 20}, {"vocabulary": 20, "clusters": 5}, {"clusters": 3}]
    code = f"""
import json
from episodic.tasks.barcode_bandit import BarcodeBandit
for options in {options!r}:
    spec = BarcodeBandit(exposures=1, noise=0.1, **options).draw_block(2, seed=9)
    print(json.dumps([spec.labels.tolist(), spec.cues.tolist()]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    for options_here, line in zip(options, done.stdout.splitlines(), strict=True):
        spec = BarcodeBandit(exposures=1, noise=0.1, **options_here).draw_block(2, seed=9)
        assert [spec.labels.tolist(), spec.cues.tolist()] == json.loads(line)


def test_drawing_leaves_the_global_generator_and_the_vocabulary_alone() -> None:
    task = BarcodeBandit(vocabulary=20, clusters=5, noise=0.5, order="urn")
    before, codes = torch.get_rng_state(), fixed_barcodes(20, 10, task.rule, 0).clone()
    task.draw_block(4, seed=1).cues.fill_(7)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(fixed_barcodes(20, 10, task.rule, 0), codes)

"""What an agent makes of drawings: their pixels, embeddings, or one binary code for each character."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from episodic.agents.class_code import class_signs
from episodic.agents.drawing_cues import DrawingCues, DrawingTable
from episodic.agents.drawing_embedder_config import DrawingEmbedderConfig
from episodic.drawings.embedding_cache import embed_table
from episodic.networks.autoencoder import ConvolutionalAutoencoder
from episodic.networks.embedder import Embedder
from episodic.tasks.blocks import BlockSpec
from episodic.tasks.compositional import CompositionalDrawingBandit
from episodic.tasks.drawing_bandit import DrawingBandit

TASK = DrawingBandit(arms=2, contexts=3, exposures=4, pulls=2, characters=6, drawings=5)
SPEC = TASK.draw_block(4, seed=1)
ARGUMENTS = {"embedding_size": 16, "channels": 2}


def table(seed: int = 0) -> DrawingTable:
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(256, (30, 28, 28), generator=generator, dtype=torch.uint8)
    return DrawingTable(images, torch.arange(6).repeat_interleave(5))


def build(folder: Path, learning: bool = False, **options: Any) -> DrawingCues:
    """With an embedder that has statistics of its own."""
    torch.manual_seed(0)
    cues = DrawingCues(DrawingEmbedderConfig(**{"arguments": ARGUMENTS, "cache_dir": str(folder), **options}), 784)
    with torch.no_grad():
        network_of(cues).train().embed(torch.rand(30, 1, 28, 28))
    if learning:
        cues.learn()
    return cues.train()


def network_of(cues: DrawingCues) -> Embedder:
    assert cues.network is not None
    return cues.network


def rows(spec: BlockSpec) -> Tensor:
    assert spec.drawings is not None
    return spec.drawings


def embedded(cues: DrawingCues, drawings: DrawingTable) -> Tensor:
    return embed_table(network_of(cues), drawings.images)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many drawings each call embeds."""
    counts: list[int] = []

    def counted(network: torch.nn.Module, images: Tensor) -> Tensor:
        counts.append(len(images))
        return embed_table(network, images)

    for module in ("episodic.agents.drawing_cues", "episodic.drawings.embedding_cache"):
        monkeypatch.setattr(f"{module}.embed_table", counted)
    return counts


def test_without_an_embedder_cues_are_the_pixels() -> None:
    plain, drawings = DrawingCues(None, 784), table()
    seen = plain(SPEC, drawings, "train")
    assert plain.cue_size == 784
    for episode in range(12):
        for b in range(4):
            image = drawings.images[rows(SPEC)[episode, b]]
            torch.testing.assert_close(seen[episode, b], image.flatten() / 255)
    assert not list(plain.parameters())


def test_a_frozen_embedder_embeds_a_split_once(tmp_path: Path, calls: list[int]) -> None:
    cues, drawings, other = build(tmp_path), table(), table(seed=1)
    before = {name: value.clone() for name, value in cues.state_dict().items()}
    expected = embedded(cues, drawings)
    calls.clear()
    for seed in (1, 2):
        spec = TASK.draw_block(4, seed)
        assert torch.equal(cues(spec, drawings, "train"), expected[rows(spec)])
    assert calls == [30]
    assert torch.equal(cues(SPEC, other, "val"), embedded(cues, other)[rows(SPEC)])
    assert cues.cue_size == 16
    assert not any(parameter.requires_grad for parameter in cues.parameters())
    assert cues.training
    assert not network_of(cues).training
    assert all(torch.equal(before[name], value) for name, value in cues.state_dict().items())


@pytest.mark.parametrize(
    ("network", "arguments"),
    [
        ("OmniglotEmbedder", {**ARGUMENTS, "backbone": "convolutional", "image_size": 30, "views": True}),
        ("ConvolutionalAutoencoder", {"latent_size": 5, "channels": 2, "image_size": 32}),
        ("TwoLayerAutoencoder", {}),
    ],
)
def test_any_embedder_of_drawings_will_do(network: str, arguments: dict[str, Any], tmp_path: Path) -> None:
    built, drawings = build(tmp_path, network=network, arguments=arguments), table()
    cues = built(SPEC, drawings, "train")
    assert cues.shape == (12, 4, built.cue_size)
    assert torch.equal(cues, embedded(built, drawings)[rows(SPEC)])


def test_a_class_sign_is_one_code_for_each_character(tmp_path: Path) -> None:
    built, drawings = build(tmp_path, code="class_sign"), table()
    codes = class_signs(embedded(built, drawings), drawings.labels)[::5]
    assert torch.equal(built(SPEC, drawings, "train"), codes[SPEC.labels])


def test_noise_flips_bits_of_a_class_sign_afresh_for_each_episode(tmp_path: Path) -> None:
    drawings = table()
    clean = build(tmp_path, code="class_sign")(SPEC, drawings, "train")
    noisy = build(tmp_path, code="class_sign", noise=0.25)
    one, again = (noisy(SPEC, drawings, "train") for _ in range(2))
    flips = one != clean
    assert flips.sum(dim=-1).unique().tolist() == [4]
    assert len(set(map(tuple, flips.flatten(0, 1).tolist()))) > 40  # of 48, out of 1820
    assert torch.equal(one, again), "the noise is the block's"
    assert not torch.equal(noisy(SPEC._replace(seed=2), drawings, "train"), one)


@pytest.mark.parametrize("noise", [0.0, 0.25])
def test_cues_of_steps_equal_a_loop(noise: float, tmp_path: Path) -> None:
    task = CompositionalDrawingBandit(classes=6, exposures=2, characters=6, drawings=5)
    spec, drawings = task.draw_block(4, seed=1), table()
    cues = build(tmp_path, code="class_sign", noise=noise)
    codes = class_signs(embedded(cues, drawings), drawings.labels)
    seen, flips = cues(spec, drawings, "train"), set()
    assert seen.shape == (6, 5, 4, 16)
    for e in range(6):
        for b in range(4):
            shown: dict[int, list[float]] = {}
            for t in range(5):
                row = int(rows(spec)[e, t, b])
                assert int((seen[e, t, b] != codes[row]).sum()) == 16 * noise
                assert shown.setdefault(row, seen[e, t, b].tolist()) == seen[e, t, b].tolist(), "one noise an episode"
            flips |= {tuple((seen[e, 0, b] != codes[int(rows(spec)[e, 0, b])]).tolist())}
    assert len(flips) > 20 or noise == 0


def test_an_embedder_that_learns_embeds_a_training_blocks_drawings_alone(tmp_path: Path, calls: list[int]) -> None:
    cues, drawings = build(tmp_path, learning=True), table()
    expected = embedded(cues, drawings)
    calls.clear()
    seen = cues(SPEC, drawings, "train")
    torch.testing.assert_close(seen, expected[rows(SPEC)], atol=1e-5, rtol=0)
    assert calls == [len(set(rows(SPEC).flatten().tolist()))]
    assert not seen.requires_grad
    assert not list(tmp_path.iterdir()), "nothing that changes is kept in a file"


def test_what_has_no_part_in_an_embedding_does_not_learn(tmp_path: Path) -> None:
    assert all(parameter.requires_grad for parameter in build(tmp_path, learning=True).parameters())
    autoencoder = build(tmp_path, True, network="ConvolutionalAutoencoder", arguments={"channels": 2}).network
    assert isinstance(autoencoder, ConvolutionalAutoencoder)
    learned = {name.split(".")[0] for name, one in autoencoder.named_parameters() if one.requires_grad}
    assert learned == {name.split(".")[0] for name, _ in autoencoder.named_parameters()} - {"decoder"}


def test_an_embedder_that_learns_is_followed_at_once_in_training_and_after_forget_elsewhere(tmp_path: Path) -> None:
    cues, drawings = build(tmp_path, learning=True), table()
    before = {split: cues(SPEC, drawings, split) for split in ("train", "val")}
    with torch.no_grad():
        network_of(cues).head.weight.add_(torch.randn(16, 1))  # type: ignore[union-attr, operator]
    assert torch.equal(cues(SPEC, drawings, "val"), before["val"])
    moved = cues(SPEC, drawings, "train")
    assert not torch.allclose(moved, before["train"], atol=1e-2)
    cues.forget()
    torch.testing.assert_close(cues(SPEC, drawings, "val"), moved, atol=1e-5, rtol=0)


def test_after_forget_other_drawings_may_have_the_splits_name(tmp_path: Path) -> None:
    for cues in (build(tmp_path), DrawingCues(None, 784)):
        first = cues(SPEC, table(), "test")
        assert torch.equal(cues(SPEC, table(seed=1), "test"), first)
        cues.forget()
        assert not torch.equal(cues(SPEC, table(seed=1), "test"), first)

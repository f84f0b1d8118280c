"""What an agent makes of drawings: their pixels, embeddings, or one binary code for each character."""

from pathlib import Path
from typing import Any

import pytest
import torch
from episodic.agents.cue_encoder import CueEncoder
from episodic.agents.cue_learning import CueLearning
from torch import Tensor

from episodic.agents.class_code import class_signs
from episodic.agents.perception import DrawingTable, Perception
from episodic.drawings.embedding_cache import embed_table
from episodic.errors import InputError
from episodic.tasks.blocks import BlockSpec
from episodic.tasks.drawing_bandit import DrawingBandit

TASK = DrawingBandit(arms=2, contexts=3, exposures=4, pulls=2, characters=6, drawings=5)
SPEC = TASK.draw_block(4, seed=1)
ARGUMENTS = {"embedding_size": 16, "channels": 2}


def table(seed: int = 0) -> DrawingTable:
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(256, (30, 28, 28), generator=generator, dtype=torch.uint8)
    return DrawingTable(images, torch.arange(6).repeat_interleave(5))


def sight(folder: Path, learning: CueLearning | None = None, **options: Any) -> Perception:
    """With an encoder that has statistics of its own."""
    torch.manual_seed(0)
    encoder = CueEncoder(arguments=ARGUMENTS, cache_dir=str(folder), **options)
    built = Perception(encoder, learning, 784, 6)
    with torch.no_grad():
        built.network.train().embed(torch.rand(30, 1, 28, 28))  # type: ignore[union-attr]
    return built.train()


def rows(spec: BlockSpec) -> Tensor:
    assert spec.drawings is not None
    return spec.drawings


def embedded(built: Perception, drawings: DrawingTable) -> Tensor:
    assert built.network is not None
    return embed_table(built.network, drawings.images)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many drawings each call embeds."""
    found: list[int] = []

    def counted(network: torch.nn.Module, images: Tensor) -> Tensor:
        found.append(len(images))
        return embed_table(network, images)

    for module in ("episodic.agents.perception", "episodic.drawings.embedding_cache"):
        monkeypatch.setattr(f"{module}.embed_table", counted)
    return found


def test_without_an_encoder_cues_are_the_pixels() -> None:
    plain, drawings = Perception(None, None, 784, 6), table()
    seen = plain(SPEC, drawings, "train")
    assert plain.cue_size == 784
    assert seen.cues.shape == (12, 4, 784)
    for episode in range(12):
        for b in range(4):
            image = drawings.images[rows(SPEC)[episode, b]]
            torch.testing.assert_close(seen.cues[episode, b], image.flatten() / 255)
    assert all(one is other for one, other in zip(seen[1:], SPEC[1:], strict=True))
    assert not list(plain.parameters())
    plain.fill()


def test_with_an_encoder_they_are_embeddings_that_are_made_once(tmp_path: Path, calls: list[int]) -> None:
    built, drawings = sight(tmp_path), table()
    expected = embedded(built, drawings)
    calls.clear()
    assert built.cue_size == 16
    for seed in (1, 2):
        spec = TASK.draw_block(4, seed)
        assert torch.equal(built(spec, drawings, "train").cues, expected[rows(spec)])
    assert calls == [30]
    other = table(seed=1)
    found = built(SPEC, other, "val").cues
    assert torch.equal(found, embedded(built, other)[rows(SPEC)])
    assert not any(parameter.requires_grad for parameter in built.parameters())


@pytest.mark.parametrize(
    ("network", "arguments"),
    [
        ("OmniglotEmbedder", {**ARGUMENTS, "backbone": "convolutional", "image_size": 30, "views": True}),
        ("ConvolutionalAutoencoder", {"latent_size": 5, "channels": 2, "image_size": 32}),
        ("TwoLayerAutoencoder", {}),
    ],
)
def test_any_network_of_stage_1_may_look_at_the_drawings(
    network: str, arguments: dict[str, Any], tmp_path: Path
) -> None:
    built, drawings = Perception(CueEncoder(None, network, arguments, cache_dir=str(tmp_path)), None, 784, 6), table()
    cues = built(SPEC, drawings, "train").cues
    assert cues.shape == (12, 4, built.cue_size)
    assert torch.equal(cues, embedded(built, drawings)[rows(SPEC)])
    assert built.arguments == arguments


def test_a_frozen_encoder_always_embeds_as_in_evaluation(tmp_path: Path) -> None:
    built, drawings = sight(tmp_path), table()
    assert built.training
    assert built.network is not None
    assert not built.network.training
    before = {name: value.clone() for name, value in built.state_dict().items()}
    built.train()(SPEC, drawings, "train")
    assert all(torch.equal(before[name], value) for name, value in built.state_dict().items())


def test_a_class_sign_is_one_code_for_each_character(tmp_path: Path) -> None:
    built, drawings = sight(tmp_path, code="class_sign"), table()
    cues = built(SPEC, drawings, "train").cues
    codes = class_signs(embedded(built, drawings), drawings.labels)[::5]
    assert torch.equal(cues, codes[SPEC.labels])
    assert set(cues.unique().tolist()) == {0.0, 1.0}


def test_noise_flips_so_many_bits_of_a_class_sign_afresh_for_each_episode(tmp_path: Path) -> None:
    drawings = table()
    clean = sight(tmp_path, code="class_sign")(SPEC, drawings, "train").cues
    noisy = sight(tmp_path, code="class_sign", noise=0.25)
    one, again = (noisy(SPEC, drawings, "train").cues for _ in range(2))
    flips = one != clean
    assert flips.sum(dim=-1).unique().tolist() == [4]
    assert len(set(map(tuple, flips.flatten(0, 1).tolist()))) > 40  # of 48, out of 1820
    assert torch.equal(one, again), "the noise is the block's"
    assert not torch.equal(noisy(SPEC._replace(seed=2), drawings, "train").cues, one)


def test_an_encoder_that_learns_embeds_a_training_blocks_drawings_alone(tmp_path: Path, calls: list[int]) -> None:
    built, drawings = sight(tmp_path, CueLearning()), table()
    expected = embedded(built, drawings)
    calls.clear()
    seen = built(SPEC, drawings, "train")
    torch.testing.assert_close(seen.cues, expected[rows(SPEC)], atol=1e-5, rtol=0)
    assert calls == [len(set(rows(SPEC).flatten().tolist()))]
    assert not seen.cues.requires_grad
    assert all(parameter.requires_grad for parameter in built.parameters())
    assert not list(tmp_path.iterdir()), "what changes is not kept in a file"


def test_an_encoder_that_learns_is_followed_at_once_in_training_and_after_forget_elsewhere(tmp_path: Path) -> None:
    built, drawings = sight(tmp_path, CueLearning()), table()
    before = {split: built(SPEC, drawings, split).cues for split in ("train", "val")}
    with torch.no_grad():
        built.network.head.weight.add_(torch.randn(16, 1))  # type: ignore[union-attr, operator]
    assert torch.equal(built(SPEC, drawings, "val").cues, before["val"])
    moved = built(SPEC, drawings, "train").cues
    assert not torch.allclose(moved, before["train"], atol=1e-2)
    built.forget()
    torch.testing.assert_close(built(SPEC, drawings, "val").cues, moved, atol=1e-5, rtol=0)


def test_after_forget_other_drawings_may_have_the_splits_name(tmp_path: Path) -> None:
    built, plain = sight(tmp_path), Perception(None, None, 784, 6)
    for one in (built, plain):
        first = one(SPEC, table(), "test").cues
        assert torch.equal(one(SPEC, table(seed=1), "test").cues, first)
        one.forget()
        assert not torch.equal(one(SPEC, table(seed=1), "test").cues, first)


@pytest.mark.parametrize(
    ("encoder", "message"),
    [
        (None, "cue_learning is given without cue_encoder: nothing can learn"),
        (CueEncoder(code="class_sign"), "cue_learning is given with binary codes: cue_encoder.code has to be embed"),
    ],
)
def test_learning_needs_an_encoder_of_embeddings(encoder: CueEncoder | None, message: str) -> None:
    with pytest.raises(InputError, match=f"^{message}"):
        Perception(encoder, CueLearning(), 784, 6)

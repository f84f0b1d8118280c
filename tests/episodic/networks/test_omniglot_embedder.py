"""The Omniglot encoder's contract: any square drawing in, an embedding of length 1 out."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from episodic.checkpoints import EMBEDDER_KEY, describe_embedder, load_embedder
from episodic.drawings.deformation import deform
from episodic.errors import InputError
from episodic.networks.omniglot_embedder import BACKBONES, VIEWS, OmniglotEmbedder
from tests.episodic.memory.memory_oracle import DEVICES


def build(backbone: str = "residual", image_size: int = 28) -> OmniglotEmbedder:
    torch.manual_seed(0)
    return OmniglotEmbedder(image_size, embedding_size=6, backbone=backbone, channels=4)


def drawings(height: int, width: int | None = None) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(3, 1, height, width or height, generator=generator)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("height", [28, 35, 105])
@pytest.mark.parametrize("image_size", [28, 29, 50])
@pytest.mark.parametrize("backbone", BACKBONES)
def test_any_square_drawing_becomes_a_unit_vector(
    backbone: str, image_size: int, height: int, training: bool, device: str
) -> None:
    embedding = build(backbone, image_size).train(training).to(device).embed(drawings(height).to(device))
    assert embedding.shape == (3, 6)
    torch.testing.assert_close(embedding.norm(dim=1), torch.ones(3, device=device))


@pytest.mark.parametrize("backbone", BACKBONES)
def test_drawings_are_embedded_one_by_one_in_evaluation(backbone: str) -> None:
    network, images = build(backbone).eval(), drawings(28)
    together = network.embed(images)
    assert not torch.allclose(together[0], together[1])
    torch.testing.assert_close(together, torch.cat([network.embed(image.unsqueeze(0)) for image in images]))
    assert torch.equal(network(images), together)


@pytest.mark.parametrize("backbone", BACKBONES)
def test_views_are_averaged_in_evaluation_alone(backbone: str) -> None:
    plain, images = build(backbone), drawings(40)
    averaging = OmniglotEmbedder(embedding_size=6, backbone=backbone, channels=4, views=True)
    averaging.load_state_dict(plain.state_dict())
    assert torch.equal(averaging.train().embed(images), plain.train().embed(images))
    plain.eval(), averaging.eval()
    averaging.load_state_dict(plain.state_dict())
    small = torch.nn.functional.adaptive_avg_pool2d(images, 28)
    total = plain.embed(small)
    for view in VIEWS:
        assert not torch.allclose(plain.embed(deform(small, *view)), plain.embed(small), atol=1e-4)
        total = total + plain.embed(deform(small, *view))
    expected = total / total.norm(dim=1, keepdim=True)
    torch.testing.assert_close(averaging.embed(images), expected)


# ------------------------------------------------------------------------------------------------ quarter turns


def joined(views: bool = False, seed: int = 0) -> OmniglotEmbedder:
    """A network that joins turns, with statistics of its own and any projection."""
    torch.manual_seed(seed)
    network = OmniglotEmbedder(embedding_size=6, channels=4, views=views, turns=True)
    network.embed(drawings(28))
    network.fit_projection(torch.randn(20, 6))
    return network


@pytest.mark.parametrize("views", [False, True])
@pytest.mark.parametrize("training", [True, False])
def test_turns_are_put_side_by_side_and_projected(training: bool, views: bool) -> None:
    network, images = joined(views).train(training), drawings(40)
    small = torch.nn.functional.adaptive_avg_pool2d(images, 28)
    side = torch.cat([network.objective_input(torch.rot90(small, turn, (2, 3))) for turn in range(4)], dim=1)
    expected = torch.nn.functional.normalize(side @ network.projection.T, dim=1)
    torch.testing.assert_close(network.embed(images), expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("turns", [False, True])
@pytest.mark.parametrize("views", [False, True])
def test_all_turns_at_once_are_the_turns_one_by_one(views: bool, turns: bool) -> None:
    network = joined(views).eval() if turns else OmniglotEmbedder(embedding_size=6, channels=4, views=views).eval()
    images = drawings(35)
    one_by_one = torch.stack([network.embed(torch.rot90(images, turn, (2, 3))) for turn in range(4)])
    torch.testing.assert_close(network.embed_turns(images), one_by_one, atol=1e-5, rtol=1e-4)
    assert not torch.allclose(one_by_one[0], one_by_one[1], atol=1e-2)


def test_a_drawing_stands_alone_before_turns_are_projected() -> None:
    network = OmniglotEmbedder(embedding_size=6, channels=4, turns=True).eval()
    torch.testing.assert_close(network.embed(drawings(28)), network.objective_input(drawings(28)))


def test_training_classes_keep_their_cosines_if_there_is_room() -> None:
    network = joined()
    directions = torch.randn(4, 6, generator=torch.Generator().manual_seed(3))  # one character in four turns
    network.fit_projection(5 * directions)
    unit = torch.nn.functional.normalize(directions, dim=1)
    side = torch.stack([unit.roll(-turn, dims=0).flatten() for turn in range(4)])
    projected = side @ network.projection.T
    torch.testing.assert_close(projected @ projected.T, side @ side.T, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(network.projection @ network.projection.T, torch.eye(6), atol=1e-5, rtol=0)


def test_the_projection_keeps_as_much_as_six_numbers_can() -> None:
    network = joined()
    directions = torch.randn(40, 6, generator=torch.Generator().manual_seed(3))
    network.fit_projection(directions)
    unit = torch.nn.functional.normalize(directions.double(), dim=1).view(10, 4, 6)
    side = torch.stack([torch.cat([unit[c, (t + k) % 4] for k in range(4)]) for c in range(10) for t in range(4)])
    # Quarter turns make pairs of equal singular values, so that the subspace itself may be ambiguous.
    kept = (side.float() @ network.projection.T).square().sum()
    torch.testing.assert_close(kept, torch.linalg.svdvals(side)[:6].square().sum().float())
    torch.testing.assert_close(network.projection @ network.projection.T, torch.eye(6), atol=1e-5, rtol=0)


def test_directions_come_by_fours() -> None:
    with pytest.raises(InputError, match="there are 6 class directions: turns need a multiple of 4"):
        joined().fit_projection(torch.randn(6, 6))


def test_directions_that_are_not_finite_change_nothing() -> None:
    network = joined()
    before = network.projection.clone()
    network.fit_projection(torch.full((8, 6), float("nan")))
    assert torch.equal(network.projection, before)


@pytest.mark.parametrize("backbone", BACKBONES)
def test_the_length_is_exact_in_half_precision(backbone: str) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        embedding = build(backbone).embed(drawings(28))
    assert embedding.dtype == torch.float32
    torch.testing.assert_close(embedding.norm(dim=1), torch.ones(3))


@pytest.mark.parametrize("backbone", BACKBONES)
def test_every_weight_takes_part(backbone: str) -> None:
    network = build(backbone)
    network.embed(drawings(28))[:, 0].sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_the_residual_network_is_small_and_has_ten_layers() -> None:
    network = OmniglotEmbedder()
    weights = sum(value.numel() for value in network.state_dict().values())
    assert 2 * weights < 3e6  # bytes in half precision
    main = [
        name
        for name, part in network.named_modules()
        if isinstance(part, nn.Conv2d | nn.Linear) and "shortcut" not in name
    ]
    assert len(main) == 10


def test_the_convolutional_network_is_the_fields() -> None:
    network = OmniglotEmbedder(backbone="convolutional")
    shapes = [tuple(part.weight.shape) for part in network.modules() if isinstance(part, nn.Conv2d | nn.Linear)]
    assert shapes == [(64, 1, 3, 3), *[(64, 64, 3, 3)] * 3, (128, 64)]


@pytest.mark.parametrize("backbone", BACKBONES)
def test_it_comes_back_from_a_checkpoint(backbone: str, tmp_path: Path) -> None:
    network, path = build(backbone), tmp_path / "encoder.ckpt"
    network.embed(drawings(28))  # statistics of its own
    weights = {f"network.{name}": value for name, value in network.state_dict().items()}
    torch.save({"state_dict": weights, EMBEDDER_KEY: describe_embedder(network, "network.")}, path)
    loaded = load_embedder(path)
    assert isinstance(loaded, OmniglotEmbedder)
    assert torch.equal(loaded.embed(drawings(40)), network.eval().embed(drawings(40)))


@pytest.mark.parametrize(
    ("name", "value"), [("embedding_size", 0), ("channels", 1), ("image_size", 27), ("backbone", "vgg")]
)
def test_bad_arguments_are_named(name: str, value: object) -> None:
    with pytest.raises(InputError, match=f"^{name} is {value!r}"):
        OmniglotEmbedder(**{name: value})  # type: ignore[arg-type]

"""The Omniglot encoder's contract: any square drawing in, an embedding of length 1 out."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from episodic.checkpoints import EMBEDDER_KEY, describe_embedder, load_embedder
from episodic.drawings.deformation import deform
from episodic.errors import InputError
from episodic.networks.discriminant import discriminant_projection
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


# ------------------------------------------------------------------------------------------------ joined turns


def joined(turns: int, views: bool = False) -> OmniglotEmbedder:
    """A network that joins turns, with statistics of its own and a projection fitted to random drawings."""
    torch.manual_seed(0)
    network = OmniglotEmbedder(embedding_size=6, channels=4, views=views, turns=turns)
    network.embed(drawings(28))
    network.fit_projection(many(), PAIRS)
    return network


PAIRS = torch.arange(20) // 2  # the characters of `many`


def many() -> Tensor:
    return torch.rand(20, 1, 28, 28, generator=torch.Generator().manual_seed(5))


def side_by_side(network: OmniglotEmbedder, images: Tensor, first: int = 0) -> Tensor:
    """Embeddings of drawings of the network's size in all turns from one on, `[B, turns * 6]`."""
    step = network.turns // 4
    each = []
    for turn in range(first, first + network.turns):
        quarters, rest = divmod(turn, step)
        image = deform(images, -360 / network.turns * rest, 1.0, 1.0, 0.0, 0.0, 0.0) if rest else images
        each.append(network.objective_input(torch.rot90(image, quarters, (2, 3))))
    return torch.cat(each, dim=1)


@pytest.mark.parametrize("turns", [4, 8, 12])
@pytest.mark.parametrize("views", [False, True])
def test_turns_are_put_side_by_side_and_projected(views: bool, turns: int) -> None:
    network, images = joined(turns, views).eval(), drawings(40)
    small = torch.nn.functional.adaptive_avg_pool2d(images, 28)
    expected = torch.nn.functional.normalize(side_by_side(network, small) @ network.projection.T, dim=1)
    torch.testing.assert_close(network.embed(images), expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("turns", [1, 4, 8])
@pytest.mark.parametrize("views", [False, True])
def test_all_quarter_turns_at_once_are_the_turns_one_by_one(views: bool, turns: int) -> None:
    if turns == 1:
        network = OmniglotEmbedder(embedding_size=6, channels=4, views=views).eval()
    else:
        network = joined(turns, views).eval()
    images = drawings(35)
    one_by_one = torch.stack([network.embed(torch.rot90(images, turn, (2, 3))) for turn in range(4)])
    torch.testing.assert_close(network.embed_turns(images), one_by_one, atol=1e-5, rtol=1e-4)
    assert not torch.allclose(one_by_one[0], one_by_one[1], atol=1e-2)


def test_a_drawing_stands_alone_before_turns_are_projected() -> None:
    network = OmniglotEmbedder(embedding_size=6, channels=4, turns=4).eval()
    torch.testing.assert_close(network.embed(drawings(28)), network.objective_input(drawings(28)))


def test_few_drawings_keep_their_cosines() -> None:
    network, images = joined(4).eval(), drawings(28)[:1]
    network.fit_projection(images, torch.tensor([5]))  # four vectors in six dimensions
    side = torch.cat([side_by_side(network, images, first) for first in range(4)])
    projected = side @ network.projection.T
    torch.testing.assert_close(projected @ projected.T, side @ side.T, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("turns", [4, 8])
@pytest.mark.parametrize("training", [True, False])
def test_the_projection_is_fitted_to_all_turns_as_classes(turns: int, training: bool) -> None:
    network = joined(turns).train(training)
    statistics = {name: buffer.clone() for name, buffer in network.named_buffers() if name != "projection"}
    network.projection.zero_()
    network.fit_projection(many(), PAIRS)
    assert network.training == training
    assert all(torch.equal(buffer, network.get_buffer(name)) for name, buffer in statistics.items())
    network.eval()
    side = torch.cat([side_by_side(network, many(), first) for first in range(turns)])
    classes = torch.cat([100 * PAIRS + first for first in range(turns)])
    expected = discriminant_projection(side, classes, 6).float()
    # Turns make pairs of equal solutions, which may be mixed.
    torch.testing.assert_close(network.projection.T @ network.projection, expected.T @ expected, atol=1e-4, rtol=1e-3)


def test_embeddings_that_are_not_finite_change_no_projection() -> None:
    network = joined(4)
    before = network.projection.clone()
    with torch.no_grad():
        network.head.weight.fill_(float("nan"))
    network.fit_projection(many(), PAIRS)
    assert torch.equal(network.projection, before)


@pytest.mark.parametrize("turns", [-4, 0, 2, 6, 36])
def test_turns_come_by_fours(turns: int) -> None:
    with pytest.raises(InputError, match=f"turns is {turns}: it must be 1, or a multiple of 4 up to 32"):
        OmniglotEmbedder(turns=turns)


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

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

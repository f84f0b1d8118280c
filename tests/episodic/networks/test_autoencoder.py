"""The convolutional autoencoder's contract: any square drawing in, an embedding or a drawing out."""

import pytest
import torch
from torch import Tensor, nn

from episodic.errors import InputError
from episodic.networks.autoencoder import ConvolutionalAutoencoder
from episodic.networks.residual_block import ResidualBlock
from tests.episodic.memory.memory_oracle import DEVICES

LATENT = 5


def build(image_size: int = 28, blocks: int = 0) -> ConvolutionalAutoencoder:
    torch.manual_seed(0)
    return ConvolutionalAutoencoder(image_size, latent_size=LATENT, channels=4, blocks=blocks)


def drawings(height: int, width: int | None = None) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(3, 1, height, width or height, generator=generator)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("height", [28, 29, 35, 64, 105])
@pytest.mark.parametrize("image_size", [28, 32])
def test_any_square_drawing_is_taken(height: int, image_size: int, training: bool) -> None:
    network = build(image_size).train(training)
    images = drawings(height)
    assert network.embed(images).shape == (3, LATENT)
    reconstruction = network(images)
    assert reconstruction.shape == (3, 1, image_size, image_size)
    assert 0.0 <= reconstruction.min() <= reconstruction.max() <= 1.0


class Plain(nn.Module):
    """The network without blocks, its layers numbered one after the other: what older checkpoints hold."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 4, 3, stride=2, padding=1), nn.BatchNorm2d(4), nn.ReLU(),
            nn.Conv2d(4, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8), nn.ReLU(),
            nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(),
            nn.Flatten(), nn.Linear(8 * 7 * 7, LATENT),
        )  # fmt: skip
        self.decoder = nn.Sequential(
            nn.Linear(LATENT, 8 * 7 * 7), nn.Unflatten(1, (8, 7, 7)), nn.BatchNorm2d(8), nn.ReLU(),
            nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(),
            nn.ConvTranspose2d(8, 4, 4, stride=2, padding=1), nn.BatchNorm2d(4), nn.ReLU(),
            nn.ConvTranspose2d(4, 1, 4, stride=2, padding=1),
        )  # fmt: skip


def test_older_checkpoints_are_read_to_the_same_network() -> None:
    torch.manual_seed(1)
    older, network, images = Plain(), build(), drawings(28)
    assert list(older.state_dict()) == list(network.state_dict())
    older.decoder(older.encoder(images))  # statistics of its own
    network.load_state_dict(older.state_dict())
    network.eval(), older.eval()
    torch.testing.assert_close(network.embed(images), older.encoder(images))
    torch.testing.assert_close(network(images), torch.sigmoid(older.decoder(older.encoder(images))))


@pytest.mark.parametrize("device", DEVICES)
def test_blocks_are_at_both_scales_of_both_halves(device: str) -> None:
    network, images = build(blocks=2).to(device).train(), drawings(28).to(device)
    sides: dict[str, tuple[int, ...]] = {}
    for name, part in network.named_modules():
        if isinstance(part, ResidualBlock):
            part.register_forward_hook(lambda _, __, output, name=name: sides.update({name: output.shape[1:]}))
    network(images).square().mean().backward()
    half, quarter = torch.Size([4, 14, 14]), torch.Size([8, 7, 7])
    assert sides == {
        f"{part}.{scale}_{number}": shape
        for part in ("encoder", "decoder")
        for scale, shape in (("half", half), ("quarter", quarter))
        for number in (0, 1)
    }
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in network.parameters())
    added = {name for name in network.state_dict() if "half" in name or "quarter" in name}
    assert network.state_dict().keys() - added == build().state_dict().keys()


def test_with_a_block_it_is_small() -> None:
    network = ConvolutionalAutoencoder(latent_size=64, channels=32, blocks=1)
    assert 2 * sum(value.numel() for value in network.state_dict().values()) < 3_000_000


@pytest.mark.parametrize("half", [False, True])
def test_channels_come_last_in_half_precision_alone(half: bool) -> None:
    network, seen = build(blocks=1), list[bool]()
    for part in network.modules():
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d) and part.in_channels > 1:
            part.register_forward_pre_hook(
                lambda _, inputs: seen.append(inputs[0].is_contiguous(memory_format=torch.channels_last))
            )
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        network(drawings(28))
    assert seen == [half] * 13  # all but the first, which has one channel


def test_output_stays_in_range_for_any_latent() -> None:
    decoded = build().eval().decode(1e4 * torch.randn(8, LATENT))
    assert decoded.shape == (8, 1, 28, 28)
    assert 0.0 <= decoded.min() <= decoded.max() <= 1.0


def test_forward_decodes_the_embedding() -> None:
    network, images = build().eval(), drawings(40)
    torch.testing.assert_close(network(images), network.decode(network.embed(images)))
    torch.testing.assert_close(network(images), network.logits(network.embed(images)).sigmoid())


def test_drawings_are_embedded_one_by_one_in_evaluation() -> None:
    network, images = build().eval(), drawings(28)
    together = network.embed(images)
    assert not torch.allclose(together[0], together[1])
    torch.testing.assert_close(together, torch.cat([network.embed(image.unsqueeze(0)) for image in images]))


def test_it_can_learn_a_drawing() -> None:
    network = build()
    images = torch.eye(28).expand(3, 1, -1, -1) * torch.tensor([0.2, 0.5, 1.0]).view(3, 1, 1, 1)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    errors = []
    for _ in range(25):
        error = torch.nn.functional.mse_loss(network(images), images)
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
        errors.append(error.item())
    assert errors[-1] < 0.5 * errors[0]


@pytest.mark.parametrize(
    ("name", "value"),
    [("latent_size", 0), ("channels", 0), ("blocks", -1), ("image_size", 24), ("image_size", 30), ("image_size", -28)],
)
def test_bad_sizes_are_named(name: str, value: int) -> None:
    with pytest.raises(InputError, match=f"^{name} is {value}"):
        ConvolutionalAutoencoder(**{name: value})

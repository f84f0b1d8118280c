import torch

from lightning_modules.autoencoder import OmniglotAutoencoder


def test_it_embeds_while_it_trains() -> None:
    module = OmniglotAutoencoder(latent_size=5, image_size=28, channels=4).train()
    drawings = torch.rand(3, 1, 40, 40)
    embedded = module.embed(drawings)
    assert embedded.shape == (3, 5)
    assert embedded.requires_grad
    assert module.training
    assert module(drawings).shape == (3, 1, 28, 28)

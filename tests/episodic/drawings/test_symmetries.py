import torch

from episodic.drawings.symmetries import spread_symmetries


def test_every_part_is_turned_in_its_own_way() -> None:
    image = torch.arange(9.0).view(1, 1, 3, 3)
    found = {tuple(turned.flatten().tolist()) for turned in spread_symmetries(image.repeat(8, 1, 1, 1))}
    assert len(found) == 8
    assert all(sorted(pixels) == sorted(image.flatten().tolist()) for pixels in found)


def test_the_order_of_the_drawings_stays() -> None:
    images = torch.rand(19, 1, 4, 4)
    assert torch.allclose(spread_symmetries(images).sum(dim=(1, 2, 3)), images.sum(dim=(1, 2, 3)))

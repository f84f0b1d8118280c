"""Embeddings of a table of drawings: those of the network, made once and kept."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from episodic.drawings.embedding_cache import as_floats, cached_embeddings, embed_table, has_bfloat16
from episodic.errors import InputError
from episodic.networks.omniglot_embedder import OmniglotEmbedder

COUNT = 70  # more than go through the network at once


def build(seed: int = 0, views: bool = False, image_size: int = 28) -> OmniglotEmbedder:
    """A small network in evaluation mode, with statistics of its own."""
    torch.manual_seed(seed)
    network = OmniglotEmbedder(embedding_size=6, channels=2, views=views, image_size=image_size)
    with torch.no_grad():
        for _ in range(3):
            network.embed(torch.rand(8, 1, 28, 28))
    return network.eval()


def drawings(count: int = COUNT, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(256, (count, 28, 28), generator=generator, dtype=torch.uint8)


def refuse(images: Tensor) -> Tensor:
    raise AssertionError("the network was called")


def no_permission(*_: object) -> None:
    raise PermissionError(13, "Permission denied")


def test_drawings_become_floats_with_ink_one() -> None:
    images = torch.tensor([[[0, 51], [255, 102]]], dtype=torch.uint8)
    torch.testing.assert_close(as_floats(images), torch.tensor([[[[0.0, 0.2], [1.0, 0.4]]]]))


@pytest.mark.parametrize("half", [False, True])
def test_embeddings_are_those_of_each_drawing_alone(half: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("episodic.drawings.embedding_cache.has_bfloat16", lambda device: half)
    network, images = build(), drawings()
    found = embed_table(network, images)
    assert found.dtype == torch.float32
    assert found.shape == (COUNT, 6)
    assert not found.requires_grad
    with torch.no_grad():
        expected = torch.cat([network.embed(image[None, None].float() / 255) for image in images])
    torch.testing.assert_close(found, expected, atol=0.1 if half else 1e-5, rtol=0.0)


def test_the_mode_of_the_network_is_left() -> None:
    network = build()
    for training in (False, True):
        before = {name: value.clone() for name, value in network.train(training).state_dict().items()}
        embed_table(network, drawings())
        assert network.training == training
        moved = {name for name, value in network.state_dict().items() if not torch.equal(before[name], value)}
        assert bool(moved) == training


def test_what_is_kept_is_what_was_embedded_and_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network, images, folder = build(), drawings(), tmp_path / "not" / "there"
    first = cached_embeddings(network, images, folder)
    assert torch.equal(first, embed_table(network, images))
    (file,) = folder.glob("*.pt")
    written = file.stat().st_mtime_ns
    monkeypatch.setattr(network, "embed", refuse)
    assert torch.equal(cached_embeddings(network, images, str(folder)), first)
    again = build()
    monkeypatch.setattr(again, "embed", refuse)
    assert torch.equal(cached_embeddings(again, images.clone(), folder), first)
    assert [(path, path.stat().st_mtime_ns) for path in folder.glob("*.pt")] == [(file, written)]


def test_without_a_folder_it_is_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name: str(tmp_path / name))
    cached_embeddings(build(), drawings(2))
    assert len(list((tmp_path / "episodic-memory-lab").glob("*.pt"))) == 1
    monkeypatch.setenv("HOME", str(tmp_path))
    cached_embeddings(build(), drawings(2), "~/kept")
    assert len(list((tmp_path / "kept").glob("*.pt"))) == 1


def test_another_network_or_other_drawings_have_a_file_of_their_own(tmp_path: Path) -> None:
    network, images = build(), drawings(4)
    other = images.clone()
    other[3, 27, 27] ^= 1
    moved = build()
    with torch.no_grad():
        moved.norm.running_mean[0] += 1e-3  # type: ignore[index]
    resized = build(image_size=30)
    resized.load_state_dict(network.state_dict())  # the same weights work at either size
    cases = [
        (network, images),
        (build(seed=1), images),
        (build(views=True), images),
        (resized, images),
        (moved, images),
        (network, other),
        (network, images[:3]),
        (network, images.flip(0)),
    ]
    for number, (one, table) in enumerate(cases, start=1):
        found = cached_embeddings(one, table, tmp_path)
        assert len(list(tmp_path.glob("*.pt"))) == number
        assert torch.equal(found, embed_table(one, table))


@pytest.mark.parametrize("damage", ["cut", "empty", "text", "other", "short"])
def test_a_damaged_file_is_made_anew(damage: str, tmp_path: Path) -> None:
    network, images = build(), drawings(4)
    first = cached_embeddings(network, images, tmp_path)
    (file,) = tmp_path.glob("*.pt")
    whole = file.read_bytes()
    if damage in ("cut", "empty", "text"):
        file.write_bytes({"cut": whole[: len(whole) // 2], "empty": b"", "text": b"notes\n"}[damage])
    else:
        torch.save({"x": first} if damage == "other" else first[:3], file)
    assert torch.equal(cached_embeddings(network, images, tmp_path), first)
    assert torch.equal(torch.load(file, weights_only=True), first)
    assert list(tmp_path.glob("*.pt")) == [file]


@pytest.mark.parametrize("kind", ["file", "no permission"])
def test_a_folder_that_cannot_be_written_to_is_one_line(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "cache"
    if kind == "file":
        folder.write_text("no folder")
    else:
        folder.mkdir()
        monkeypatch.setattr(Path, "open", no_permission)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match=r"cannot be written: .*; cache_dir of perception\.embedder names") as error:
        cached_embeddings(build(), drawings(2), folder)
    assert "\n" not in str(error.value)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_device_says_whether_it_has_bfloat16() -> None:
    assert has_bfloat16(torch.device("cpu")) in (True, False)

"""Teachers: the similarities of an ensemble, and checkpoints that cannot teach."""

from pathlib import Path
from typing import Any

import pytest
import torch

from episodic.checkpoints import EMBEDDER_KEY, TeacherEnsemble, Teachers, describe_embedder
from episodic.errors import InputError
from episodic.networks.hidden_state_embedder import HiddenStateEmbedder
from episodic.networks.omniglot_embedder import OmniglotEmbedder


def embedder(seed: int, size: int, image_size: int = 28) -> OmniglotEmbedder:
    torch.manual_seed(seed)
    return OmniglotEmbedder(image_size, embedding_size=size, channels=4).eval().requires_grad_(False)


@pytest.mark.parametrize("turns", [1, 4])
def test_similarities_are_means_over_teachers_and_turns(turns: int) -> None:
    first, second = embedder(0, 6), embedder(1, 3, image_size=32)
    drawings = torch.rand(4, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    similarity = TeacherEnsemble([first, second], turns).similarity(drawings)
    for i in range(4):
        for j in range(4):
            cosines = []
            for teacher in (first, second):
                for turn in range(turns):
                    one, other = (teacher.embed(torch.rot90(drawings[k : k + 1], turn, dims=(2, 3))) for k in (i, j))
                    cosines.append(float((one * other).sum()))
            assert float(similarity[i, j]) == pytest.approx(sum(cosines) / len(cosines), abs=1e-5)
    torch.testing.assert_close(similarity.diagonal(), torch.ones(4))


def test_they_come_frozen_from_checkpoints_and_see_each_drawing_once(tmp_path: Path) -> None:
    network = OmniglotEmbedder(embedding_size=6, channels=4, views=True, turns=8).eval()
    path = tmp_path / "encoder.ckpt"
    torch.save({"state_dict": network.state_dict(), EMBEDDER_KEY: describe_embedder(network, "")}, path)
    ensemble = Teachers([str(path), "omniglot_autoencoder"]).load()
    assert not any(parameter.requires_grad for teacher in ensemble.embedders for parameter in teacher.parameters())
    assert not any(teacher.training for teacher in ensemble.embedders)
    drawings = torch.rand(3, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    network.views, network.turns = False, 1
    assert torch.equal(ensemble.embedders[0].embed(drawings), network.embed(drawings))


@pytest.mark.parametrize(
    ("complaint", "settings"),
    [
        ("teachers.checkpoints is empty", {"checkpoints": []}),
        ("teachers.weight is 0", {"weight": 0}),
        ("teachers.weight is nan", {"weight": float("nan")}),
        ("teachers.turns is 0: it must be 1 to 4", {"turns": 0}),
        ("teachers.turns is 5: it must be 1 to 4", {"turns": 5}),
        ("checkpoint nowhere.ckpt does not exist", {"checkpoints": ["omniglot_encoder", "nowhere.ckpt"]}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_settings_are_named(complaint: str, settings: dict[str, Any]) -> None:
    with pytest.raises(InputError) as error:
        Teachers(**{"checkpoints": ["omniglot_encoder"], **settings}).load()
    assert str(error.value).startswith(complaint)
    assert "\n" not in str(error.value)


def test_an_encoder_of_states_cannot_teach_drawings(tmp_path: Path) -> None:
    network, path = HiddenStateEmbedder(input_size=5), tmp_path / "states.ckpt"
    torch.save({"state_dict": network.state_dict(), EMBEDDER_KEY: describe_embedder(network, "")}, path)
    with pytest.raises(InputError, match="a HiddenStateEmbedder: it does not embed drawings") as error:
        Teachers([str(path)]).load()
    assert "\n" not in str(error.value)

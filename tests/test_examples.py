"""The examples run, small."""

from pathlib import Path

import pytest
import torch

from episodic.networks import OmniglotEmbedder
from episodic.tasks import BarcodeBandit


def test_recurrent_ppo_plays_the_bandit(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("gymnasium")
    pytest.importorskip("sb3_contrib")
    from examples.recurrent_ppo import main

    task = BarcodeBandit(contexts=2, arms=2, exposures=2, pulls=3)
    rewards = main(["--seconds", "0.2", "--environments", "8"], task)
    assert rewards["chance"] == pytest.approx(1.5)
    assert 0 < rewards["reward"] <= 3
    assert "ideal observer" in capsys.readouterr().out


def test_torchrl_steps_the_environments() -> None:
    gymnasium = pytest.importorskip("gymnasium")
    envs = pytest.importorskip("torchrl.envs")
    import episodic.environments  # noqa: F401

    task = {"contexts": 2, "arms": 2, "exposures": 1, "pulls": 3}
    made = gymnasium.make_vec("episodic/BarcodeBandit-v0", num_envs=4, autoreset_mode="SameStep", **task)
    played = envs.GymWrapper(made).rollout(8, break_when_any_done=False)
    assert played["next", "reward"].shape == (4, 8, 1)
    assert played["next", "done"][0].flatten().tolist() == [False] * 5 + [True] + [False] * 2


@pytest.fixture(params=[{"views": True}, {"turns": 8}], ids=["views", "turns"])
def encoder(request: pytest.FixtureRequest) -> OmniglotEmbedder:
    torch.manual_seed(0)
    return OmniglotEmbedder(embedding_size=4, channels=2, **request.param).requires_grad_(False).eval()


def test_an_exported_program_embeds_alike_at_any_batch_size(encoder: OmniglotEmbedder) -> None:
    from examples.export_encoder import to_program

    program, drawings = to_program(encoder, torch.rand(2, 1, 28, 28)), torch.rand(20, 1, 28, 28)
    torch.testing.assert_close(program.module()(drawings), encoder.embed(drawings))


@pytest.mark.slow
def test_an_onnx_model_embeds_alike(encoder: OmniglotEmbedder, tmp_path: Path) -> None:
    for package in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(package)
    from examples.export_encoder import from_onnx, to_onnx

    drawings = torch.rand(5, 1, 28, 28)
    to_onnx(encoder, drawings[:2], tmp_path / "small.onnx")
    embedding = from_onnx(tmp_path / "small.onnx", drawings)
    torch.testing.assert_close(embedding, encoder.embed(drawings), atol=1e-4, rtol=1e-4)

import torch

from episodic.objectives.optimisation import ConfiguredOptimizer
from episodic.objectives.schedules import LinearSchedule


def build(lr: float) -> ConfiguredOptimizer:
    """An optimiser of one weight whose rate falls to zero over ten steps."""
    configured = ConfiguredOptimizer(lambda p: torch.optim.Adam(p, lr=lr, betas=(lr, 0.9)), LinearSchedule(1.0, 0.0))
    configured.configure([torch.nn.Parameter(torch.ones(1))], lambda: 10.0, "step")
    return configured


def test_the_configuration_wins_and_the_position_stays() -> None:
    before, after = build(0.5), build(0.25)
    assert before.scheduler is not None
    assert after.scheduler is not None
    for _ in range(4):
        before.optimizer.step()
        before.scheduler.step()
    after.optimizer.load_state_dict(before.optimizer.state_dict())
    after.scheduler.load_state_dict(before.scheduler.state_dict())
    after.restore_configuration()
    group = after.optimizer.param_groups[0]
    assert group["lr"] == 0.25 * 0.6
    assert group["betas"] == (0.25, 0.9)
    after.optimizer.step()
    after.scheduler.step()
    assert abs(group["lr"] - 0.25 * 0.5) < 1e-12


def test_an_unchanged_configuration_changes_nothing() -> None:
    one = build(0.5)
    assert one.scheduler is not None
    for _ in range(3):
        one.optimizer.step()
        one.scheduler.step()
    rate = one.optimizer.param_groups[0]["lr"]
    one.restore_configuration()
    assert one.optimizer.param_groups[0]["lr"] == rate

"""Losses of encoders, their settings, and optimisers with learning-rate schedules.

- `Objectives` holds the settings of the losses; `Objectives.build` makes a `WeightedObjectives`, their weighted sum.
- `SoftmaxObjective`, `TripletObjective` and `KaiserObjective` are the losses, with `SoftmaxConfig`, `TripletConfig` and
  `KaiserConfig` as their settings.
- `distillation_loss` teaches an encoder the similarities of others.
- `Schedule` and its subclasses are functions of the training progress; `ConfiguredOptimizer` combines an optimiser with
  a schedule.
- `ActorCritic` holds the settings of an agent's loss, `actor_critic_loss`.
"""

from episodic.objectives.actor_critic import ActorCritic, ActorCriticLoss, actor_critic_loss, generalised_advantages
from episodic.objectives.distillation import distillation_loss
from episodic.objectives.kaiser import KaiserConfig, KaiserObjective
from episodic.objectives.objective import Objective
from episodic.objectives.objectives import OBJECTIVES, Objectives
from episodic.objectives.optimisation import ConfiguredOptimizer, OptimizerCallable
from episodic.objectives.schedules import CosineSchedule, LinearSchedule, Schedule, WarmupCosineSchedule
from episodic.objectives.softmax import SoftmaxConfig, SoftmaxObjective, additive_margin_loss
from episodic.objectives.triplet import MINERS, TripletConfig, TripletObjective
from episodic.objectives.weighted import WeightedObjectives

__all__ = [
    "MINERS",
    "OBJECTIVES",
    "ActorCritic",
    "ActorCriticLoss",
    "ConfiguredOptimizer",
    "CosineSchedule",
    "KaiserConfig",
    "KaiserObjective",
    "LinearSchedule",
    "Objective",
    "Objectives",
    "OptimizerCallable",
    "Schedule",
    "SoftmaxConfig",
    "SoftmaxObjective",
    "TripletConfig",
    "TripletObjective",
    "WarmupCosineSchedule",
    "WeightedObjectives",
    "actor_critic_loss",
    "additive_margin_loss",
    "distillation_loss",
    "generalised_advantages",
]

"""The RL agent: an episodic LSTM with a key-value memory, trained by advantage actor-critic."""

from collections.abc import Callable
from typing import Any

import torch
from pytorch_lightning.cli import OptimizerCallable
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from episodic.agents.agent_checks import require_initial, require_memory, require_one_learner
from episodic.agents.cue_encoder import CueEncoder
from episodic.agents.cue_learning import CueLearning
from episodic.agents.key_encoder import KeyEncoder, require_encoder
from episodic.agents.key_parts import build_key_parts
from episodic.agents.keys import KeySource
from episodic.agents.online_learning import OnlineLearning
from episodic.agents.perception import Perception
from episodic.checkpoints.agent_weights import copy_agent
from episodic.checkpoints.embedders import EMBEDDER_KEY, describe_embedder
from episodic.errors import require, require_fraction, require_positive
from episodic.memory.memory import Memory
from episodic.networks.actor_critic import RecurrentActorCritic
from episodic.objectives.optimisation import ConfiguredOptimizer
from episodic.objectives.schedules import LinearSchedule, Schedule
from lightning_modules.block_learner import BlockLearner

MemoryFactory = Callable[[int, int, int], Memory]

#: Beginnings of the names of what every process has for itself.
OWN = ("memory.", "online.", "perception.learner.")


class EpisodicAgent(BlockLearner):
    """epL2RL, L2RL and L2RL+context by configuration alone (Ritter et al. 2018, section 4).

    With a `memory` the agent is epL2RL: `key_source` says what the memory is searched by, the final cell state is the
    value, and what is recalled enters through the reinstatement gate. Without one (or with the key source `none`) it
    is L2RL, and with `cue_input` L2RL+context. One batch is a block; the weights are updated after each of its
    episodes.

    With the key source `encoder` the keys are what an encoder makes of the LSTM's states, or of the cue. It stays as
    it is, or learns `online` from what the memory holds; the LSTM gets no gradient from it. `initial` starts from
    another agent's network, which with `freeze_network` stays as it is: the states are then those that the encoder was
    trained on.

    Where contexts show themselves by drawings, a cue is what `cue_encoder` makes of one, which stays as it is or learns
    (`cue_learning`) after each block from the drawings that the memory holds; without it, the drawing's pixels.

    Args:
        actions: number of actions; None takes the data's.
        cue_size: length of a cue; None takes the data's.
        label_count: number of distinct labels; None takes the data's.
        pulls: pulls in an episode; None takes the data's.
        episodes: episodes in a block; None takes the data's.
        capacity: slots of the memory; None takes one for each key that a block stores.
        hidden_size: length of the LSTM's states.
        memory: builds the memory from (capacity, key size, value size); None plays without.
        key_source: what the memory is searched by, `context` (the cue), `input`, `hidden`, `encoder`, `label` or
            `none`; see `episodic.agents.keys.KeySource`.
        key_state: of the key sources `hidden` and `encoder`, `cell` or `hidden` state; of `encoder` also the `cue`.
        stored_states: which steps' keys are stored, `first`, `last`, `after_first_quarter` or `all`.
        stored_value: what a stored key maps to, the episode's `final` cell state or the step's `own`.
        read_at: of a key that changes, whether the memory is searched at `every` pull, or at the `first` alone.
        stack_labels: what stacks are found by, the true `context` or the label `predicted` by the encoder's classifier.
        encoder: of the key source `encoder`, how it is built and where its weights come from.
        online: how the encoder learns while the agent plays; None leaves it as it is.
        initial: checkpoint of the agent whose network this one starts from. It is read when the training starts, and
            not needed any more afterwards. None starts from random weights.
        freeze_network: whether LSTM and heads stay as they are.
        cue_input: whether the cue is part of the network's input.
        cue_projection: length of a learned linear projection of the cue that takes its place in the input; None gives
            the cue itself.
        cue_encoder: what makes cues of drawings; None takes their pixels.
        cue_learning: how that encoder learns while the agent plays; None leaves it as it is.
        discount: discount of rewards within an episode.
        trace: lambda of generalised advantage estimation; 1 is the plain return.
        value_weight: weight of the critic's loss.
        entropy_weight: weight of the entropy bonus over the course of training.
        gradient_norm: gradients are clipped to this norm.
        optimizer: builds the optimiser.
        learning_rate_schedule: factor of the learning rate over the course of training; None keeps it.
        forget_bias: initial bias of the forget gate.
        reinstatement_bias: initial bias of the reinstatement gate.
        greedy_evaluation: evaluate with the most probable action instead of a drawn one.

    Raises:
        InputError: a number out of its range, sizes that are not the data's, parts that do not go together.
    """

    transferred: Tensor

    def __init__(
        self,
        actions: int | None = None,
        cue_size: int | None = None,
        label_count: int | None = None,
        pulls: int | None = None,
        episodes: int | None = None,
        capacity: int | None = None,
        hidden_size: int = 50,
        memory: MemoryFactory | None = None,
        key_source: str = "context",
        key_state: str = "cell",
        stored_states: str = "last",
        stored_value: str = "final",
        read_at: str = "every",
        stack_labels: str = "context",
        encoder: KeyEncoder | None = None,
        online: OnlineLearning | None = None,
        initial: str | None = None,
        freeze_network: bool = False,
        cue_input: bool = False,
        cue_projection: int | None = None,
        cue_encoder: CueEncoder | None = None,
        cue_learning: CueLearning | None = None,
        discount: float = 0.9,
        trace: float = 1.0,
        value_weight: float = 0.4,
        entropy_weight: Schedule | None = None,
        gradient_norm: float = 1.0,
        optimizer: OptimizerCallable = torch.optim.Adam,
        learning_rate_schedule: Schedule | None = None,
        forget_bias: float = 1.0,
        reinstatement_bias: float = 0.0,
        greedy_evaluation: bool = False,
    ) -> None:
        super().__init__()
        require_fraction(discount=discount, trace=trace)
        require_positive(gradient_norm=gradient_norm)
        require(value_weight >= 0, f"value_weight is {value_weight}: it has to be 0 or more")
        if actions is None or cue_size is None or label_count is None or pulls is None or episodes is None:
            missing = "actions, cue_size, label_count, pulls and episodes"
            raise ValueError(f"{missing} have to be given where no data module fills them in")
        self.save_hyperparameters()
        require_encoder(encoder, key_source)
        require_one_learner(encoder, online, cue_learning)
        require_initial(initial, freeze_network)
        self.perception = Perception(cue_encoder, cue_learning, cue_size, label_count)
        cue_length = self.perception.cue_size
        encoded_size = cue_length if key_state == "cue" else hidden_size
        self._key_parts = build_key_parts(
            encoder,
            online,
            input_size=encoded_size,
            label_count=label_count,
            predicts_stacks=stack_labels == "predicted",
        )
        self.encoder, self.online, self.classifier = self._key_parts
        stack_of = self._key_parts.stack_of(stack_labels)
        self.keys = KeySource(key_source, key_state, stored_states, stored_value, read_at, self.encoder, stack_of)
        with_memory = memory is not None and key_source != "none"
        self.sizes = {"actions": actions, "cue_size": cue_size, "label_count": label_count, "pulls": pulls}
        self.network = RecurrentActorCritic(
            actions,
            cue_length,
            hidden_size,
            cue_input=cue_input,
            cue_projection=cue_projection,
            reinstatement=with_memory,
            forget_bias=forget_bias,
            reinstatement_bias=reinstatement_bias,
        )
        self.memory = None
        if memory is not None and with_memory:
            sizes = {"actions": actions, "cue_size": cue_length, "hidden_size": hidden_size, "label_count": label_count}
            slots = episodes * len(self.keys.stored_steps(pulls)) if capacity is None else capacity
            self.memory = memory(slots, self.keys.size(**sizes), hidden_size)
            if self.online is not None:
                self.memory.keep_sources(encoded_size)
            elif cue_learning is not None:
                self.memory.keep_sources(1)  # the drawing's row in its table
        require_memory(self.memory, encoder, cue_learning, stack_labels)
        self.network.requires_grad_(not freeze_network)
        self.key_encoder, self.initial = encoder, initial
        if encoder is not None or initial is not None or cue_encoder is not None:
            # In the checkpoint, so that a resume keeps what has been learned since.
            self.register_buffer("transferred", torch.tensor(False))
        # Every process has memories of its own.
        own = [name for name, _ in self.named_buffers() if name.startswith(OWN)]
        DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(self, own)
        self.discount, self.trace, self.value_weight = discount, trace, value_weight
        self.entropy_weight = entropy_weight or LinearSchedule(0.05, 0.0)
        self.gradient_norm, self.greedy_evaluation = gradient_norm, greedy_evaluation
        self.optimisation = ConfiguredOptimizer(optimizer, learning_rate_schedule)

    def setup(self, stage: str) -> None:
        """As `BlockLearner.setup`; before a training, check that an encoder of states can learn from the task."""
        super().setup(stage)
        if stage == "fit":
            self._key_parts.require_learnable(self.task)

    def on_fit_start(self) -> None:
        """Take over the weights of earlier stages, unless a resumed training has done so before."""
        if not hasattr(self, "transferred") or bool(self.transferred):
            return
        self.perception.fill()
        if self.initial is not None:
            copy_agent(self.network, self.initial)
        if self.key_encoder is not None and self.encoder is not None:
            needed = self.keys.stack_of is not None
            self.key_encoder.fill(self.encoder, self._key_parts.labelling, needed=needed, state=self.keys.state)
        self.transferred.fill_(True)

    def train(self, mode: bool = True) -> "EpisodicAgent":
        """Switch to training or evaluation; the encoder always embeds as in evaluation, see `OnlineLearner.lesson`."""
        super().train(mode)
        if self.encoder is not None:
            self.encoder.eval()
        return self

    def _contents(self) -> dict[str, Tensor]:
        """What the memory holds, by the names of this module's state."""
        buffers = self.memory.named_buffers() if self.memory is not None else ()
        return {f"memory.{name}": buffer for name, buffer in buffers}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Leave out what the memory holds: it is over with the block, and a test may choose another memory."""
        for name in self._contents():
            checkpoint["state_dict"].pop(name, None)
        if self.encoder is not None:
            checkpoint[EMBEDDER_KEY] = describe_embedder(self.encoder, self.encoder.arguments, "encoder.")
        elif (sight := self.perception).network is not None:
            checkpoint[EMBEDDER_KEY] = describe_embedder(sight.network, sight.arguments, "perception.network.")

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["state_dict"].update(self._contents())

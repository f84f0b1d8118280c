"""The agent's network: an episodic LSTM with an actor and a critic on its hidden state."""

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from episodic.errors import require, require_positive
from episodic.networks.episodic_lstm import EpisodicLSTMCell


class RecurrentActorCritic(nn.Module):
    """Episodic LSTM, policy logits and state value (learning to reinforcement-learn, Wang et al. 2016).

    The input at step t is `[one-hot a_{t-1} (A), r_{t-1} (1), cue (C)]`; at the first step action and
    reward are zero. Without `cue_input` C is 0. With `cue_projection` a learned linear projection of the cue's
    direction u takes its place, `W u / sqrt(C)`: many numbers as large as a reward, or that change quickly, would
    drown the rewards that the agent learns from. They begin as about 0.3, and the factor keeps the optimiser's steps
    small.

    Args:
        actions: number of actions A.
        cue_size: length of the cue.
        hidden_size: length H of the LSTM's states.
        cue_input: whether the agent sees the cue.
        cue_projection: length of the projection; None gives the cue itself.
        reinstatement: whether the LSTM has a reinstatement gate (an agent with a memory needs one).
        forget_bias: initial bias of the forget gate.
        reinstatement_bias: initial bias of the r-gate.
    """

    def __init__(
        self,
        actions: int,
        cue_size: int,
        hidden_size: int = 50,
        *,
        cue_input: bool = False,
        cue_projection: int | None = None,
        reinstatement: bool = True,
        forget_bias: float = 1.0,
        reinstatement_bias: float = 0.0,
    ) -> None:
        super().__init__()
        require_positive(actions=actions, cue_size=cue_size, hidden_size=hidden_size)
        self.actions, self.hidden_size, self.cue_input = actions, hidden_size, cue_input
        self.projection: nn.Linear | None = None
        if cue_projection is not None:
            require_positive(cue_projection=cue_projection)
            require(cue_input, f"cue_projection is {cue_projection}: without cue_input it has to be null")
            self.projection = nn.Linear(cue_size, cue_projection, bias=False)  # the LSTM's input has a bias of its own
            nn.init.normal_(self.projection.weight, std=0.3 * cue_size**0.5)
        seen = cue_size if cue_projection is None else cue_projection
        self.input_size = actions + 1 + (seen if cue_input else 0)
        self.cell = EpisodicLSTMCell(
            self.input_size,
            hidden_size,
            reinstatement=reinstatement,
            forget_bias=forget_bias,
            reinstatement_bias=reinstatement_bias,
        )
        self.heads = nn.Linear(hidden_size, actions + 1)  # policy logits, then the value
        nn.init.orthogonal_(self.heads.weight, gain=0.1)
        nn.init.zeros_(self.heads.bias)

    def evaluate(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Policy logits `[..., A]` and state values `[...]` of hidden states `[..., H]`."""
        logits, value = self.heads(hidden).split((self.actions, 1), dim=-1)
        return logits, value.squeeze(-1)

    def perceived(self, cue: Tensor) -> Tensor:
        """What the LSTM gets of cues `[B, K]`: themselves, or their projection `[B, P]`."""
        if self.projection is None:
            return cue
        projected: Tensor = self.projection(normalize(cue, dim=-1)) / cue.shape[-1] ** 0.5
        return projected

    def forward(
        self, joint: Tensor, cells: Tensor, gates: Tensor, recalled: Tensor | None, cue: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Logits `[T, B, A]` and values `[T, B]` of an episode that was played, with their gradient.

        Shapes as in `EpisodicLSTMCell.replay`, and cue `[B, K]`, which a learned projection gets its gradient by.
        """
        if self.projection is not None and cue is not None:
            first, last = self.actions + 1, self.input_size
            seen = self.perceived(cue).expand(len(joint), -1, -1)
            joint = torch.cat([joint[..., :first], seen, joint[..., last:]], dim=-1)
        return self.evaluate(self.cell.replay(joint, cells, gates, recalled))

    @torch.no_grad()
    def policy_weights(self) -> tuple[Tensor, Tensor]:
        """Weight `[H, A]` and bias `[A]` that give the policy's logits from a hidden state."""
        return self.heads.weight[: self.actions].T, self.heads.bias[: self.actions]

"""What an agent perceives of a context."""

from episodic.agents.drawing_embedder_config import DrawingEmbedderConfig
from episodic.errors import require, require_choice, require_finite

CUES = ("own", "other")


class Perception:
    """What an agent perceives of a context: whether its core sees the cue, and how it embeds drawings.

    Args:
        cue_input: whether the cue is part of the core's input.
        cue_projection: length of a learned linear projection that replaces the cue in the input; None uses the cue
            itself.
        embedder: how the embedder of drawings is built; None takes a drawing's pixels as the cue.
        cue_scale: factor of the cue in the input. With a small one, the cue matters little at first, and each step of
            an optimiser such as Adam changes its effect less; with 0 the core sees a constant.
        cue_of: whose cue the core sees: `own`, or `other`, that of another environment, which distracts as much and
            says nothing. The memory gets the own cue in any case.

    Raises:
        InputError: a projection without cue input, an unknown name, a number that is not finite.

    >>> Perception(cue_input=True).cue_input
    True
    """

    def __init__(
        self,
        cue_input: bool = False,
        cue_projection: int | None = None,
        embedder: DrawingEmbedderConfig | None = None,
        cue_scale: float = 1.0,
        cue_of: str = "own",
    ) -> None:
        require(
            cue_input or cue_projection is None,
            f"perception.cue_projection is {cue_projection}: without cue_input it must be null",
        )
        require_finite(**{"perception.cue_scale": cue_scale})
        require_choice("perception.cue_of", cue_of, CUES)
        self.cue_input, self.cue_projection, self.embedder = cue_input, cue_projection, embedder
        self.cue_scale, self.cue_of = cue_scale, cue_of

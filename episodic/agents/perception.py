"""What an agent perceives of a context."""

from episodic.agents.drawing_embedder_config import DrawingEmbedderConfig
from episodic.errors import require


class Perception:
    """What an agent perceives of a context: whether its core sees the cue, and how it embeds drawings.

    Args:
        cue_input: whether the cue is part of the core's input.
        cue_projection: length of a learned linear projection that replaces the cue in the input; None uses the cue
            itself.
        embedder: how the embedder of drawings is built; None takes a drawing's pixels as the cue.

    Raises:
        InputError: a projection without cue input.

    >>> Perception(cue_input=True).cue_input
    True
    """

    def __init__(
        self, cue_input: bool = False, cue_projection: int | None = None, embedder: DrawingEmbedderConfig | None = None
    ) -> None:
        require(
            cue_input or cue_projection is None,
            f"perception.cue_projection is {cue_projection}: without cue_input it must be null",
        )
        self.cue_input, self.cue_projection, self.embedder = cue_input, cue_projection, embedder

"""Which of an agent's weights come from which checkpoint."""

from episodic.agents.agent import Agent
from episodic.checkpoints.copying import classifier_weight, copy_agent, copy_classifier, copy_embedder
from episodic.checkpoints.embedders import find_checkpoint
from episodic.checkpoints.reading import read_checkpoint
from episodic.errors import require
from episodic.networks.cosine_classifier import CosineClassifier
from episodic.networks.image_embedder import ImageEmbedder


class WarmStart:
    """Which of an agent's weights come from which checkpoint.

    The checkpoints are read once, when a training starts. From then on the agent's own checkpoint contains everything.

    Args:
        agent: checkpoint that provides the core and the heads; None starts from random weights.
        keys: checkpoint of a `HiddenStateEncoder`, or of an agent with an embedder of keys; None starts from random
            weights.
        drawings: checkpoint of an encoder or autoencoder of drawings, or the name of a shipped one; None starts from
            random weights.
        freeze: whether core and heads stay fixed.

    Raises:
        InputError: the agent is frozen, but no checkpoint provides its weights.
    """

    def __init__(
        self, agent: str | None = None, keys: str | None = None, drawings: str | None = None, freeze: bool = False
    ) -> None:
        self.agent, self.keys, self.drawings, self.freeze = agent or None, keys or None, drawings or None, freeze
        require(
            self.agent is not None or not freeze,
            "warm_start.freeze is true: warm_start.agent must name the agent to keep",
        )

    def fill_agent(self, agent: Agent) -> None:
        """Copy core and heads.

        Raises:
            InputError: see `copy_agent`, or the weights were trained on cues of another scale.
        """
        if self.agent is None:
            return
        perception = read_checkpoint(self.agent).get("hyper_parameters", {}).get("perception")
        if perception is not None and agent.cue_input:
            scale = perception.get("init_args", {}).get("cue_scale", 1.0)
            require(
                scale == agent.cue_scale,
                f"checkpoint {self.agent} contains an agent with perception.cue_scale {scale}: here it is "
                f"{agent.cue_scale}",
            )
        copy_agent(agent, self.agent)

    def fill_drawings(self, network: ImageEmbedder | None) -> None:
        """Copy the embedder of drawings.

        Raises:
            InputError: see `copy_embedder`; no embedder here.
        """
        if self.drawings is None:
            return
        require(network is not None, "warm_start.drawings is given: perception.embedder, which takes it, is null")
        assert network is not None
        copy_embedder(network, self.drawings)

    def fill_keys(self, agent: Agent, classifier: CosineClassifier | None) -> None:
        """Copy the embedder of keys and, if the checkpoint has one that fits, its classifier.

        Raises:
            InputError: see `copy_embedder` and `copy_classifier`; an embedder that was trained on something else than
                the agent's key source; no embedder here.
        """
        if self.keys is None:
            return
        memory = agent.memory
        require(
            memory is not None and memory.embedder is not None,
            "warm_start.keys is given: keys.embedder, which takes it, is null",
        )
        assert memory is not None
        assert memory.embedder is not None
        copy_embedder(memory.embedder, self.keys)
        source = memory.keys.state if memory.keys.source == "hidden" else {"context": "cue"}.get(memory.keys.source)
        other = read_checkpoint(find_checkpoint(self.keys)).get("datamodule_hyper_parameters", {}).get("state", source)
        inputs = "cues" if other == "cue" else f"{other} states"
        require(
            other == source,
            f"checkpoint {self.keys} contains an encoder of {inputs}: keys.source is {memory.keys.source!r}, "
            f"keys.state {memory.keys.state!r}",
        )
        needed = memory.keys.labels == "predicted"
        if classifier is not None and (needed or self._fits(classifier)):
            copy_classifier(classifier, self.keys)

    def _fits(self, classifier: CosineClassifier) -> bool:
        weight = classifier_weight(str(self.keys))
        return weight is not None and weight.shape == classifier.weight.shape

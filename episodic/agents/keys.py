"""The settings of a keyed memory: what it is searched by, and what it stores."""

from episodic.agents.state_embedder_config import StateEmbedderConfig
from episodic.errors import require, require_choice, require_positive
from episodic.tasks.task import TaskSizes

SOURCES = ("context", "input", "hidden", "label")
STATES = ("cell", "hidden")
STORED = ("first", "last", "after_first_quarter", "all")
VALUES = ("final", "own")
READS = ("every", "first")
LABELS = ("context", "predicted")


class Keys:
    """Settings of a memory's keys: what the memory is searched by, and what it stores.

    The memory is searched by a query at every step, or once per episode. A stored key is always the query of the step
    that is stored. The sources of queries are:

    - `context`: the cue (Ritter et al. 2018); the same at every step, unless the task changes it;
    - `input`: the core's input at the step (last action, last reward, observation) and the cue;
    - `hidden`: the state that the core would have after the step if nothing were reinstated. At an episode's first
      step it is a function of the input only;
    - `label`: the context's label, one-hot: an upper bound. It needs a similarity threshold above 0, since otherwise
      a first exposure recalls the memory of another label.

    An `embedder` replaces the source by its embedding. If a task's schedule writes within an episode, the scheduled
    steps are stored, each with its own cell state, and `stored` and `value` have no effect.

    Args:
        source: `context`, `input`, `hidden` or `label`.
        state: for the source `hidden`: the `cell` or the `hidden` state.
        stored: the steps whose keys are stored when an episode ends: the `first`, the `last`, all
            `after_first_quarter`, or `all`; only `last` for a key that does not change.
        value: what a stored key maps to: the episode's `final` cell state, or the step's `own`.
        read_at: search at `every` step, or only at the `first` and keep the recall.
        labels: find a stack by the true `context`, or by the label `predicted` by the embedder's classifier.
        embedder: how the embedder is built; None uses the source itself.
        capacity: number of slots; None is one for each key that a block stores.

    Raises:
        InputError: an unknown name, options that exclude each other, a capacity below 1.

    >>> Keys("hidden", stored="first").changing
    True
    """

    def __init__(
        self,
        source: str = "context",
        state: str = "cell",
        stored: str = "last",
        value: str = "final",
        read_at: str = "every",
        labels: str = "context",
        embedder: StateEmbedderConfig | None = None,
        capacity: int | None = None,
    ) -> None:
        require_choice("keys.source", source, SOURCES)
        require_choice("keys.state", state, STATES)
        require_choice("keys.stored", stored, STORED)
        require_choice("keys.value", value, VALUES)
        require_choice("keys.read_at", read_at, READS)
        require_choice("keys.labels", labels, LABELS)
        if capacity is not None:
            require_positive(**{"keys.capacity": capacity})
        self.source, self.state, self.stored, self.value = source, state, stored, value
        self.read_at, self.labels, self.embedder, self.capacity = read_at, labels, embedder, capacity
        require(
            self.changing or stored == "last",
            f"keys.stored is {stored!r}: with source {source!r}, whose key stays the same, it must be 'last'",
        )
        require(
            not self.changing or read_at == "every" or stored == "first",
            f"keys.stored is {stored!r}: with read_at 'first', where later steps have no key, it must be 'first'",
        )
        require(
            embedder is None or source != "label", "keys.embedder is given: source 'label' has no embedder, set null"
        )

    @property
    def changing(self) -> bool:
        """Whether the query may change from step to step."""
        return self.source in ("input", "hidden") or self.embedder is not None

    def stored_steps(self, steps: int) -> range:
        """The steps, from 0, whose keys are stored when an episode ends."""
        spans = {
            "first": range(1),
            "last": range(steps - 1, steps),
            "after_first_quarter": range(steps // 4, steps),
            "all": range(steps),
        }
        return spans[self.stored]

    def source_size(self, sizes: TaskSizes, hidden_size: int) -> int:
        """Length of what the source gives, before any embedding."""
        of_source = {
            "context": sizes.cue_size,
            "input": sizes.seen_size + sizes.cue_size,
            "hidden": hidden_size,
            "label": sizes.label_count,
        }
        return of_source[self.source]

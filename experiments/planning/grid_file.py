"""The content of a grid's YAML file, as typed dataclasses."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from experiments.planning.options import Options
from experiments.planning.yaml_files import Scalar

#: The selected conditions, by axis: one level or several. Axes that are left out may have any level.
Selector = dict[str, Scalar | list[Scalar]]


@dataclass(frozen=True)
class Training:
    """A training, or a stage that others build on.

    Args:
        config: file of its config; None takes the grid's.
        options: set in addition to the grid's. `@NAME` as a value is the file of a stage, `[@NAME, @NAME]` a list of
            files.
    """

    config: str | None = None
    options: Options = field(default_factory=dict)


@dataclass(frozen=True)
class Stage:
    """A training or a harvest that others use.

    Args:
        config: file of its config; None takes the grid's.
        options: set in addition to the grid's.
        axes: the axes whose options it takes too. It is run once for each combination of their levels.
        of: the stage whose checkpoint is run by `predict`, which leaves a harvest; None: it is a training.
        seed: of its only training; None: one for each seed of the grid.
    """

    config: str | None = None
    options: Options = field(default_factory=dict)
    axes: list[str] = field(default_factory=list)
    of: str | None = None
    seed: int | None = None


@dataclass(frozen=True)
class Level:
    """One level of an axis.

    Args:
        config: file of the config; None: from another axis or from the grid.
        options: of the training.
        stage: test this stage instead of training.
        test: options of the test only.
        stages: further settings of stages at this level, by their names.
    """

    config: str | None = None
    options: Options = field(default_factory=dict)
    stage: str | None = None
    test: Options = field(default_factory=dict)
    stages: dict[str, Training] = field(default_factory=dict)


@dataclass(frozen=True)
class Axis:
    """An axis along which conditions differ: named levels, or the values of one option.

    Args:
        levels: by name.
        option: the option that takes the values.
        values: of the option; they are the levels.
        tested: set the option in the test only.
        percent: values are shares, and are shown in per cent.
        label: in plots; empty is the axis' name.
    """

    levels: dict[str, Level] = field(default_factory=dict)
    option: str = ""
    values: list[Scalar] = field(default_factory=list)
    tested: bool = False
    percent: bool = False
    label: str = ""

    @property
    def all(self) -> dict[Scalar, Level]:
        """The levels by name or value, in order."""
        if not self.values:
            names: list[Scalar] = [*self.levels]
            return dict(zip(names, self.levels.values(), strict=True))
        given = [{self.option: value} for value in self.values]
        return {
            value: Level(test=options) if self.tested else Level(options=options)
            for value, options in zip(self.values, given, strict=True)
        }

    @property
    def is_number(self) -> bool:
        """Whether the levels are numbers."""
        return bool(self.values) and all(type(value) in (int, float) for value in self.values)


@dataclass(frozen=True)
class Replacement:
    """Conditions with other settings: `use` replaces all settings of their levels."""

    where: Selector
    use: Level


@dataclass(frozen=True)
class Addition:
    """Further settings of some conditions, on top of those of their levels.

    Args:
        where: the conditions.
        config: in place of the levels' config; None keeps it.
        options: of the training; they override the levels' options.
        test: options of the test only.
        seeds: the grid's seeds that these conditions are trained with; None: all of them.
    """

    where: Selector
    config: str | None = None
    options: Options = field(default_factory=dict)
    test: Options = field(default_factory=dict)
    seeds: list[int] | None = None

    @property
    def level(self) -> Level:
        """The settings as those of a level."""
        return Level(self.config, self.options, test=self.test)


@dataclass(frozen=True)
class Plot:
    """How a grid's results are plotted.

    Args:
        x: axis with numbers, for lines; empty draws rows of points, one for each combination of the other axes.
        hue: axis, or `evaluation`, for colours, markers and lines; empty for none.
        panel: axis, or `evaluation`, with a panel for each level; empty for none.
        even: the numbers of x are drawn at even distances.
    """

    x: str = ""
    hue: str = ""
    panel: str = ""
    even: bool = False


@dataclass(frozen=True)
class Report:
    """A grid's section of the report.

    Args:
        question: one sentence.
        answer: two to four sentences.
        reasoning: paragraphs of Markdown for the question's own page.
        order: sections are sorted by it.
        metric: the metric to plot and compare; None takes the first of the grid's metrics.
        chance: value of a player that chooses at random, or one for each evaluation; None: not known.
        ideal: value of the ideal player, in the same form.
        also: further metrics of the tables.
        plot: how it is drawn.
        few: why the answer rests on fewer than ten seeds, if it does.
    """

    question: str
    answer: str
    reasoning: str = ""
    order: float = 1000.0
    metric: str | None = None
    chance: float | dict[str, float] | None = None
    ideal: float | dict[str, float] | None = None
    also: list[str] = field(default_factory=list)
    plot: Plot = field(default_factory=Plot)
    few: str = ""

    def scale(self, evaluation: str) -> tuple[float, float] | None:
        """Return chance and the ideal player under an evaluation; None where they are not known."""
        chance, ideal = (
            level.get(evaluation) if isinstance(level, Mapping) else level for level in (self.chance, self.ideal)
        )
        return None if chance is None or ideal is None else (chance, ideal)


@dataclass(frozen=True)
class GridFile:
    """The content of a grid's file.

    Args:
        seeds: one training of each condition for each.
        axes: the differences between conditions; the first one varies slowest.
        metrics: the metrics of the table; differences are taken of the first.
        config: file of the config, unless a level names another.
        options: of every training.
        stages: stages that conditions use.
        evaluations: options of the tests, by name.
        only: the conditions to keep, if not the whole product.
        skip: conditions to leave out; may name evaluations too.
        exceptions: conditions with other settings.
        additions: further settings of conditions that are no exceptions, in order; a later one overrides an earlier.
        baseline: levels of the condition that others are compared with; the other levels stay the same.
        curves: metrics of the trainings that are kept step by step, in a separate CSV.
        regret_by_pull: whether the regret of tests is kept by exposure and pull, in a separate CSV.
        report: the grid's section in the report; None leaves it out.
    """

    seeds: list[int]
    axes: dict[str, Axis]
    metrics: list[str]
    config: str | None = None
    options: Options = field(default_factory=dict)
    stages: dict[str, Stage] = field(default_factory=dict)
    evaluations: dict[str, Options] = field(default_factory=lambda: {"test": {}})
    only: list[Selector] = field(default_factory=list)
    skip: list[Selector] = field(default_factory=list)
    exceptions: list[Replacement] = field(default_factory=list)
    additions: list[Addition] = field(default_factory=list)
    baseline: dict[str, Scalar] = field(default_factory=dict)
    curves: list[str] = field(default_factory=list)
    regret_by_pull: bool = False
    report: Report | None = None

"""Plot of the keys and values of a memory in two dimensions, by label and by best arm."""

from matplotlib.figure import Figure

from episodic.plots.memory.memory_contents import MemoryContents
from episodic.plots.planes import distinct_count, pca_plane, tsne_plane
from episodic.plots.scatter import PANEL, Classes, draw_plane
from episodic.plots.style import new_figure


def plot_memory_map(contents: MemoryContents, *, tsne: bool = True) -> Figure:
    """Plot keys (upper row) and values (lower row) by principal components and t-SNE.

    Args:
        contents: of one environment; without `best_arms` points are distinguished only by label.
        tsne: whether to plot t-SNE, which takes seconds.
    """
    classes = [Classes("label", contents.labels)]
    if contents.best_arms is not None:
        classes.append(Classes("best arm", contents.best_arms))
    methods = ("PCA", "t-SNE") if tsne else ("PCA",)
    columns = len(methods) * len(classes)
    figure = new_figure(PANEL * columns + 1.3, 2 * PANEL + 0.9, 2, columns)
    panels = list(figure.axes)
    coincided = False
    for row, (name, vectors) in enumerate((("keys", contents.keys), ("values", contents.values))):
        planes = [pca_plane(vectors, contents.centres if name == "keys" else None)]
        if tsne:
            planes.append(tsne_plane(vectors))
        for column, ((method, plane), by) in enumerate(
            (pair, by) for pair in zip(methods, planes, strict=True) for by in classes
        ):
            axes = panels[row * columns + column]
            axes.set_title(f"{name}: {method}, by {by.title}", fontsize=9)
            coincided |= draw_plane(axes, plane, by)
    for by, corner in reversed(list(zip(classes, ("upper", "lower"), strict=False))):  # bars: the later one is inside
        by.explain(figure, panels, "upper" if corner == "upper" else "lower")
    figure.suptitle(_title(contents, coincided), fontsize=11)
    return figure


def _title(contents: MemoryContents, coincided: bool) -> str:
    notes = [f"distinct keys: {distinct_count(contents.keys)}, distinct values: {distinct_count(contents.values)}"]
    if coincided:
        notes.append("points that coincide are spread out")
    if contents.centres is not None:
        notes.append("crosses: cluster centres")
    return f"Memory in two dimensions\n{contents.title}\n{'; '.join(notes)}"

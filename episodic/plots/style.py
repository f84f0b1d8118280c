"""What all pictures have in common."""

from matplotlib.figure import Figure


def new_figure(width: float, height: float, rows: int = 1, columns: int = 1) -> Figure:
    """An empty figure, inches wide and high, that needs no screen."""
    figure = Figure(figsize=(width, height), layout="constrained")
    figure.subplots(rows, columns)
    return figure

"""One-line errors for invalid input, instead of a traceback."""

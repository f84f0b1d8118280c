"""The loggers of a run: ours, and those of the configuration beside them."""

"""CSVs of results through pandas; intervals and comparisons."""

"""The report and the reproduction page, with their plots."""

"""Plots of the contents and the reads of a memory."""

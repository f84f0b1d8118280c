"""Plots of agents at their tasks."""

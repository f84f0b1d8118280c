"""Callbacks that plot what a run does."""

"""Plots of what encoders and autoencoders make of their inputs."""

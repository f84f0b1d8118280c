"""What goes along with an exported encoder: its card, and where it comes from."""

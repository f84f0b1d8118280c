"""The model card of an exported encoder, and its origin."""

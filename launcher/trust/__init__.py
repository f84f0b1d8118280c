"""What a config that is picked up beside a checkpoint may name."""

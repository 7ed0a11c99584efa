"""Models: the blocks they share and one folder per model."""

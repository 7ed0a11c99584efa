"""No model: Wav2Vec2 itself is not part of this package, only what its pre-training shares with the models that are."""

"""Wav2Vec2-Conformer: configuration and models."""

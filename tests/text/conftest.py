"""The backends as a fixture."""

from backends import backend

__all__ = ["backend"]

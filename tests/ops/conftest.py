"""Every test of an operation that takes `backend` runs on each backend."""

from backends import backend

__all__ = ["backend"]

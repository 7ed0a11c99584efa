"""Every test that takes `backend` runs on each backend."""

from backends import backend

__all__ = ["backend"]

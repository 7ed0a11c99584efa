"""The fixture `backend` for tests of arrays."""

from backends import backend

__all__ = ["backend"]

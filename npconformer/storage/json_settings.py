"""Settings that are written as JSON, in a text or a file, as transformers names it."""

from __future__ import annotations

import os
from typing import Any

from npconformer.storage.files import json_text, write_json_atomically


class JsonSettings:
    """What has a `to_dict` of plain values."""

    def to_dict(self) -> dict[str, Any]:
        """All settings."""
        raise NotImplementedError(f"{type(self).__name__} has no to_dict")

    def to_json_string(self) -> str:
        """All settings as JSON."""
        return json_text(self.to_dict())

    def to_json_file(self, json_file_path: str | os.PathLike) -> None:
        """Write all settings to a file, whole or not at all."""
        write_json_atomically(json_file_path, self.to_dict())

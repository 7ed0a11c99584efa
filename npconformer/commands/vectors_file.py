"""Names and vectors as an .npz, which can only be written as a whole: until then they are kept in a hidden file.

The hidden file, a part (storage/parts.py), has a line of JSON for the target's name and one for each vector. It goes
when the .npz is there, also when the process is stopped; where the process was killed, the next one reads it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from npconformer.commands.documents import Asked, CannotGoOnError
from npconformer.commands.writing import open_file, to_json
from npconformer.storage.parts import dead_parts, make_part, part_name

KEPT = "kept"


class VectorsFile:
    """The .npz of `asked`, the recordings; methods as of GrowingFile.

    size: gives the D of vectors (D,) where there are none.
    keep: go on with what the file, and what a killed process left, hold already. Raises CannotGoOnError where that
    is something else.
    """

    def __init__(self, path: str, size: Callable[[], int], asked: Sequence[Asked], keep: bool = False) -> None:
        self.path = os.path.realpath(path) if os.path.islink(path) else path
        self.asked, self.size = asked, size
        self.ordinary = os.path.isfile(self.path) or not os.path.exists(self.path)
        self.vectors: dict[str, Any] = {}  # by names
        self.part: Path | None = None
        self.descriptor = -1
        self.found = False  # a finished file to go on with
        self.left = self._left_behind() if self.ordinary else []
        if keep and self.ordinary:
            self._read_finished()
            for part in self.left:
                self._read_part(part)

    @property
    def done(self) -> set[int]:
        """The places in `asked` of the recordings that need not be asked again."""
        return {place for place, one in enumerate(self.asked) if one.name in self.vectors}

    def add(self, place: int, result: Any) -> None:
        """Keep the vector of the recording asked at this place."""
        if isinstance(result, Exception):
            return
        known = next((len(vector) for vector in self.vectors.values()), len(result))
        if len(result) != known:
            raise CannotGoOnError(f"{self.path} holds vectors of {known} numbers, and this model's have {len(result)}")
        name = self.asked[place].name
        self.vectors[name] = result
        if self.ordinary:
            if self.part is None:
                self.part = part_name(Path(self.path), KEPT)
                self.descriptor = make_part(self.part)
                self._keep({"target": os.path.basename(self.path)})
                for other, vector in list(self.vectors.items())[:-1]:
                    self._keep_vector(other, vector)
                while self.left:  # all that they hold is in the new one
                    self.left.pop().unlink(missing_ok=True)
            self._keep_vector(name, result)

    def close(self, stopped: bool = False) -> None:
        """Write the .npz and let go what was kept. stopped: by an error or a signal."""
        try:
            if self.part is not None or self.left or not (stopped or self.found):
                self._write()
            for part in self.left:
                part.unlink(missing_ok=True)
        finally:
            if self.part is not None:
                os.close(self.descriptor)
                self.part.unlink(missing_ok=True)
                self.part = None

    def _write(self) -> None:
        import numpy as np

        order = {one.name: place for place, one in enumerate(self.asked)}
        names = sorted(self.vectors, key=lambda name: order.get(name, -1))
        size = next((len(vector) for vector in self.vectors.values()), None)
        size = self.size() if size is None else size
        embeddings = np.array([self.vectors[name] for name in names], np.float32).reshape(len(names), size)
        with open_file(self.path) as file:
            np.savez(file, files=np.array(names, dtype=str), embeddings=embeddings)

    def _keep_vector(self, name: str, vector: Any) -> None:
        self._keep({"file": name, "embedding": [float(f"{number:.9g}") for number in vector.tolist()]})

    def _keep(self, entry: dict[str, Any]) -> None:
        os.write(self.descriptor, (to_json(entry) + "\n").encode())

    def _left_behind(self) -> list[Path]:
        """What killed processes kept of this very file."""
        parts = dead_parts(Path(self.path).parent, KEPT)
        return [part for part in parts if _entries(part)[:1] == [{"target": os.path.basename(self.path)}]]

    def _read_part(self, part: Path) -> None:
        import numpy as np

        for entry in _entries(part)[1:]:
            self.vectors[entry["file"]] = np.array(entry["embedding"], np.float32)

    def _read_finished(self) -> None:
        import numpy as np

        if not os.path.isfile(self.path):
            return
        try:
            with np.load(self.path, allow_pickle=False) as saved:
                self.vectors = dict(zip(saved["files"].tolist(), saved["embeddings"]))
                self.found = True
        except (ValueError, OSError, KeyError, EOFError) as error:
            raise CannotGoOnError(f'{self.path} cannot be gone on with: no "files" and "embeddings" in it') from error


def _entries(part: Path) -> list[dict[str, Any]]:
    """The lines of a part that were written to their end."""
    entries = []
    for line in part.read_bytes().split(b"\n")[:-1]:
        try:
            entries.append(json.loads(line))
        except ValueError:
            break
    return entries

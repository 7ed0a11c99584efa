"""What all scorers have: they take answers one by one, and say at the end what they come to."""

from __future__ import annotations

from typing import Any, ClassVar

from npconformer.data.examples import Example

Row = dict[str, Any]


class Scorer:
    """Compares the answers of a pipeline with what is known of the examples.

    A subclass names the columns of its table, and says what is known of an example (`reference`), what is noted
    of an answer (`compare`), and what all of it comes to (`summary`, and `lines` in words).
    """

    columns: ClassVar[tuple[str, ...]]
    options: ClassVar[dict[str, Any]] = {}  # of the pipeline's calls

    def __init__(self, pipeline: Any) -> None:
        self.pipeline = pipeline
        self.rows: list[Row] = []

    def reference(self, example: Example) -> Any:
        """What the answer is compared with. Raises ValueError, saying why, when nothing is known."""
        raise NotImplementedError

    def compare(self, example: Example, reference: Any, answer: Any) -> Row:
        """The row of an example in the table, without its name."""
        raise NotImplementedError

    def add(self, example: Example, reference: Any, answer: Any) -> None:
        """Take one answer."""
        self.rows.append({"file": example.name, **self.compare(example, reference, answer)})

    def finish(self) -> None:
        """Complete the rows, once all answers are there."""

    def summary(self) -> dict[str, Any]:
        """The figures, by name. Raises ValueError when there is nothing to compute them from."""
        raise NotImplementedError

    def lines(self, summary: dict[str, Any]) -> list[str]:
        """The figures for people."""
        raise NotImplementedError


def percent(rate: float) -> str:
    """0.0213 -> "2.13 %"."""
    return f"{100 * rate:.2f} %"


def interval_in_words(interval: tuple[float, float] | list[float]) -> str:
    """(0.01, 0.03) -> "95 % interval 1.00 to 3.00 %"."""
    low, high = interval
    return f"95 % interval {100 * low:.2f} to {100 * high:.2f} %"

"""The texts that a figure really draws, and whether any lies over another or beyond its edge."""

from __future__ import annotations

import itertools
from typing import Any


def drawn_texts(figure: Any) -> list[tuple[str, Any]]:
    """[(text, its box in pixels), ...]. A figure also holds texts that it does not draw, of ticks beyond its axes."""
    from matplotlib.text import Text

    drawn, draw = [], Text.draw

    def record(text: Any, renderer: Any) -> None:
        drawn.append(text)
        draw(text, renderer)

    figure.canvas.draw()  # lays everything out
    Text.draw = record
    try:
        figure.canvas.draw()
    finally:
        Text.draw = draw
    texts = dict.fromkeys(text for text in drawn if text.get_text().strip() and text.get_visible())
    return [(text.get_text(), text.get_window_extent()) for text in texts]


def assert_texts_are_apart(figure: Any) -> None:
    """Nothing is over anything else, and everything is inside the figure."""
    boxes, inside = drawn_texts(figure), figure.bbox
    assert boxes
    for name, box in boxes:
        assert box.x0 >= inside.x0 - 1 and box.x1 <= inside.x1 + 1, name
        assert box.y0 >= inside.y0 - 1 and box.y1 <= inside.y1 + 1, name
    for (name, box), (other, other_box) in itertools.combinations(boxes, 2):
        wide = min(box.x1, other_box.x1) - max(box.x0, other_box.x0)
        high = min(box.y1, other_box.y1) - max(box.y0, other_box.y0)
        assert wide < 1 or high < 2.5, (name, other)  # boxes have room above small letters

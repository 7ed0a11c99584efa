"""Make the frozen SentencePiece models, with the library of that name.

    python tests/make_sentencepiece_cases.py

writes reference_cases/sentencepiece/KIND.model, as `tokenizer.model` is, and in KIND.json the library's own "pieces" in
the order of their ids, and "texts", each with the ids of the pieces that the library splits it into.
"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "reference_cases/sentencepiece"
TEXTS = [
    "the californian came in the night and the day",
    "zero one two three four five six seven eight nine",
    "she said it's fine for seven nights and days",
    "über den straßen und häusern steht die sonne",
    "in nine days the californians came and said nothing",
]
# Without <s> and </s>, as NeMo trains tokenizers; and with all that there can be. Letters are taken as they are: the
# table that SentencePiece otherwise writes into each model takes 240 KB.
KINDS: dict[str, dict[str, Any]] = {
    "unigram": {"model_type": "unigram", "vocab_size": 50, "bos_id": -1, "eos_id": -1},
    "bpe": {"model_type": "bpe", "vocab_size": 60, "bos_id": -1, "eos_id": -1},
    "special": {"model_type": "unigram", "vocab_size": 308, "byte_fallback": True, "user_defined_symbols": ["<laugh>"]},
}


def train(kind: str) -> bytes:
    """The bytes of one model."""
    import sentencepiece

    written = io.BytesIO()
    settings = {"normalization_rule_name": "identity", "minloglevel": 2, **KINDS[kind]}
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(TEXTS * 20), model_writer=written, **settings)
    return written.getvalue()


def what_the_library_says(model: bytes) -> dict[str, Any]:
    """What stands beside a model."""
    import sentencepiece

    library = sentencepiece.SentencePieceProcessor(model_proto=model)
    texts = [*TEXTS, "  two\tspaces  ", "<laugh> nine", "xyz", ""]
    return {
        "pieces": [library.id_to_piece(index) for index in range(library.get_piece_size())],
        "texts": [[text, library.encode(text)] for text in texts],
    }


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for kind in KINDS:
        model = train(kind)
        (FOLDER / f"{kind}.model").write_bytes(model)
        said = json.dumps(what_the_library_says(model), ensure_ascii=False, indent=1)
        (FOLDER / f"{kind}.json").write_text(said + "\n", encoding="utf-8")

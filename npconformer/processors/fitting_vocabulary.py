"""Whether a tokenizer's tokens are the classes that a model tells apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from npconformer.text.tokenizer_files import VOCABULARY_FILE


def check_vocabulary(tokenizer: Any, classes: int) -> None:
    """Raise a ValueError unless every class of the model is a token, and every token a class.

    Special tokens may lie beyond the model's classes: tokenizers add <s> and </s> where the vocabulary lacks them.
    """
    vocabulary = tokenizer.get_vocab()
    nameless = sorted(set(range(classes)) - set(vocabulary.values()))
    special = set(tokenizer.all_special_tokens)
    beyond = [token for token, index in vocabulary.items() if index >= classes and token not in special]
    if nameless:
        problem = f"has {len(vocabulary)} tokens, and none for {len(nameless)} of them, such as {nameless[0]}"
    elif beyond:
        problem = f"has {len(vocabulary)} tokens, and {len(beyond)} of them, such as {beyond[0]!r}, are no class"
    else:
        return
    where = f", not {Path(tokenizer.name_or_path, VOCABULARY_FILE)}" if tokenizer.name_or_path else ""
    raise ValueError(
        f"the model tells {classes} classes apart (vocab_size), and the tokenizer {problem}: use the tokenizer, with "
        f"the {VOCABULARY_FILE}, that the model was trained with{where}"
    )

"""Texts to ids: splitting into tokens, cutting and padding, the masks beside the ids.

Lesson: notebooks/05_ctc.ipynb
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from npconformer.arrays.batch_feature import (
    BatchEncoding,
    check_padding,
    check_return_tensors,
    check_truncation,
    round_up,
)
from npconformer.storage.messages import shown
from npconformer.text.vocabulary import Vocabulary

UNLIMITED = int(1e30)  # what transformers writes for model_max_length when there is no limit
NO_PAIRS = "a CTC tokenizer has no pairs of texts: join them, or give the second as text_target, which makes labels"


class TextEncoder(Vocabulary):
    """The part of the tokenizer that reads texts; `Wav2Vec2CTCTokenizer` says what its settings are."""

    model_input_names: Sequence[str] = ("input_ids", "attention_mask")
    split_special_tokens: bool = False
    do_lower_case: bool
    padding_side: str
    truncation_side: str
    model_max_length: int

    def tokenize(
        self,
        text: str,
        is_split_into_words: bool = False,
        add_special_tokens: bool = True,
        split_special_tokens: bool | None = None,
    ) -> list[str]:
        """Split a text into tokens: added tokens whole, the rest by character, spaces as word delimiters.

        is_split_into_words: the text is a word with others before it. add_special_tokens changes nothing: CTC has none
        to add. split_special_tokens: split added tokens by character, too; None is the tokenizer's own setting.
        """
        if not isinstance(text, str):
            raise ValueError(f"text must be a string, got {type(text).__name__}")
        text = " " + text if is_split_into_words else text
        split = self.split_special_tokens if split_special_tokens is None else split_special_tokens
        tokens = []
        for piece, kept_whole in [(text, False)] if split else self.split_on_added_tokens(text):
            if kept_whole:
                tokens.append(piece)
                continue
            piece = piece.upper() if self.do_lower_case else piece
            delimiter = self.word_delimiter_token
            tokens.extend(piece if delimiter is None else piece.replace(" ", delimiter))
        return tokens

    def encode(self, text: str | list[str] | list[int], **options: Any) -> Any:
        """The ids of one text (or of a list of tokens); options as in calling the tokenizer."""
        if not isinstance(text, str) and any(isinstance(item, list | tuple) for item in text):
            raise ValueError("encode takes one text; call the tokenizer for several")
        if not isinstance(text, str) and not options.get("is_split_into_words"):
            text = self.convert_tokens_to_ids([*text]) if text and isinstance(text[0], str) else [*text]
        ids = self(text, **options)["input_ids"]
        return ids[0] if isinstance(ids, list) and ids and isinstance(ids[0], list) else ids

    def __call__(
        self,
        text: Any = None,
        text_pair: Any = None,
        text_target: Any = None,
        *,
        add_special_tokens: bool = True,
        padding: bool | str = False,
        truncation: bool | str | None = None,
        max_length: int | None = None,
        stride: int = 0,
        is_split_into_words: bool = False,
        pad_to_multiple_of: int | None = None,
        padding_side: str | None = None,
        return_tensors: str | None = None,
        return_token_type_ids: bool | None = None,
        return_attention_mask: bool | None = None,
        return_overflowing_tokens: bool = False,
        return_special_tokens_mask: bool = False,
        return_offsets_mapping: bool = False,
        return_length: bool = False,
        split_special_tokens: bool | None = None,
        verbose: bool = True,
    ) -> BatchEncoding:
        """Turn one text, or a list of texts, into `input_ids` and `attention_mask`.

        text_target: texts whose ids become `labels`; without text they are read as text is. padding, max_length,
        pad_to_multiple_of as in the feature extractor; padding fills with pad_token_id, which a CTC loss takes for the
        blank: set those labels to -100. truncation=True cuts at max_length, and so does max_length alone when neither
        padding nor truncation is given. is_split_into_words: a list of strings is one text, in words. return_tensors:
        None gives lists, "np" int64 arrays, "pt" tensors of torch's, with a leading axis of 1 for a single text. A list
        of ids is taken as it is.

        Further entries: return_length adds `length`, before padding; return_token_type_ids zeros; and
        return_special_tokens_mask what tells padding, 1, from the rest. add_special_tokens, stride and verbose change
        nothing: CTC has no tokens to add at the ends.

        Raises ValueError for what is no text, for pairs of texts, and for offsets and overflowing tokens.
        """
        if text_pair is not None:
            raise ValueError(f"text_pair: {NO_PAIRS}")
        if return_offsets_mapping:
            raise ValueError(
                "return_offsets_mapping: a token is a letter; decode(..., output_char_offsets=True) has frames"
            )
        if return_overflowing_tokens:
            raise ValueError("return_overflowing_tokens is not offered: without truncation nothing is cut")
        if text is None and text_target is None:
            raise ValueError("give text or text_target")
        return_tensors = check_return_tensors(return_tensors)

        def read(texts: Any) -> BatchEncoding:
            single = _is_single(texts, is_split_into_words)
            ids = [self._to_ids(one, split_special_tokens) for one in ([texts] if single else texts)]
            ids = self._cut(ids, truncation, max_length, padding)
            entries: dict[str, Any] = {"input_ids": ids}
            if self._is_entry("token_type_ids", return_token_type_ids):
                entries["token_type_ids"] = [[0] * len(one) for one in ids]
            if return_special_tokens_mask:
                entries["special_tokens_mask"] = [[0] * len(one) for one in ids]
            if return_length:
                entries["length"] = [len(one) for one in ids]
            how = dict(padding=padding, max_length=max_length, pad_to_multiple_of=pad_to_multiple_of)
            batch = self.pad(
                entries,
                **how,
                padding_side=padding_side,
                return_attention_mask=return_attention_mask,
                return_tensors=return_tensors,
            )
            return _first(batch) if single and return_tensors is None else batch

        batch = read(text_target if text is None else text)
        if text is not None and text_target is not None:
            batch["labels"] = read(text_target)["input_ids"]
        return batch

    def _to_ids(self, text: Any, split_special_tokens: bool | None) -> list[int]:
        """One text, one list of words, or one list of ids, as ids."""
        if not isinstance(text, str) and (len(text) == 0 or not isinstance(text[0], str)):
            return [int(index) for index in text]
        words = [text] if isinstance(text, str) else text
        tokens = [token for word in words for token in self.tokenize(word, split_special_tokens=split_special_tokens)]
        ids = self.convert_tokens_to_ids(tokens)
        if None in ids:
            raise ValueError(f"{shown(text)} has characters out of the vocabulary, and there is no unk_token")
        return ids

    def _cut(self, ids: list[list[int]], truncation: Any, max_length: int | None, padding: Any) -> list[list[int]]:
        if truncation is None:
            truncation = max_length is not None and check_padding(padding) == "do_not_pad"
        if not check_truncation(truncation):
            return ids
        limit = max_length or min(self.model_max_length, UNLIMITED)
        return [one[:limit] if self.truncation_side == "right" else one[-limit:] for one in ids]

    def pad(
        self,
        encoded_inputs: Any,
        padding: bool | str = True,
        max_length: int | None = None,
        pad_to_multiple_of: int | None = None,
        padding_side: str | None = None,
        return_attention_mask: bool | None = None,
        return_tensors: str | None = None,
        verbose: bool = True,
    ) -> BatchEncoding:
        """Bring id sequences to one length with pad_token_id; arguments as in calling the tokenizer.

        encoded_inputs: a dict with `input_ids` (one sequence or a list of them), or a list of dicts of one
        each. Masks and token types that come with them are filled, too; other entries, such as labels, come back as
        they are. Arrays, or torch's tensors, give such.
        """
        return_tensors = check_return_tensors(return_tensors)
        strategy = check_padding(padding)
        given = _by_name(encoded_inputs)
        if "input_ids" not in given:
            raise ValueError(f"expected an entry 'input_ids', got {sorted(given)}")
        ids = given["input_ids"]
        single = len(ids) > 0 and np.ndim(ids[0]) == 0  # one bare sequence
        if single:
            given = {name: [value] for name, value in given.items()}
        return_tensors = return_tensors or _kind_of(given["input_ids"])
        ids = given["input_ids"] = [[int(index) for index in one] for one in given["input_ids"]]
        for name in ("attention_mask", "token_type_ids", "special_tokens_mask"):
            if name in given:
                given[name] = [[int(one) for one in row] for row in given[name]]
                if [*map(len, given[name])] != [*map(len, ids)]:
                    raise ValueError(f"{name} and input_ids must have the same lengths")
        if self._is_entry("attention_mask", return_attention_mask) and "attention_mask" not in given:
            given["attention_mask"] = [[1] * len(one) for one in ids]
        length = None
        if strategy == "max_length":
            length = max_length or (self.model_max_length if self.model_max_length < UNLIMITED else None)
        elif strategy == "longest":
            length = max(map(len, ids), default=0)
        if length is not None:
            self._fill(given, round_up(length, pad_to_multiple_of), (padding_side or self.padding_side) == "left")
        batch = BatchEncoding(given)
        if return_tensors is not None:
            return batch.convert_to_tensors(return_tensors)
        return _first(batch) if single else batch

    def _is_entry(self, name: str, asked_for: bool | None) -> bool:
        """Whether a batch has that entry: as asked for, or, for None, as the model takes it."""
        return name in self.model_input_names if asked_for is None else asked_for

    def _fill(self, given: dict[str, Any], length: int, left: bool) -> None:
        """Lengthen the rows of what has an entry for each token."""
        if self.pad_token_id is None:
            raise ValueError("padding needs a pad_token, and this tokenizer has none")
        values = {"input_ids": self.pad_token_id, "attention_mask": 0, "token_type_ids": 0, "special_tokens_mask": 1}
        for name, value in values.items():
            if name in given:
                given[name] = [_fill(row, length, value, left) for row in given[name]]


def _is_single(texts: Any, is_split_into_words: bool) -> bool:
    """Whether it is one text, in characters, in words or in ids, and not a list of them. ValueError for neither."""
    if isinstance(texts, str):
        return True
    if not isinstance(texts, list | tuple | np.ndarray):
        raise ValueError(f"text must be a string or a list of strings, got {type(texts).__name__}")
    if len(texts) == 0:
        return False
    return isinstance(texts[0], int | np.integer) or (is_split_into_words and isinstance(texts[0], str))


def _by_name(encoded_inputs: Any) -> dict[str, Any]:
    """A list of sequences, each a dict, as one dict of lists."""
    if isinstance(encoded_inputs, Mapping):
        return dict(encoded_inputs)
    names = [*encoded_inputs[0]] if len(encoded_inputs) else []
    for i, one in enumerate(encoded_inputs):
        if set(one) != set(names):
            raise ValueError(f"sequence {i} has the entries {sorted(one)}, and sequence 0 has {sorted(names)}")
    return {name: [one[name] for one in encoded_inputs] for name in names}


def _kind_of(ids: Any) -> str | None:
    """Which tensors the sequences are: "np", "pt", or None for lists."""
    if len(ids) and type(ids[0]).__module__ == "torch":
        return "pt"
    return "np" if isinstance(ids, np.ndarray) or (len(ids) and isinstance(ids[0], np.ndarray)) else None


def _first(batch: BatchEncoding) -> BatchEncoding:
    return BatchEncoding({name: rows[0] for name, rows in batch.items()})


def _fill(row: list[int], length: int, value: int, left: bool) -> list[int]:
    padding = [value] * (length - len(row))
    return padding + row if left else row + padding

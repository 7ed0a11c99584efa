"""The CTC tokenizer: characters to ids for labels, and ids of frames back to text.

Its vocabulary maps tokens, mostly single characters, to ids. The pad token is CTC's blank, the word
delimiter (`|`) stands for the space. Reading a text collapses nothing, so CARRY has five ids; decoding
collapses repeats, because it reads frames. To decode labels rather than frames, pass `group_tokens=False`:
with it on, CARRY comes back as CARY.

Lesson: notebooks/05_ctc.ipynb
"""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from npconformer.arrays.batch_feature import BatchFeature, check_padding, check_return_tensors, round_up
from npconformer.storage.files import make_folder, write_json_atomically
from npconformer.storage.hub_options import HubOptions, without_secrets
from npconformer.storage.messages import shown
from npconformer.text.ctc_decoding import Span, cut, group_words, runs
from npconformer.text.tokenizer_files import (
    ADDED_TOKENS_FILE,
    SETTINGS_FILE,
    VOCABULARY_FILE,
    read_settings,
    tokenizer_folder,
)
from npconformer.text.tokenizer_output import Wav2Vec2CTCTokenizerOutput, offsets, tidy_punctuation
from npconformer.text.tokenizer_settings import UNLIMITED, longest_text, take_side, take_special_tokens
from npconformer.text.vocabulary import Vocabulary


class Wav2Vec2CTCTokenizer(Vocabulary):
    """Characters to ids and back; see the module's text.

    vocab: path of a vocab.json, or a dict from token to id; with target_lang, a dict of such dicts by
    language. replace_word_delimiter_char: what the word delimiter becomes in decoded text. do_lower_case:
    texts are read in upper case and decoded to lower case. Special tokens missing from the vocabulary get
    ids after its last one. Settings that are not known here are kept and saved again.
    """

    model_input_names = ("input_ids", "attention_mask")

    def __init__(
        self,
        vocab: str | os.PathLike | Mapping[str, Any] | None = None,
        bos_token: str | None = "<s>",
        eos_token: str | None = "</s>",
        unk_token: str | None = "<unk>",
        pad_token: str | None = "<pad>",
        word_delimiter_token: str | None = "|",
        replace_word_delimiter_char: str = " ",
        do_lower_case: bool = False,
        target_lang: str | None = None,
        *,
        vocab_file: str | os.PathLike | None = None,
        **settings: Any,
    ) -> None:
        vocab = vocab if vocab is not None else vocab_file
        if vocab is None:
            raise ValueError("vocab is missing: give the path of a vocab.json or a dict from token to id")
        if not isinstance(do_lower_case, bool):
            raise ValueError(f"do_lower_case must be true or false, got {shown(do_lower_case)}")
        if not isinstance(replace_word_delimiter_char, str):
            raise ValueError(f"replace_word_delimiter_char must be a string, got {shown(replace_word_delimiter_char)}")
        if not isinstance(target_lang, str | None):
            raise ValueError(f"target_lang must be a string or None, got {shown(target_lang)}")
        self.do_lower_case = do_lower_case
        self.replace_word_delimiter_char = replace_word_delimiter_char

        self.padding_side = take_side("padding_side", settings)
        self.truncation_side = take_side("truncation_side", settings)
        self.model_max_length = longest_text(settings.pop("model_max_length", None))
        self.clean_up_tokenization_spaces = bool(settings.pop("clean_up_tokenization_spaces", False))

        named = dict(bos_token=bos_token, eos_token=eos_token, unk_token=unk_token, pad_token=pad_token)
        named, extra, added = take_special_tokens(named, word_delimiter_token, settings)
        self._unknown_settings = without_secrets(settings)
        super().__init__(vocab, named, extra, added, target_lang)

    def __repr__(self) -> str:
        language = f", target_lang={self.target_lang!r}" if self.target_lang else ""
        return f"{type(self).__name__}(vocab_size={self.vocab_size}, special tokens {self._named}{language})"

    # ---- text to ids

    def tokenize(self, text: str, is_split_into_words: bool = False) -> list[str]:
        """Split a text into tokens: added tokens whole, the rest by character, spaces as word delimiters."""
        if not isinstance(text, str):
            raise ValueError(f"text must be a string, got {type(text).__name__}")
        tokens = []
        for piece, kept_whole in self.split_on_added_tokens(" " + text if is_split_into_words else text):
            if kept_whole:
                tokens.append(piece)
                continue
            piece = piece.upper() if self.do_lower_case else piece
            delimiter = self.word_delimiter_token
            tokens.extend(piece if delimiter is None else piece.replace(" ", delimiter))
        return tokens

    def encode(self, text: str | list[str] | list[int], **options: Any) -> list[int]:
        """The ids of one text (or of a list of tokens); options as in calling the tokenizer."""
        if not isinstance(text, str) and any(isinstance(item, list | tuple) for item in text):
            raise ValueError("encode takes one text; call the tokenizer for several")
        if not isinstance(text, str):
            text = self.convert_tokens_to_ids([*text]) if text and isinstance(text[0], str) else [*text]
        ids = self(text, **options)["input_ids"]
        return ids[0] if isinstance(ids, list) and ids and isinstance(ids[0], list) else ids

    def __call__(
        self,
        text: str | list[str] | list[int] | list[list[int]],
        padding: bool | str = False,
        truncation: bool | str | None = None,
        max_length: int | None = None,
        pad_to_multiple_of: int | None = None,
        padding_side: str | None = None,
        return_attention_mask: bool | None = None,
        return_tensors: str | None = None,
        is_split_into_words: bool = False,
    ) -> BatchFeature:
        """Turn one text, or a list of texts, into `input_ids` and `attention_mask`.

        padding, max_length, pad_to_multiple_of as in the feature extractor; padding fills with pad_token_id,
        which a CTC loss takes for the blank: set those labels to -100. truncation=True cuts at max_length,
        and so does max_length alone when neither padding nor truncation is given. return_tensors: None gives
        lists, "np" int64 arrays, with a leading axis of 1 for a single text. A list of ids is taken as it
        is.
        """
        check_return_tensors(return_tensors)
        if not isinstance(text, str | list | tuple | np.ndarray):
            raise ValueError(f"text must be a string or a list of strings, got {type(text).__name__}")
        single = isinstance(text, str) or (len(text) > 0 and isinstance(text[0], int | np.integer))
        ids = [self._text_to_ids(one, is_split_into_words) for one in ([text] if single else text)]
        if truncation is None:
            truncation = max_length is not None and check_padding(padding) == "do_not_pad"
        limit = max_length or min(self.model_max_length, UNLIMITED)
        if truncation and truncation != "do_not_truncate":
            ids = [one[:limit] if self.truncation_side == "right" else one[-limit:] for one in ids]
        batch = self.pad(
            {"input_ids": ids},
            padding=padding,
            max_length=max_length,
            pad_to_multiple_of=pad_to_multiple_of,
            padding_side=padding_side,
            return_attention_mask=return_attention_mask,
            return_tensors=return_tensors,
        )
        if single and return_tensors is None:
            return BatchFeature({name: rows[0] for name, rows in batch.items()})
        return batch

    def _text_to_ids(self, text: Any, is_split_into_words: bool) -> list[int]:
        if not isinstance(text, str):
            return [int(index) for index in text]
        ids = self.convert_tokens_to_ids(self.tokenize(text, is_split_into_words))
        if None in ids:
            raise ValueError(f"{shown(text)} has characters out of the vocabulary, and there is no unk_token")
        return ids

    def pad(
        self,
        encoded_inputs: Any,
        padding: bool | str = True,
        max_length: int | None = None,
        pad_to_multiple_of: int | None = None,
        padding_side: str | None = None,
        return_attention_mask: bool | None = None,
        return_tensors: str | None = None,
    ) -> BatchFeature:
        """Bring id sequences to one length with pad_token_id; arguments as in calling the tokenizer.

        encoded_inputs: a dict with `input_ids` (one sequence or a list of them), or a list of dicts of one
        each.
        """
        check_return_tensors(return_tensors)
        strategy = check_padding(padding)
        if isinstance(encoded_inputs, list | tuple):
            encoded_inputs = {"input_ids": [one["input_ids"] for one in encoded_inputs]}
        if "input_ids" not in encoded_inputs:
            raise ValueError(f"expected an entry 'input_ids', got {sorted(encoded_inputs)}")
        ids = encoded_inputs["input_ids"]
        single = len(ids) > 0 and np.ndim(ids[0]) == 0  # one bare sequence
        ids = [[int(index) for index in one] for one in ([ids] if single else ids)]
        length = None
        if strategy == "max_length":
            length = max_length or (self.model_max_length if self.model_max_length < UNLIMITED else None)
        elif strategy == "longest":
            length = max(map(len, ids), default=0)
        masks = [[1] * len(one) for one in ids]
        if length is not None:
            if self.pad_token_id is None:
                raise ValueError("padding needs a pad_token, and this tokenizer has none")
            length = round_up(length, pad_to_multiple_of)
            left = (padding_side or self.padding_side) == "left"
            ids = [_fill(one, length, self.pad_token_id, left) for one in ids]
            masks = [_fill(one, length, 0, left) for one in masks]
        batch = BatchFeature(input_ids=ids)
        if return_attention_mask is None or return_attention_mask:
            batch["attention_mask"] = masks
        if return_tensors == "np":
            lengths = sorted({len(one) for one in ids})
            if len(lengths) > 1:
                raise ValueError(
                    f'return_tensors="np" needs texts of one length, got lengths from {lengths[0]} to '
                    f"{lengths[-1]}; pass padding=True"
                )
            return BatchFeature({name: np.asarray(rows, np.int64) for name, rows in batch.items()})
        return BatchFeature({name: rows[0] for name, rows in batch.items()}) if single else batch

    # ---- ids to text

    def decode(
        self,
        token_ids: Any,
        skip_special_tokens: bool = False,
        clean_up_tokenization_spaces: bool | None = None,
        output_char_offsets: bool = False,
        output_word_offsets: bool = False,
        group_tokens: bool = True,
        spaces_between_special_tokens: bool = False,
    ) -> str | Wav2Vec2CTCTokenizerOutput:
        """Read the text from one utterance's ids (T,), one per frame.

        Runs of one id are merged (unless group_tokens=False, for labels), the blank is dropped, word
        delimiters become spaces. An id that is no token's is read as unk_token, and is a ValueError where there is
        none. With output_char_offsets or output_word_offsets the result is a
        Wav2Vec2CTCTokenizerOutput.

        skip_special_tokens also drops <s>, </s>, <unk> and other special tokens, but not the word delimiter.
        They are dropped after runs are merged; transformers 5.23 drops them, the blank among them, before,
        and so reads HELLO as HELO and counts offsets in the frames that are left.
        """
        ids = self.canonical_ids(token_ids)
        if group_tokens:
            ids, starts, ends = runs(ids)
        else:
            starts, ends = np.arange(len(ids)), np.arange(1, len(ids) + 1)
        dropped = {self.pad_token}
        if skip_special_tokens:
            dropped.update(self.all_special_tokens)
            dropped.discard(self.word_delimiter_token)
        characters = []
        for index, start, end in zip(ids.tolist(), starts.tolist(), ends.tolist()):
            token = self._token(index)
            if token in dropped:
                continue
            is_delimiter = token == self.word_delimiter_token
            characters.append(Span(self.replace_word_delimiter_char if is_delimiter else token, start, end))

        text = (" " if spaces_between_special_tokens else "").join(c.text for c in characters).strip()
        text = text.lower() if self.do_lower_case else text
        if clean_up_tokenization_spaces is None:
            clean_up_tokenization_spaces = self.clean_up_tokenization_spaces
        text = tidy_punctuation(text) if clean_up_tokenization_spaces else text
        if not (output_char_offsets or output_word_offsets):
            return text
        output = Wav2Vec2CTCTokenizerOutput(text)
        if output_char_offsets:
            output.char_offsets = [offsets("char", character) for character in characters]
        if output_word_offsets:
            words = group_words(characters, self.replace_word_delimiter_char)
            output.word_offsets = [offsets("word", word) for word in words]
        return output

    def batch_decode(
        self, sequences: Any, *, lengths: Any = None, **options: Any
    ) -> list[str] | Wav2Vec2CTCTokenizerOutput:
        """Decode several utterances; options as in `decode`.

        sequences: ids (B, T), or a list of sequences. lengths: number of real frames of each utterance (B,).
        Give it for a padded batch, whose last frames hold garbage. With offsets asked for, the result is one
        Wav2Vec2CTCTokenizerOutput whose fields are lists.
        """
        decoded = [self.decode(one, **options) for one in cut(sequences, lengths)]
        if not (options.get("output_char_offsets") or options.get("output_word_offsets")):
            return decoded
        fields = ["text"] + [n for n in ("char_offsets", "word_offsets") if options.get(f"output_{n}")]
        return Wav2Vec2CTCTokenizerOutput(**{name: [getattr(one, name) for one in decoded] for name in fields})

    # ---- files

    @classmethod
    def from_pretrained(cls, folder: str | os.PathLike, **overrides: Any) -> Wav2Vec2CTCTokenizer:
        """Load vocab.json and the settings beside it, from a folder or from a repository at the hub.

        `overrides` replace single settings; those that `HubOptions` names, such as revision and token, are about the
        hub instead.

        Settings come from tokenizer_config.json; for old checkpoints, whose file lists no added tokens, also
        from special_tokens_map.json and added_tokens.json. Raises FileNotFoundError when there is no
        vocab.json, and ValueError, naming the file, for one that is damaged or has settings of the wrong
        type.
        """
        folder = tokenizer_folder(folder, HubOptions.take(overrides))
        if not (folder / VOCABULARY_FILE).is_file():
            raise FileNotFoundError(f"{folder} has no tokenizer: no {VOCABULARY_FILE}")
        settings = read_settings(folder)
        try:
            return cls(folder / VOCABULARY_FILE, **{**settings, **overrides})
        except (TypeError, ValueError) as error:  # TypeError: a setting called "self"
            if str(folder / VOCABULARY_FILE) in str(error):
                raise
            raise ValueError(f"{folder / SETTINGS_FILE}: {error}") from error

    def save_pretrained(self, folder: str | os.PathLike) -> list[str]:
        """Write vocab.json and tokenizer_config.json (and added_tokens.json, if any) into `folder`.

        transformers reads them. Returns the paths written.
        """
        folder = make_folder(folder)
        settings = {
            **copy.deepcopy(self._unknown_settings),
            **dict.fromkeys(("bos_token", "eos_token", "unk_token", "pad_token", "word_delimiter_token")),
            **self._named,
            "added_tokens_decoder": {str(i): token.to_dict() for i, token in sorted(self._added.items())},
            "clean_up_tokenization_spaces": self.clean_up_tokenization_spaces,
            "do_lower_case": self.do_lower_case,
            "model_max_length": self.model_max_length,
            "padding_side": self.padding_side,
            "replace_word_delimiter_char": self.replace_word_delimiter_char,
            "target_lang": self.target_lang,
            "tokenizer_class": type(self).__name__,
            "truncation_side": self.truncation_side,
        }
        if self._extra:
            settings["extra_special_tokens"] = list(self._extra)
        files = {VOCABULARY_FILE: self.vocab, SETTINGS_FILE: settings}
        beyond = {t.content: index for index, t in sorted(self._added.items()) if index >= self.vocab_size}
        if beyond:
            files[ADDED_TOKENS_FILE] = beyond
        for name, content in files.items():
            write_json_atomically(folder / name, content)
        return [str(folder / name) for name in files]


def _fill(row: list[int], length: int, value: int, left: bool) -> list[int]:
    padding = [value] * (length - len(row))
    return padding + row if left else row + padding

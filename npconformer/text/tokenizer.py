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
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from npconformer.storage.files import make_folder, write_json_atomically
from npconformer.storage.hub_options import HubOptions, refuse_upload, without_secrets
from npconformer.storage.messages import shown
from npconformer.text.ctc_decoding import Span, cut, group_words, runs
from npconformer.text.text_encoding import TextEncoder
from npconformer.text.tokenizer_files import (
    ADDED_TOKENS_FILE,
    SENTENCEPIECE_FILE,
    SETTINGS_FILE,
    VOCABULARY_FILE,
    read_settings,
    tokenizer_folder,
)
from npconformer.text.tokenizer_output import Wav2Vec2CTCTokenizerOutput, offsets, tidy_punctuation
from npconformer.text.tokenizer_settings import (
    longest_text,
    take_input_names,
    take_side,
    take_special_tokens,
    take_split,
)


class Wav2Vec2CTCTokenizer(TextEncoder):
    """Characters to ids and back; see the module's text.

    vocab: path of a vocab.json, or a dict from token to id; with target_lang, a dict of such dicts by
    language. replace_word_delimiter_char: what the word delimiter becomes in decoded text. do_lower_case:
    texts are read in upper case and decoded to lower case. Special tokens missing from the vocabulary get
    ids after its last one. Settings that are not known here are kept and saved again.

    name_or_path: what it was loaded from, "" for one that was not. is_fast: whether it is one of those that
    transformers has in another language: never.
    """

    name_or_path = ""
    is_fast = False

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
        self.model_input_names = take_input_names(settings)
        self.split_special_tokens = take_split(settings)
        self.clean_up_tokenization_spaces = bool(settings.pop("clean_up_tokenization_spaces", False))

        named = dict(bos_token=bos_token, eos_token=eos_token, unk_token=unk_token, pad_token=pad_token)
        named, extra, added = take_special_tokens(named, word_delimiter_token, settings)
        self._unknown_settings = without_secrets(settings)
        super().__init__(vocab, named, extra, added, target_lang)

    def __repr__(self) -> str:
        language = f", target_lang={self.target_lang!r}" if self.target_lang else ""
        return f"{type(self).__name__}(vocab_size={self.vocab_size}, special tokens {self._named}{language})"

    @property
    def init_kwargs(self) -> dict[str, Any]:
        """The settings as they are now, with those that are not known here."""
        return {
            **copy.deepcopy(self._unknown_settings),
            **dict.fromkeys(("bos_token", "eos_token", "unk_token", "pad_token", "word_delimiter_token")),
            **self.special_tokens_map,
            "clean_up_tokenization_spaces": self.clean_up_tokenization_spaces,
            "do_lower_case": self.do_lower_case,
            "model_max_length": self.model_max_length,
            **self._seldom_given(),
            "padding_side": self.padding_side,
            "replace_word_delimiter_char": self.replace_word_delimiter_char,
            "target_lang": self.target_lang,
            "truncation_side": self.truncation_side,
        }

    def _seldom_given(self) -> dict[str, Any]:
        """Settings that files have only where they are not the usual ones."""
        names = ("model_input_names", "split_special_tokens")
        return {name: getattr(self, name) for name in names if getattr(self, name) != getattr(type(self), name)}

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
        starts, ends = np.arange(len(ids)), np.arange(1, len(ids) + 1)
        if group_tokens:
            ids, starts, ends = runs(ids)
        tokens = map(self._token, ids.tolist())
        spans = [Span(token, *place) for token, *place in zip(tokens, starts.tolist(), ends.tolist())]
        if clean_up_tokenization_spaces is None:
            clean_up_tokenization_spaces = self.clean_up_tokenization_spaces
        text, characters = self._read(spans, skip_special_tokens, spaces_between_special_tokens)
        text = tidy_punctuation(text) if clean_up_tokenization_spaces else text
        if not (output_char_offsets or output_word_offsets):
            return text
        return self._with_offsets(text, characters, output_char_offsets, output_word_offsets)

    def convert_tokens_to_string(
        self,
        tokens: list[str],
        group_tokens: bool = True,
        spaces_between_special_tokens: bool = False,
        output_char_offsets: bool = False,
        output_word_offsets: bool = False,
    ) -> dict[str, Any]:
        """As `decode`, of tokens, one per frame: {"text", "char_offsets", "word_offsets"}, None where not asked for."""
        spans = [Span(token, i, i + 1) for i, token in enumerate(tokens)]
        if group_tokens:
            groups = [[*same] for _, same in groupby(spans, key=lambda span: span.text)]
            spans = [Span(group[0].text, group[0].start, group[-1].end) for group in groups]
        text, characters = self._read(spans, False, spaces_between_special_tokens)
        return dict(vars(self._with_offsets(text, characters, output_char_offsets, output_word_offsets)))

    def _read(self, spans: list[Span], skip_special_tokens: bool, spaces_between: bool) -> tuple[str, list[Span]]:
        """The text of tokens whose repeats are merged, and its characters."""
        dropped = {self.pad_token}
        if skip_special_tokens:
            dropped.update(self.all_special_tokens)
            dropped.discard(self.word_delimiter_token)
        delimiter, shown_as = self.word_delimiter_token, self.replace_word_delimiter_char
        characters = [
            Span(shown_as, span.start, span.end) if span.text == delimiter else span
            for span in spans
            if span.text not in dropped
        ]
        text = (" " if spaces_between else "").join(c.text for c in characters).strip()
        return text.lower() if self.do_lower_case else text, characters

    def _with_offsets(self, text: str, characters: list[Span], of_chars: bool, of_words: bool) -> Any:
        output = Wav2Vec2CTCTokenizerOutput(text)
        if of_chars:
            output.char_offsets = [offsets("char", character) for character in characters]
        if of_words:
            words = group_words(characters, self.replace_word_delimiter_char)
            output.word_offsets = [offsets("word", word) for word in words]
        return output

    def join_words(self, tokens: list[Span]) -> list[Span]:
        """The words that tokens of the vocabulary spell, word delimiters among them, each with its frames."""
        return group_words(tokens, self.word_delimiter_token or "")

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

    def tokenize_word(self, word: str, is_first: bool) -> list[str]:
        """The tokens of a word of a text, without what stands for the space before it unless that is in a token."""
        return self.tokenize(word)

    # ---- files

    @classmethod
    def from_pretrained(
        cls, pretrained_model_name_or_path: str | os.PathLike, **overrides: Any
    ) -> Wav2Vec2CTCTokenizer:
        """Load vocab.json and the settings beside it, from a folder or from a repository at the hub.

        `overrides` replace single settings; those that `HubOptions` names, such as revision and token, are about the
        hub instead.

        Settings come from tokenizer_config.json; for old checkpoints, whose file lists no added tokens, also
        from special_tokens_map.json and added_tokens.json. Raises FileNotFoundError when there is no
        vocab.json, and ValueError, naming the file, for one that is damaged or has settings of the wrong
        type.
        """
        folder = tokenizer_folder(pretrained_model_name_or_path, HubOptions.take(overrides))
        if not (folder / VOCABULARY_FILE).is_file():
            raise FileNotFoundError(f"{folder} has no tokenizer: no {VOCABULARY_FILE}")
        settings = {**read_settings(folder), **cls._beside_the_vocabulary(folder)}
        try:
            tokenizer = cls(folder / VOCABULARY_FILE, **{**settings, **overrides})
        except (TypeError, ValueError) as error:  # TypeError: a setting called "self"
            if any(str(folder / name) in str(error) for name in (VOCABULARY_FILE, SENTENCEPIECE_FILE)):
                raise
            raise ValueError(f"{folder / SETTINGS_FILE}: {error}") from error
        tokenizer.name_or_path = os.fspath(pretrained_model_name_or_path)
        return tokenizer

    @classmethod
    def _beside_the_vocabulary(cls, folder: Path) -> dict[str, Any]:
        """Further arguments, from files that only this class reads."""
        return {}

    def save_pretrained(
        self,
        save_directory: str | os.PathLike,
        legacy_format: bool | None = None,
        filename_prefix: str | None = None,
        push_to_hub: bool = False,
        **options: Any,
    ) -> tuple[str, ...]:
        """Write vocab.json and tokenizer_config.json (and added_tokens.json, if any) into a folder, made if need be.

        transformers reads them. filename_prefix: "a" makes "a-vocab.json" and so on. legacy_format changes nothing: of
        a tokenizer that is written in Python there is only one. Nor do save_jinja_files and the options of an upload,
        such as token. Returns the paths written.
        """
        options.pop("save_jinja_files", None)  # of templates of chats, which this has none of
        refuse_upload(push_to_hub, options)
        settings = {
            **self.init_kwargs,
            "added_tokens_decoder": {str(i): token.to_dict() for i, token in self.added_tokens_decoder.items()},
            "tokenizer_class": type(self).__name__,
        }
        if self._extra:
            settings["extra_special_tokens"] = list(self._extra)
        files = {VOCABULARY_FILE: self.vocab, SETTINGS_FILE: settings}
        beyond = {t.content: index for index, t in self.added_tokens_decoder.items() if index >= self.vocab_size}
        if beyond:
            files[ADDED_TOKENS_FILE] = beyond
        return _write(save_directory, filename_prefix, files)

    def save_vocabulary(self, save_directory: str | os.PathLike, filename_prefix: str | None = None) -> tuple[str, ...]:
        """Write vocab.json alone, as in `save_pretrained`."""
        return _write(save_directory, filename_prefix, {VOCABULARY_FILE: self.vocab})


def _write(folder: str | os.PathLike, prefix: str | None, files: dict[str, Any]) -> tuple[str, ...]:
    folder = make_folder(folder)
    paths = [folder / (f"{prefix}-{name}" if prefix else name) for name in files]
    for path, content in zip(paths, files.values(), strict=True):
        write_json_atomically(path, content)
    return tuple(map(str, paths))

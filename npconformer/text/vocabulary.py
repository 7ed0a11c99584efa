"""The vocabulary of a CTC tokenizer: tokens and their ids, special tokens, several languages.

Lesson: notebooks/05_ctc.ipynb
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from npconformer.storage.files import read_json_object
from npconformer.storage.messages import printable, shown
from npconformer.text.added_tokens import IDS, AddedToken, is_id, lengths_by_letter, split_on_tokens
from npconformer.text.special_tokens import SpecialTokens

SHOWN = 100  # languages in a message, and letters of each


class Vocabulary(SpecialTokens):
    """Tokens and ids, both ways.

    vocab: path of a vocab.json, or a dict from token to id; with target_lang, a dict of such dicts by
    language. named_tokens: special tokens by their role, such as `pad_token`. extra_tokens: special tokens
    without one. added_tokens: tokens that are kept whole when a text is read, by id. Special tokens that the
    vocabulary lacks get ids after its last one; its own tokens of several characters are kept whole, too, unless
    `keeps_long_tokens_whole` is false.
    """

    keeps_long_tokens_whole = True

    def __init__(
        self,
        vocab: str | os.PathLike | Mapping[str, Any],
        named_tokens: Mapping[str, AddedToken],
        extra_tokens: Iterable[AddedToken] = (),
        added_tokens: Mapping[int, AddedToken] | None = None,
        target_lang: str | None = None,
    ) -> None:
        is_path = isinstance(vocab, str | os.PathLike)
        if not is_path and not isinstance(vocab, Mapping):
            raise ValueError(f"vocab must be a path or map tokens to ids, got {type(vocab).__name__}")
        self._source = os.fspath(vocab) if is_path else "vocab"
        self.vocab = read_json_object(vocab) if is_path else vocab
        self.target_lang = target_lang
        self.encoder = self._choose_language(target_lang)
        self._named = {name: token.content for name, token in named_tokens.items()}
        self._extra = [token.content for token in extra_tokens]
        self._added = dict(added_tokens or {})
        there = {added.content for added in self._added.values()}
        special: dict[str, AddedToken] = {}
        for token in [*named_tokens.values(), *extra_tokens]:
            special.setdefault(token.content, token)
        self._check_added(special)
        self._add(replace(token, special=True) for content, token in special.items() if content not in there)
        self._index()

    # ---- tokens and ids

    @property
    def vocab_size(self) -> int:
        """Number of ids in the vocabulary of the chosen language, without tokens added to it; see len()."""
        return len(self.decoder)

    def __len__(self) -> int:
        return len(self.get_vocab())

    def get_vocab(self) -> dict[str, int]:
        """Every token with its id, added ones included."""
        return {**self.encoder, **{token.content: index for index, token in sorted(self._added.items())}}

    def set_target_lang(self, target_lang: str) -> None:
        """Switch to another language of a vocabulary that holds several. ValueError where it cannot."""
        self.encoder = self._choose_language(target_lang)
        self.target_lang = target_lang
        ids = set(self.encoder.values())
        self._added = {index: token for index, token in self._added.items() if index not in ids}
        self._index()

    def convert_tokens_to_ids(self, tokens: str | list[str] | None) -> int | list[int] | None:
        """The id of a token, or of each in a list; unknown ones get unk_token's id, or None."""
        if tokens is None:
            return None
        if not isinstance(tokens, str):
            return [self.convert_tokens_to_ids(token) for token in tokens]
        for token in (tokens, self.unk_token):
            for vocabulary in (self._added_ids, self.encoder):
                if token in vocabulary:
                    return vocabulary[token]
        return None

    def convert_ids_to_tokens(self, ids: Any, skip_special_tokens: bool = False) -> str | list[str]:
        """The token of an id, or of each in a list or array; unknown ids give unk_token, or None."""
        if np.ndim(ids) == 0:
            return self._token(int(ids))
        skip = set(self.all_special_ids) if skip_special_tokens else ()
        return [self._token(int(index)) for index in ids if int(index) not in skip]

    def canonical_ids(self, token_ids: Any) -> np.ndarray:
        """Ids (T,) as an integer array, every unknown id replaced by unk_token's; ValueError where there is none."""
        ids = np.atleast_1d(np.asarray(token_ids))
        if ids.ndim != 1:
            raise ValueError(f"decode takes the ids of one utterance, got shape {ids.shape}; use batch_decode")
        if ids.size == 0:
            return ids.astype(np.int64)
        if ids.dtype.kind not in "iu":
            raise ValueError(f"token ids must be integers, got dtype {ids.dtype}; take argmax(axis=-1) of logits")
        unknown = [i for i in sorted(set(ids.tolist())) if i not in self.decoder and i not in self._added]
        if not unknown:
            return ids
        if self.unk_token_id is None:
            raise ValueError(
                f"token id {unknown[0]} is not in the vocabulary, and there is no unk_token to show for it"
            )
        return np.where(np.isin(ids, unknown), self.unk_token_id, ids)

    def split_on_added_tokens(self, text: str) -> list[tuple[str, bool]]:
        """Cut a text into tokens that are kept whole (True) and the stretches between them (False)."""
        pieces = split_on_tokens(text, self._by_content, self._lengths)
        return [(piece, piece in self._by_content) for piece in pieces]

    # ---- inside

    def _choose_language(self, target_lang: str | None) -> dict[str, int]:
        nested = bool(self.vocab) and all(isinstance(value, Mapping) for value in self.vocab.values())
        if target_lang is None:
            if nested:
                raise ValueError(f"{self._source} holds several languages; choose target_lang from {self._languages()}")
            vocabulary = self.vocab
        elif not nested:
            raise ValueError(f"target_lang={shown(target_lang)} was given, but {self._source} holds only one language")
        elif target_lang not in self.vocab:
            raise ValueError(
                f"target_lang={shown(target_lang)} is not in {self._source}; choose one of {self._languages()}"
            )
        else:
            vocabulary = self.vocab[target_lang]
        for token, index in vocabulary.items():
            if not is_id(index):
                raise ValueError(f"{self._source} gives token {shown(token)} the id {shown(index)}; {IDS}")
        return dict(vocabulary)

    def _check_added(self, special: Collection[str]) -> None:
        """One id cannot be that of a whole token in the vocabulary and of another token that was added."""
        for content, index in self.encoder.items():
            other = self._added.get(index)
            if other is None or other.content == content:
                continue
            if len(content) > 1 or content in special:
                raise ValueError(
                    f"the added token {shown(other.content)} has the id {index}, which is that of {shown(content)} in "
                    f"{self._source}"
                )

    def _languages(self) -> str:
        more = f" and {len(self.vocab) - SHOWN} more" if len(self.vocab) > SHOWN else ""
        return ", ".join(printable(name[:SHOWN]) for name in [*self.vocab][:SHOWN]) + more

    def _add(self, tokens: Iterable[AddedToken]) -> None:
        """Keep tokens whole when reading texts.

        One that the vocabulary lacks gets the vocabulary's length for its id, or the next one that no other token which
        is kept whole has. As in the reference it may be that of a letter, in a vocabulary with gaps.
        """
        vocabulary = self.get_vocab()
        taken, free = {*self._added, *(index for token, index in self.encoder.items() if len(token) > 1)}, 0
        for token in tokens:
            if token.content and token.content not in vocabulary:
                free = max(free, len(vocabulary))
                while free in taken:
                    free += 1
                vocabulary[token.content] = free
                taken.add(free)
            if token.content:
                self._added[vocabulary[token.content]] = token

    def _index(self) -> None:
        """Prepare the look-ups, once the vocabulary has changed."""
        self.decoder = {index: token for token, index in self.encoder.items()}
        if self.keeps_long_tokens_whole:
            self._add(AddedToken(token, lstrip=True, rstrip=True) for token in self.encoder if len(token) > 1)
        self._by_content = {token.content: token for token in self._added.values()}
        self._added_ids = {token.content: index for index, token in self._added.items()}
        self._lengths = lengths_by_letter(self._by_content)

    def _token(self, index: int) -> str | None:
        if index in self.decoder:
            return self.decoder[index]
        return self._added[index].content if index in self._added else self.unk_token

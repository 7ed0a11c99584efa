"""Tokens that have a role, such as `pad_token`, and tokens that are added to a vocabulary.

Lesson: notebooks/05_ctc.ipynb
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from npconformer.storage.messages import shown
from npconformer.text.added_tokens import AddedToken

ROLES = (
    "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token", "word_delimiter_token",
)  # fmt: skip
WITHOUT_ROLE = ("extra_special_tokens", "additional_special_tokens")  # the list's name in transformers 5, and in 4


def _token(role: str) -> property:
    def read(self: SpecialTokens) -> str | None:
        return self._named.get(role)

    def write(self: SpecialTokens, token: Any) -> None:
        self._give_role(role, token)

    return property(read, write, doc=f"The token that is the {role}; None where none is.")


def _token_id(role: str) -> property:
    def read(self: SpecialTokens) -> int | None:
        return self.convert_tokens_to_ids(self._named.get(role))

    def write(self: SpecialTokens, index: int | None) -> None:
        self._give_role(role, None if index is None else self.convert_ids_to_tokens(index))

    return property(read, write, doc=f"The id of the {role}; None where there is none.")


class SpecialTokens:
    """The part of a `Vocabulary` that knows which tokens are special. A role is given by assigning to it:

    >>> tokenizer.pad_token = "<s>"  # a token that the vocabulary has; `add_special_tokens` takes new ones
    """

    _named: dict[str, str]  # tokens by their role
    _extra: list[str]  # special tokens without one
    _added: dict[int, AddedToken]

    bos_token, bos_token_id = _token("bos_token"), _token_id("bos_token")
    eos_token, eos_token_id = _token("eos_token"), _token_id("eos_token")
    unk_token, unk_token_id = _token("unk_token"), _token_id("unk_token")
    sep_token, sep_token_id = _token("sep_token"), _token_id("sep_token")
    pad_token, pad_token_id = _token("pad_token"), _token_id("pad_token")
    cls_token, cls_token_id = _token("cls_token"), _token_id("cls_token")
    mask_token, mask_token_id = _token("mask_token"), _token_id("mask_token")
    word_delimiter_token, word_delimiter_token_id = _token("word_delimiter_token"), _token_id("word_delimiter_token")

    # ---- what the vocabulary has

    def convert_tokens_to_ids(self, tokens: Any) -> Any:
        """Tokens to ids."""
        raise NotImplementedError(f"{type(self).__name__} has no convert_tokens_to_ids")

    def convert_ids_to_tokens(self, ids: Any, skip_special_tokens: bool = False) -> Any:
        """Ids to tokens."""
        raise NotImplementedError(f"{type(self).__name__} has no convert_ids_to_tokens")

    def get_vocab(self) -> dict[str, int]:
        """Every token with its id."""
        raise NotImplementedError(f"{type(self).__name__} has no get_vocab")

    def _add(self, tokens: Iterable[AddedToken]) -> None:
        raise NotImplementedError(f"{type(self).__name__} has no _add")

    def _index(self) -> None:
        raise NotImplementedError(f"{type(self).__name__} has no _index")

    # ---- which tokens are special

    @property
    def special_tokens_map(self) -> dict[str, str]:
        """The special tokens that have a role, by its name."""
        return dict(self._named)

    @property
    def extra_special_tokens(self) -> list[str]:
        """The special tokens that have no role."""
        return list(self._extra)

    additional_special_tokens = extra_special_tokens  # its name in transformers 4

    @property
    def all_special_tokens(self) -> list[str]:
        """Every special token once, the named ones first."""
        return list(dict.fromkeys([*self._named.values(), *self._extra]))

    @property
    def all_special_ids(self) -> list[int]:
        """The ids of `all_special_tokens`."""
        return self.convert_tokens_to_ids(self.all_special_tokens)

    @property
    def added_tokens_decoder(self) -> dict[int, AddedToken]:
        """What is kept whole when a text is read, by id: special tokens, those of several letters, added ones."""
        return dict(sorted(self._added.items()))

    @property
    def added_tokens_encoder(self) -> dict[str, int]:
        """The ids of `added_tokens_decoder`, by token."""
        return {token.content: index for index, token in self.added_tokens_decoder.items()}

    def get_added_vocab(self) -> dict[str, int]:
        """The same as `added_tokens_encoder`."""
        return self.added_tokens_encoder

    # ---- changing them

    def add_tokens(self, new_tokens: Any, special_tokens: bool = False) -> int:
        """Add a token, or several: strings or AddedTokens, which are kept whole when a text is read.

        Those that the vocabulary lacks get the next ids: give the model as many classes more. special_tokens: they are
        special ones, without a role. Returns how many the vocabulary lacked.
        """
        tokens = new_tokens if isinstance(new_tokens, list | tuple) else [new_tokens]
        tokens = [AddedToken.read(token) for token in tokens]
        if special_tokens:
            tokens = [replace(token, special=True) for token in tokens]
        known = self.get_vocab()
        self._extra += [t.content for t in tokens if t.special and t.content not in self.all_special_tokens]
        self._add(tokens)
        self._index()
        return len({token.content for token in tokens} - {*known, ""})

    def add_special_tokens(
        self, special_tokens_dict: Mapping[str, Any], replace_extra_special_tokens: bool = True
    ) -> int:
        """Give roles to tokens, which are added where the vocabulary lacks them: `{"pad_token": "<blank>"}`.

        "extra_special_tokens" has a list of those without a role, in place of the ones there were (or, with
        replace_extra_special_tokens=False, beside them). Returns how many the vocabulary lacked. Raises ValueError for
        a name that is no role.
        """
        for name in special_tokens_dict:
            if name not in (*ROLES, *WITHOUT_ROLE):
                raise ValueError(f"{shown(name)} is no role of a token: {', '.join(ROLES)}, or {WITHOUT_ROLE[0]}")
        before = len(self.get_vocab())
        for name, given in special_tokens_dict.items():
            if name in WITHOUT_ROLE:
                self._extra = [] if replace_extra_special_tokens else self._extra
                self.add_tokens(given, special_tokens=True)
            else:
                token = replace(AddedToken.read(given), special=True)
                self._add([token])
                self._named[name] = token.content
                self._index()
        return len(self.get_vocab()) - before

    def _give_role(self, role: str, token: Any) -> None:
        """A role to a token that is in the vocabulary, or to none. ValueError for one that is not there."""
        if token is None:
            self._named.pop(role, None)
            return
        content = AddedToken.read(token).content
        if content not in self.get_vocab():
            raise ValueError(
                f"{role}: the vocabulary has no {shown(content)}; add it with "
                f"add_special_tokens({{{role!r}: {shown(content)}}})"
            )
        self._named[role] = content

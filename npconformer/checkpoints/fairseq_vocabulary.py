"""fairseq's dictionary of letters, `dict.ltr.txt`, and transformers' vocab.json.

The file has a line for each letter, with how often it occurred. fairseq puts four tokens before them:

    ids in fairseq         0 <s>     1 <pad>    2 </s>    3 <unk>    4 the first line    5 the second ...
    ids in transformers    0 <pad>   1 <s>      the others as before

because fairseq uses <s>, with the id 0, as the blank of CTC, and transformers' tokenizer the pad token. So the two
change their names, and no weight its place.

Lesson: notebooks/10_weights_on_disk.ipynb
"""

from __future__ import annotations

from pathlib import Path

from npconformer.storage.text_files import read_text

NAME = "dict.ltr.txt"
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
OVERWRITE = " #fairseq:overwrite"  # ends a line whose token is one of the special ones
LONGEST = 10_000_000  # bytes


def read_symbols(path: Path) -> list[str]:
    """The tokens of a dictionary file in the order of their ids in fairseq.

    Raises:
        ValueError: it is not UTF-8, a line is not a token and a count, or a token occurs twice.
    """
    symbols = list(SPECIAL)
    for number, line in enumerate(read_text(path, LONGEST).split("\n"), start=1):
        if not line:
            continue
        token, _, count = line.removesuffix(OVERWRITE).rpartition(" ")
        if not token or not count.isdecimal():
            raise ValueError(f"{path}, line {number}: {line[:80]!r} is not a token and how often it occurred")
        if token in symbols and not line.endswith(OVERWRITE):
            raise ValueError(f"{path}, line {number}: the token {token!r} occurs twice")
        symbols.append(token)
    return symbols


def vocabulary(symbols: list[str], size: int) -> dict[str, int]:
    """transformers' ids of the tokens.

    Args:
        symbols: in the order of their ids in fairseq.
        size: how many the model tells apart.

    Raises:
        ValueError: they are not fairseq's, some occur twice, or there are more or fewer than the model's.
    """
    if tuple(symbols[:4]) != SPECIAL or len(set(symbols)) < len(symbols):
        raise ValueError(f"the dictionary begins with {symbols[:4]}; expected {', '.join(SPECIAL)}, and nothing twice")
    if len(symbols) != size:
        raise ValueError(f"the dictionary has {len(symbols)} tokens with the four special ones; the model has {size}")
    ids = {symbol: index for index, symbol in enumerate(symbols)}
    return {"<pad>": ids.pop("<s>"), "<s>": ids.pop("<pad>"), **ids}

"""From the names in a file to the names in a model.

Three things differ between checkpoints of one model: how weight norm's two parameters are called, whether the
base model's names carry its prefix (``wav2vec2_conformer.``), and which task's head lies beside it.

Lesson: notebooks/08_parity.ipynb
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

# Weight norm: magnitude g and direction v, in torch's former and present spelling.
WEIGHT_NORM = {
    ".weight_g": ".parametrizations.weight.original0",
    ".weight_v": ".parametrizations.weight.original1",
}

# First parts of the names of all tasks' heads, and of the pretraining quantizer.
HEADS = frozenset("lm_head classifier projector layer_weights tdnn objective quantizer project_q project_hid".split())
XVECTOR_PROJECTION = (
    "feature_extractor.weight",
    "feature_extractor.bias",
)  # not the base's feature_extractor

# First parts of names below the head that checkpoints have or not, as configs say; fine-tuning adds them.
OPTIONAL_PARTS = frozenset("adapter intermediate_ffn masked_spec_embed".split())

# Buffers whose values follow from the config, or that only count: a file may lack them or hold too many.
COMPUTED = ("inv_freq", "embed_positions.pe", "num_batches_tracked")

# Has weights in every checkpoint, is kept for saving, and is called by no forward pass.
NEVER_CALLED = "encoder.pos_conv_embed."


def match_names(stored: Iterable[str], expected: Collection[str], prefix: str) -> dict[str, str]:
    """Map each stored name to the model's name for it, or to its new spelling where the model has none.

    Args:
        stored: names in the file.
        expected: names in the model.
        prefix: the base model's, as in ``base_model_prefix``; added or taken off where that makes a name fit.

    Raises:
        ValueError: two stored names mean the same parameter.
    """
    expected = set(expected)
    matched: dict[str, str] = {}
    taken: dict[str, str] = {}
    for name in stored:
        target = _fit_prefix(modern_name(name), expected, prefix)
        if target in taken:
            raise ValueError(
                f"the checkpoint holds {target!r} twice, as {taken[target]!r} and as {name!r}; expected one"
            )
        taken[target] = name
        matched[name] = target
    return matched


def modern_name(name: str) -> str:
    """``conv.weight_g`` -> ``conv.parametrizations.weight.original0``, likewise ``_v``; others unchanged."""
    for old, new in WEIGHT_NORM.items():
        if name.endswith(old):
            return name.removesuffix(old) + new
    return name


def is_computed(name: str) -> bool:
    """Whether ``name`` is a buffer that the model makes itself."""
    return any(name == suffix or name.endswith("." + suffix) for suffix in COMPUTED)


def is_never_called(name: str) -> bool:
    """Whether ``name`` is a parameter that is carried along and that no output depends on."""
    return f".{NEVER_CALLED}" in f".{name}"


def belongs_elsewhere(name: str) -> bool:
    """Whether a stored name that the model lacks is another task's head, or something computed or optional.

    ``masked_spec_embed`` is optional: models whose config masks nothing have none.
    """
    first, _, _ = name.partition(".")
    is_head = first in HEADS or name in XVECTOR_PROJECTION
    return is_head or is_computed(name) or name.rpartition(".")[2] == "masked_spec_embed"


def may_start_at_random(name: str, own: Collection[str], prefix: str) -> bool:
    """Whether a model's name is one that a checkpoint of another task may lack: of the head, or of an optional part.

    Args:
        own: all of the model's names.
        prefix: the base model's.
    """
    has_head = bool(prefix) and any(one.startswith(f"{prefix}.") for one in own)
    if has_head and not name.startswith(f"{prefix}."):
        return True
    return name.removeprefix(f"{prefix}.").partition(".")[0] in OPTIONAL_PARTS


def _fit_prefix(name: str, expected: set[str], prefix: str) -> str:
    if name in expected:
        return name
    if prefix and name.removeprefix(f"{prefix}.") in expected:
        return name.removeprefix(f"{prefix}.")
    if prefix and f"{prefix}.{name}" in expected:
        return f"{prefix}.{name}"
    return name

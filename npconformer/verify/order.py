"""The tensors of a run in the order in which they are computed, and in which layer of the model each one lies.

Lesson: notebooks/08_parity.ipynb
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

LAYER = re.compile(r"(?:^|\.)encoder\.layers\.(\d+)(?:\.|$)")
PLACES = (
    (LAYER, "layer {}"),
    (re.compile(r"(?:^|\.)adapter\.layers\.(\d+)(?:\.|$)"), "adapter layer {}"),
    (re.compile(r"(?:^|\.)conv_layers\.(\d+)(?:\.|$)"), "feature convolution {}"),
    (re.compile(r"(?:^|\.)(?:feature_projection|masked_spec_embed)(?:\.|$)"), "before layer 0"),
    (re.compile(r"(?:^|\.)encoder\.(?:embed_positions|dropout)(?:\.|$)"), "before layer 0"),
    (re.compile(r"(?:^|\.)(?:encoder|intermediate_ffn)(?:\.|$)"), "after the layers"),
    (re.compile(r"(?:^|\.)adapter(?:\.|$)"), "adapter"),
    (re.compile(r"^(?:\w+\.)?feature_extractor$"), "feature convolutions"),
)


def place_of(tensor: str) -> str:
    """Where a tensor of a reference belongs: "layer 7" is the block `encoder.layers.7`, counted from 0."""
    group, _, name = tensor.partition(".")
    field, _, number = name.partition(".")
    if group == "outputs" and field == "hidden_states" and number.isdecimal():
        return f"layer {int(number) - 1}" if int(number) else "before layer 0"
    if group == "outputs" and field == "attentions":
        return f"layer {number}"
    if group == "outputs":
        return "before layer 0" if field == "extract_features" else "output"
    if group == "loss":
        return "loss"
    for pattern, words in PLACES:
        found = pattern.search(name)
        if found:
            return words.format(*found.groups())
    return "output"


def in_forward_order(modules: Iterable[str], outputs: Collection[str]) -> list[str]:
    """The tensors' names: of the modules, in the order in which these were done, with the outputs among them.

    outputs: the names of output fields, such as "hidden_states.3". Hidden state 0 goes before the
    first block, attentions i and hidden state i + 1 after block i, the others to the end.
    """
    ordered: list[str] = []
    waiting = list(outputs)

    def take(*names: str) -> None:
        for name in names:
            if name in waiting:
                waiting.remove(name)
                ordered.append(f"outputs.{name}")

    def take_until_block(index: int) -> None:
        take("extract_features", "hidden_states.0")
        for before in range(index):
            take(f"attentions.{before}", f"hidden_states.{before + 1}")

    blocks = 1 + max((int(n) for n in (name.rpartition(".")[2] for name in outputs) if n.isdecimal()), default=0)
    for module in modules:
        found = LAYER.search(module)
        if not place_of(f"modules.{module}").startswith(("feature", "before")):
            take_until_block(int(found[1]) if found else blocks)
        ordered.append(f"modules.{module}")
        if found and found.end() == len(module):
            take_until_block(int(found[1]) + 1)
    take_until_block(blocks)
    take(*list(waiting))
    return ordered


def in_backward_order(parameters: Sequence[str], modules: Sequence[str]) -> list[str]:
    """Names of parameters from the output to the input, as backward reaches them.

    modules: names in the order in which forward was done with them. A parameter counts with its module, or with the
    nearest one around it that was called.
    """
    done = {name: number for number, name in enumerate(modules)}

    def when(parameter: str) -> int:
        owner = parameter.rpartition(".")[0]
        while owner and owner not in done:
            owner = owner.rpartition(".")[0]
        return done.get(owner, -1)

    return sorted(reversed(parameters), key=when, reverse=True)

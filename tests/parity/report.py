"""The parity figures as a table: `python -m tests.parity.report`, exit status 1 if any tensor is over its limit.

For each position type (of the CTC models), each other head, and each dtype the worst relative difference over all
cases, in evaluation and in training mode, of outputs, hidden states, attentions, losses, gradients and running
statistics, and the tensor that it stands for.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import transformers

from . import head_ours, head_reference, ours, reference
from .arrays import make_inputs
from .cases import CASES
from .compare import Difference, compare
from .head_cases import HEAD_CASES, HEADS
from .head_inputs import make_head_inputs

KINDS = (
    "outputs",
    "hidden states",
    "attentions",
    "gradients",
    "loss",
    "loss gradients",
    "exact loss",
    "exact loss gradients",
    "statistics",
)


def measure() -> Iterator[tuple[str, str, str, list[Difference]]]:
    """Position type or head, dtype, name of the run, and the differences of all its tensors, for every run."""
    for case in CASES:
        for dtype in ("float64", "float32"):
            for train in (False, True):
                theirs = reference.run(case, dtype, train)
                mine = ours.run(reference.saved(case.name), make_inputs(case), dtype, train)
                name = f"{case.name}, {'training' if train else 'evaluation'}"
                yield case.positions, dtype, name, compare(case.config, dtype, mine, theirs)
    for case in HEAD_CASES:
        for dtype in ("float64", "float32"):
            for train in (False, True):
                theirs = head_reference.run(case, dtype, train)
                folder, inputs = head_reference.saved(case.name), make_head_inputs(case)
                mine = head_ours.run(case.head, folder, inputs, dtype, train)
                name = f"{case.kind}, {'training' if train else 'evaluation'}"
                yield case.head, dtype, name, compare(case.config, dtype, mine, theirs)


def main() -> int:
    worst: dict[tuple[str, str, str], tuple[Difference, str]] = {}
    tensors = too_large = 0
    for positions, dtype, name, differences in measure():
        tensors += len(differences)
        too_large += sum(difference.too_large for difference in differences)
        for difference in differences:
            key = (positions, dtype, difference.kind)
            # models with and without positions have different limits: what counts is the share of the limit
            if key not in worst or not difference.value / difference.limit <= worst[key][0].value / worst[key][0].limit:
                worst[key] = (difference, name)
    print(
        f"{len(CASES) + len(HEAD_CASES)} models against transformers {transformers.__version__}, "
        f"{tensors:,} tensors compared\n"
    )
    print("| positions or head | dtype | what | worst relative difference | limit | tensor | model |")
    print("|---|---|---|---|---|---|---|")
    for positions in ("none", "relative", "rotary", *HEADS):
        for dtype in ("float64", "float32"):
            for kind in KINDS:
                if (positions, dtype, kind) not in worst:
                    continue
                difference, name = worst[positions, dtype, kind]
                tensor = difference.tensor.removeprefix(f"{kind}.").replace("wav2vec2_conformer.", "")
                flag = " **over**" if difference.too_large else ""
                print(
                    f"| {positions} | {dtype} | {kind} | {difference.value:.1e}{flag} | {difference.limit:.0e} "
                    f"| {tensor} | {name} |"
                )
    print(
        "\n'gradients' are those of a random linear functional of the logits; 'loss' is the CTC loss as the reference"
        "\ncomputes it, in float32; 'exact loss' is the CTC loss, or that of the other head, computed in the"
        "\nmodel's own dtype on both sides."
    )
    print(f"\n{too_large} tensors over their limits")
    return 1 if too_large else 0


if __name__ == "__main__":
    sys.exit(main())

"""The parity figures as a table: `python -m tests.parity.report`, exit status 1 if any tensor is over its limit.

For each position type and dtype the worst relative difference over all cases, in evaluation and in training mode, of
outputs, hidden states, attentions, losses, gradients and running statistics, and the tensor that it stands for.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import transformers

from . import ours, reference
from .arrays import make_inputs
from .cases import CASES
from .compare import Difference, compare

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
    """Position type, dtype, name of the run, and the differences of all its tensors, for every run."""
    for case in CASES:
        for dtype in ("float64", "float32"):
            for train in (False, True):
                theirs = reference.run(case, dtype, train)
                mine = ours.run(reference.saved(case.name), make_inputs(case), dtype, train)
                name = f"{case.name}, {'training' if train else 'evaluation'}"
                yield case.positions, dtype, name, compare(case.config, dtype, mine, theirs)


def main() -> int:
    worst: dict[tuple[str, str, str], tuple[Difference, str]] = {}
    tensors = too_large = 0
    for positions, dtype, name, differences in measure():
        tensors += len(differences)
        too_large += sum(difference.too_large for difference in differences)
        for difference in differences:
            key = (positions, dtype, difference.kind)
            if key not in worst or not difference.value <= worst[key][0].value:
                worst[key] = (difference, name)
    print(f"{len(CASES)} models against transformers {transformers.__version__}, {tensors:,} tensors compared\n")
    print("| positions | dtype | what | worst relative difference | limit | tensor | model |")
    print("|---|---|---|---|---|---|---|")
    for positions in ("none", "relative", "rotary"):
        for dtype in ("float64", "float32"):
            for kind in KINDS:
                difference, name = worst[positions, dtype, kind]
                tensor = difference.tensor.removeprefix(f"{kind}.").replace("wav2vec2_conformer.", "")
                flag = " **over**" if difference.too_large else ""
                print(
                    f"| {positions} | {dtype} | {kind} | {difference.value:.1e}{flag} | {difference.limit:.0e} "
                    f"| {tensor} | {name} |"
                )
    print(
        "\n'gradients' are those of a random linear functional of the logits; 'loss' is the CTC loss as the reference"
        "\ncomputes it, in float32; 'exact loss' is the CTC loss computed in the model's own dtype on both sides."
    )
    print(f"\n{too_large} tensors over their limits")
    return 1 if too_large else 0


if __name__ == "__main__":
    sys.exit(main())

"""The parity figures as a table: `python -m tests.parity.report`, exit status 1 if any tensor is over its limit.

For each model family, position type (of its CTC models), other head and dtype the worst relative difference over all
cases, in evaluation and in training mode, of outputs, hidden states, attentions, losses, gradients and running
statistics, and the tensor that it stands for.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

import transformers

from . import head_ours, head_reference, ours, reference
from .arrays import make_inputs
from .bert_cases import BERT_CASES
from .cases import CASES
from .compare import Difference, compare
from .families import FAMILIES
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


DTYPES = ("float64", "float32")
ROWS = ("none", "relative", "relative_key", "rotary", *HEADS)


def measure() -> Iterator[tuple[str, str, str, str, list[Difference]]]:
    """Family, position type or head, dtype, name of the run, and the differences of all its tensors, for every run."""
    for case in (*CASES, *BERT_CASES, *HEAD_CASES):
        row = case.head if case in HEAD_CASES else case.positions
        for dtype in ("float64", "float32"):
            for train in (False, True):
                if case in HEAD_CASES:
                    theirs = head_reference.run(case, dtype, train)
                    mine = head_ours.run(case.head, reference.saved(case), make_head_inputs(case), dtype, train)
                else:
                    theirs = reference.run(case, dtype, train)
                    mine = ours.run(reference.saved(case), make_inputs(case), dtype, train)
                name = f"{case.name}, {'training' if train else 'evaluation'}"
                yield case.family.name, row, dtype, name, compare(case.config, dtype, mine, theirs)


def find_worst(runs: Iterator[tuple[str, str, str, str, list[Difference]]]) -> tuple[dict, int, int]:
    """The worst difference of each row and the run it is from; how many tensors there are, and how many are over."""
    worst: dict[tuple[str, str, str, str], tuple[Difference, str]] = {}
    tensors = too_large = 0
    for family, row, dtype, name, differences in runs:
        tensors += len(differences)
        too_large += sum(difference.too_large for difference in differences)
        for difference in differences:
            key = (family, row, dtype, difference.kind)
            # models with and without positions have different limits: what counts is the share of the limit
            if key not in worst or not difference.value / difference.limit <= worst[key][0].value / worst[key][0].limit:
                worst[key] = (difference, name)
    return worst, tensors, too_large


def main() -> int:
    worst, tensors, too_large = find_worst(measure())
    without_loss = [case for case in (*CASES, *BERT_CASES) if not case.has_loss]
    print(
        f"{len(CASES) + len(BERT_CASES) + len(HEAD_CASES)} models against transformers {transformers.__version__}, "
        f"{tensors:,} tensors compared\n"
    )
    print("| model | positions or head | dtype | what | worst relative difference | limit | tensor | run |")
    print("|---|---|---|---|---|---|---|---|")
    for key in ((f.name, row, dtype, kind) for f in FAMILIES for row in ROWS for dtype in DTYPES for kind in KINDS):
        if key in worst:
            difference, name = worst[key]
            tensor = re.sub(r"wav2vec2_(conformer|bert)\.", "", difference.tensor.removeprefix(f"{difference.kind}."))
            flag = " **over**" if difference.too_large else ""
            print(f"| {' | '.join(key)} | {difference.value:.1e}{flag} | {difference.limit:.0e} | {tensor} | {name} |")
    print(
        "\n'gradients' are those of a random linear functional of the logits; 'loss' is the CTC loss as the reference"
        "\ncomputes it, in float32; 'exact loss' is the CTC loss, or that of the other head, computed in the"
        "\nmodel's own dtype on both sides."
    )
    print(
        f"\n{len(without_loss)} models without a CTC loss, because the reference's counts more frames than it has: "
        f"{', '.join(case.name for case in without_loss)}"
    )
    print(f"\n{too_large} tensors over their limits")
    return 1 if too_large else 0


if __name__ == "__main__":
    sys.exit(main())

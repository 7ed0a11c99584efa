"""Writes `conventions/` beside it: `python -m tests.reference_cases.make_convention_cases`; runs transformers.

What a reader of the formulas would not expect, frozen as in `make_cases`: CTC lengths after an adapter, which the
reference counts with kernel 1 whatever the kernel is, so that frames are left over that the loss leaves out; and hidden
states by the convention of transformers 4, whose last one has passed the final layer norm. (With an adapter no case of
that can be had from transformers 5: its `tie_last_hidden_states` then gives what the adapter puts out.)
"""

from __future__ import annotations

from tests.parity.cases import Case

from .make_cases import FOLDER, SMALL, frozen, save

ADAPTER = {"add_adapter": True, "num_adapter_layers": 2}
CASES = (
    Case(
        "adapter-kernel-2",
        "mask; an even number of frames meets a kernel of 2, which gives one frame more than is counted",
        {**SMALL, **ADAPTER, "adapter_kernel_size": 2},
        lengths=(1500, 1700, 1250),
        masked=True,
        labels=((1, 2), (3,), (2,)),
    ),
    Case(
        "adapter-kernel-2-no-mask",
        "no mask: the frames of the whole batch are counted by the formula too; mean of losses",
        {**SMALL, **ADAPTER, "adapter_kernel_size": 2, "ctc_loss_reduction": "mean"},
        lengths=(1700, 1300),
        labels=((1, 2), (3,)),
    ),
    Case(
        "adapter-stride-3",
        "mask, another stride, projection to another size",
        {**SMALL, **ADAPTER, "num_adapter_layers": 1, "adapter_stride": 3, "output_hidden_size": 10},
        lengths=(1600, 1900),
        masked=True,
        labels=((1, 2), (3,)),
    ),
    Case(
        "former-hidden-states",
        "the last hidden state after the final layer norm, relative positions, mask",
        {**SMALL, "tie_last_hidden_states": True, "position_embeddings_type": "relative", "hidden_act": "swish"},
        lengths=(900, 700),
        masked=True,
    ),
)

if __name__ == "__main__":
    (FOLDER / "conventions").mkdir(exist_ok=True)
    for case in CASES:
        save(FOLDER / "conventions" / f"{case.name}.npz", frozen(case))

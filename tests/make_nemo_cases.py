"""Make the frozen cases: small Conformers of random weights, run and differentiated by the torch program beside this.

    python tests/make_nemo_cases.py

writes reference_cases/nemo_conformer/CASE.npz: arrays "weight NAME" under NeMo's names, "features" (B, T, J) with
"lengths" (B,), "state I" and "logits" of each utterance alone behind one another, and, of the CTC loss summed over the
utterances, "loss" and "gradient NAME".
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).parent / "reference_cases/nemo_conformer"
SIZES = {
    "vocab_size": 7,
    "hidden_size": 12,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "conv_depthwise_kernel_size": 5,
    "num_mel_bins": 8,
    "subsampling_conv_channels": 5,
}
LENGTHS = [38, 29]
LABELS = [[1, 1, 4], [0, 5, -100]]
FACTORS = (2, 4, 8)
CASES: dict[int | str, tuple[str, int]] = {  # kind of subsampling, and its factor
    **{factor: ("striding", factor) for factor in FACTORS},
    "dw_striding-8": ("dw_striding", 8),
    "vggnet-4": ("vggnet", 4),
}


def make(case_name: int | str) -> dict[str, Any]:
    """One case."""
    kind, factor = CASES[case_name]
    import torch
    from torch_nemo import Recogniser

    torch.manual_seed(factor)
    random = np.random.default_rng(factor)
    model = Recogniser({**SIZES, "subsampling_factor": factor}, kind).double().eval()
    with torch.no_grad():
        for name, array in model.state_dict().items():
            if name.endswith("running_var"):
                array.copy_(torch.tensor(0.5 + random.random(tuple(array.shape))))
            elif not name.endswith("num_batches_tracked"):
                array.add_(torch.tensor(0.2 * random.standard_normal(tuple(array.shape))))
    features = random.standard_normal((len(LENGTHS), max(LENGTHS), SIZES["num_mel_bins"]))
    case: dict[str, Any] = {"features": features, "lengths": LENGTHS, "labels": LABELS}
    case |= {f"weight {name}": array.numpy().copy() for name, array in model.state_dict().items()}
    states, logits, loss = [], [], 0.0
    for one, length, labels in zip(features, LENGTHS, LABELS, strict=True):
        of_one, of_head = model(torch.tensor(one[:length]))
        target = torch.tensor([[label for label in labels if label >= 0]])
        sizes = [torch.tensor([size]) for size in (len(of_head), target.shape[1])]
        log_probs = torch.log_softmax(of_head, -1)[:, None]
        loss = loss + torch.nn.functional.ctc_loss(
            log_probs, target, *sizes, blank=SIZES["vocab_size"] - 1, reduction="sum"
        )
        states.append(of_one)
        logits.append(of_head)
    loss.backward()
    for index in range(len(states[0])):
        case[f"state {index}"] = torch.cat([one[index] for one in states]).detach().numpy()
    case["logits"], case["loss"] = torch.cat(logits).detach().numpy(), loss.item()
    case |= {f"gradient {name}": parameter.grad.numpy() for name, parameter in model.named_parameters()}
    return case


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name in CASES:
        np.savez_compressed(FOLDER / f"{name}.npz", **make(name))

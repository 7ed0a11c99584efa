"""What a feature extractor or tokenizer returns, in use."""

from typing import Any

from tests.porting.area import Area
from tests.porting.library import Library
from tests.porting.written import add_calls

AREA = Area("batches", "Batches")


@AREA.row("processor(audio, sampling_rate=16000).input_values")
def lists_or_arrays(l: Library) -> Any:
    processor = l.AutoProcessor.from_pretrained(l.folder())
    return processor(l.audio(400), sampling_rate=16000).input_values


def names(l: Library) -> dict[str, Any]:
    import numpy as np

    processor = l.AutoProcessor.from_pretrained(l.folder())
    return {
        "np": np,
        "processor": processor,
        "tokenizer": processor.tokenizer,
        "audio": l.audio(40),
        "inputs": processor(l.audio(40), sampling_rate=16000, return_tensors="np"),
    }


add_calls(
    AREA,
    names,
    [
        "list(inputs.keys())",
        "sorted(inputs)",
        "[name for name, _ in inputs.items()]",
        "len(inputs.values())",
        'inputs["input_values"]',
        "inputs.input_values.shape",
        "inputs.data",
        "{**inputs}",
        "dict(inputs)",
        "inputs.copy()",
        'inputs.to("cpu")',
        'inputs.to("cpu").input_values',
        'inputs.to(device="cpu", non_blocking=True)',
        "inputs.attention_mask.sum()",
        'inputs.pop("attention_mask"); list(inputs.keys())',
        'inputs["labels"] = np.array([1]); sorted(inputs)',
        'del inputs["attention_mask"]; "attention_mask" in inputs',
        'inputs.update({"labels": [1]}); inputs["labels"]',
        'inputs["bogus"]',
        "inputs.bogus",
        'inputs.get("bogus")',
        'processor(audio, sampling_rate=16000).convert_to_tensors("np").input_values',
        'processor(audio, sampling_rate=16000, return_tensors="bogus")',
        'l.BatchFeature({"x": [1, 2]})',
        'l.BatchFeature({"x": [1, 2]}, tensor_type="np").x',
        "l.BatchFeature()",
        'l.BatchEncoding({"x": [1, 2]}, tensor_type="np", prepend_batch_axis=True).x',
        'tokenizer("AB").data',
        'tokenizer("AB").to("cpu")',
        'tokenizer("AB").is_fast',
        'tokenizer("AB").convert_to_tensors("np").input_ids',
        'isinstance(tokenizer("AB"), l.BatchEncoding)',
        "isinstance(inputs, l.BatchFeature)",
    ],
)
add_calls(
    AREA,
    names,
    ["inputs.to(np.float16).input_values"],
    deliberate="a NumPy dtype casts NumPy arrays; the reference casts torch's tensors only",
)
add_calls(
    AREA,
    names,
    ['l.BatchFeature({"x": [[1], [1, 2]]}, tensor_type="np").x.shape'],
    deliberate="an array of lists of several lengths is no batch: pass padding=True",
)
add_calls(
    AREA,
    names,
    [
        'processor(audio, sampling_rate=16000, return_tensors="pt").input_values',
        'processor(audio, sampling_rate=16000, return_tensors="pt").to("cpu").attention_mask',
        'l.BatchFeature({"x": [1.5, 2]}, tensor_type="pt").x',
        'tokenizer(["AB", "A"], padding=True).convert_to_tensors("pt").input_ids',
    ],
    needs="torch",
)

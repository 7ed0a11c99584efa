"""What a feature extractor or tokenizer returns, in use."""

from typing import Any

from tests.porting.area import Area
from tests.porting.library import Library

AREA = Area("batches", "Batches")


@AREA.row("processor(audio, sampling_rate=16000).input_values")
def lists_or_arrays(l: Library) -> Any:
    processor = l.AutoProcessor.from_pretrained(l.folder())
    return processor(l.audio(400), sampling_rate=16000).input_values

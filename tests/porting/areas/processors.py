"""A feature extractor and a tokenizer in one."""

from typing import Any

from tests.porting.area import Area
from tests.porting.areas.tokenizers import VOCABULARY
from tests.porting.library import Library
from tests.porting.written import add_calls

AREA = Area("processors", "Processors")


def names(l: Library) -> dict[str, Any]:
    import json
    import os
    from pathlib import Path

    import numpy as np

    file = l.temporary / "vocab.json"
    file.write_text(json.dumps(VOCABULARY))
    processor = l.Wav2Vec2Processor(l.Wav2Vec2FeatureExtractor(), l.Wav2Vec2CTCTokenizer(str(file)))
    folder = str(l.temporary / "saved")
    processor.save_pretrained(folder)
    return {
        "np": np,
        "os": os,
        "processor": processor,
        "P": l.Wav2Vec2Processor,
        "folder": folder,
        "other": str(l.temporary / "other"),
        "x": np.linspace(-1, 1, 5).astype(np.float32),
        "holds": lambda folder, text: sorted(p.name for p in Path(folder).iterdir() if text in p.read_text("utf-8")),
    }


HUB = "token='SECRET', cache_dir='/tmp', revision='main', local_files_only=True, force_download=False"
add_calls(
    AREA,
    names,
    [
        "processor(x, sampling_rate=16000)",
        'processor(x, sampling_rate=16000, text="AB").labels',
        'processor(text="AB")',
        'processor(text=["AB", "A"], padding=True, return_tensors="np")',
        'processor(audio=x, sampling_rate=16000, return_tensors="np").input_values',
        "processor()",
        'processor.pad({"input_values": [[0.1, 0.2], [0.3]]}, True)',
        'processor.pad([{"input_values": [0.1, 0.2]}, {"input_values": [0.3]}], padding=True, return_tensors="np")',
        'processor.pad(labels=[{"input_ids": [1, 2]}, {"input_ids": [3]}], padding=True, return_tensors="np")',
        'processor.pad({"input_values": [[0.1, 0.2], [0.3]]}, labels={"input_ids": [[1, 2], [3]]})["labels"]',
        "processor.decode([2, 2, 3]), processor.batch_decode([[2, 2, 3]])",
        "processor.model_input_names",
        "processor.to_dict()",
        "processor.to_json_string().strip()",
        "processor.to_json_file(other); os.path.isfile(other)",
        "P.from_pretrained(folder, do_normalize=False).feature_extractor.do_normalize",
        "P.from_pretrained(folder, padding_side='left').tokenizer.padding_side",
        "P.from_pretrained(pretrained_model_name_or_path=folder).tokenizer.vocab_size",
        "P.from_pretrained(folder, max_length=5, padding='max_length')(text='AB')",
        "P.from_pretrained(folder, max_length=5, padding='max_length')(text='AB', max_length=3)",
        "P.from_pretrained(folder, max_length=5, padding='max_length')(x, sampling_rate=16000, text='AB').labels",
        "P.from_pretrained(folder).save_pretrained(save_directory=other); sorted(os.listdir(other))",
        f"P.from_pretrained(folder, {HUB}).save_pretrained(other); holds(other, 'SECRET')",
        f"P.from_pretrained(folder, {HUB}).save_pretrained(other); holds(other, 'cache_dir')",
        f"l.AutoProcessor.from_pretrained(folder, {HUB}).save_pretrained(other); holds(other, 'SECRET')",
        "l.AutoProcessor.from_pretrained(folder, trust_remote_code=False).tokenizer.vocab_size",
        "P(processor.tokenizer, processor.feature_extractor)",
        "P(processor.feature_extractor)",
        "P.from_pretrained(folder).tokenizer.name_or_path == folder",
    ],
)
add_calls(
    AREA,
    names,
    [
        "processor(x, sampling_rate=16000, paddin=True)",
        "P.from_pretrained(folder, do_normalise=False).feature_extractor.do_normalize",
    ],
    deliberate="an argument with a wrong letter is named, not ignored",
)
add_calls(
    AREA,
    names,
    [
        'processor(x, sampling_rate=16000, return_tensors="pt").input_values',
    ],
    needs="torch",
)

"""Feature extractors: calls, padding, settings and files."""

from typing import Any

from tests.porting.area import Area
from tests.porting.library import Library
from tests.porting.written import add_calls

AREA = Area("extractors", "Feature extractors")


def names(l: Library) -> dict[str, Any]:
    import os

    import numpy as np

    x = np.linspace(-1, 1, 5).astype(np.float32)
    return {
        "np": np,
        "os": os,
        "FE": l.Wav2Vec2FeatureExtractor,
        "fe": l.Wav2Vec2FeatureExtractor(return_attention_mask=True),
        "plain": l.Wav2Vec2FeatureExtractor(return_attention_mask=True, do_normalize=False),
        "bert": l.SeamlessM4TFeatureExtractor(),
        "x": x,
        "speech": l.audio(1600),
        "folder": str(l.temporary / "saved"),
        "file": str(l.temporary / "settings.json"),
    }


add_calls(
    AREA,
    names,
    [
        "fe(x, sampling_rate=16000)",
        "fe([x, x[:3]], sampling_rate=16000, padding=True)",
        'fe([x, x[:3]], sampling_rate=16000, padding=True, return_tensors="np")',
        "FE(do_normalize=False)([0.1, 0.2], padding=True).input_values",
        "plain([[0.1, 0.2], [0.3]], padding=True)",
        "plain(x, sampling_rate=16000).input_values",
        'fe(x, sampling_rate=16000, device="cpu").input_values',
        "fe(x, sampling_rate=16000, padding_value=0.0).input_values",
        'bert(speech, sampling_rate=16000, return_tensors="np").input_features.shape',
        'bert(speech, sampling_rate=16000, device="cpu").attention_mask',
        "type(bert(speech, sampling_rate=16000).input_features).__name__",
        'fe.pad([{"input_values": x, "labels": 3}, {"input_values": x[:3], "labels": 4}], return_tensors="np")',
        'fe.pad([{"input_values": x, "labels": 3}, {"input_values": x[:3], "labels": 4}])["labels"]',
        'fe.pad([{"input_values": x, "labels": [3, 1]}, {"input_values": x[:3], "labels": [4, 1]}])["labels"]',
        'fe.pad([{"input_values": x, "weight": 0.5}, {"input_values": x[:3], "weight": 1.5}])["weight"]',
        'fe.pad({"input_values": [x, x], "labels": [1, 2]})["labels"]',
        'fe.pad({"input_values": [x, x], "labels": [1, 2, 3]})',
        'fe.pad([{"input_values": x, "attention_mask": [1, 1, 1, 0, 0]}])["attention_mask"]',
        'sorted(fe.pad([{"input_values": x, "attention_mask": [1] * 5}], return_attention_mask=False))',
        'sorted(fe.pad([{"input_values": x}], return_attention_mask=False))',
        'fe.pad([{"input_values": x}, {"input_values": x[:3]}], padding="max_length", max_length=6)["attention_mask"]',
        "fe.to_dict()",
        "fe.to_json_string().strip()",
        "fe.to_json_file(file); FE.from_json_file(file).to_dict()",
        "fe.to_json_file(json_file_path=file); FE.from_json_file(json_file=file).sampling_rate",
        "FE.from_dict(fe.to_dict()).return_attention_mask",
        "FE.from_dict(fe.to_dict(), do_normalize=False).do_normalize",
        "FE.from_dict(fe.to_dict(), return_unused_kwargs=True, foo=1)[1]",
        "fe.save_pretrained(folder); FE.from_pretrained(folder, return_unused_kwargs=True, foo=1)[1]",
        "fe.save_pretrained(save_directory=folder); os.listdir(folder)",
        "fe.save_pretrained(folder); FE.from_pretrained(pretrained_model_name_or_path=folder).do_normalize",
        "fe.save_pretrained(folder); l.AutoFeatureExtractor.from_pretrained(folder, use_fast=True).to_dict()",
        "fe.save_pretrained(folder); FE.from_pretrained(folder, token='SECRET', cache_dir=folder, revision='main',"
        " local_files_only=True, force_download=False, trust_remote_code=False).to_dict()",
        "fe.save_pretrained(folder, push_to_hub=False)[0].endswith('preprocessor_config.json')",
        "fe.model_input_names",
        "l.SeamlessM4TFeatureExtractor().to_dict()['stride']",
    ],
)
add_calls(
    AREA,
    names,
    ["fe(x, sampling_rate=16000, padding_value=3.0)", "fe(x, sampling_rate=16000, paddin=True)"],
    deliberate="refused; the reference ignores it",
)
add_calls(
    AREA,
    names,
    ["fe.save_pretrained(folder); FE.from_pretrained(folder, do_normalise=False).do_normalize"],
    deliberate="a setting with a wrong letter is named, not ignored",
)
add_calls(
    AREA,
    names,
    ['type(fe.pad([{"input_values": x, "labels": [3, 1]}, {"input_values": x, "labels": [4]}])["labels"]).__name__'],
    deliberate="labels of several lengths stay lists; the reference makes an array of objects, which no loss takes",
)
add_calls(
    AREA,
    names,
    [
        'fe(x, sampling_rate=16000, return_tensors="pt").input_values',
    ],
    needs="torch",
)

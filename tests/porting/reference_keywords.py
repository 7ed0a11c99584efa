"""The keywords that transformers' calls take: asked of the library itself, and frozen beside the rows' answers.

A keyword is a parameter of the function, one that its body takes out of `**kwargs`, or one that the type of its
`**kwargs` declares.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterable
from typing import Any

from tests.porting.area import ANSWERS

FILE = ANSWERS / "reference_keywords.json"
_TAKEN = re.compile(r"kwargs\.(?:pop|get)\(\s*\"(\w+)\"")


def frozen() -> dict[str, list[str]]:
    """Call -> the keywords that it takes, as they were when they were frozen."""
    return json.loads(FILE.read_text(encoding="utf-8"))


def freeze() -> None:
    """Asks transformers anew."""
    lines = [f"{json.dumps(call)}: {json.dumps(names)}" for call, names in live().items()]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def live() -> dict[str, list[str]]:
    """The same of the transformers that is installed."""
    return {call: sorted(_public(_keywords(functions))) for call, functions in _functions().items()}


def _functions() -> dict[str, tuple[Callable | type, ...]]:
    import transformers as t
    from transformers import processing_utils
    from transformers.models.auto.auto_factory import _BaseAutoModelClass
    from transformers.utils.generic import TransformersKwargs

    config, tokenizer, extractor = t.PreTrainedConfig, t.PreTrainedTokenizerBase, t.SequenceFeatureExtractor
    asr, classify = t.AutomaticSpeechRecognitionPipeline, t.AudioClassificationPipeline
    return {
        "model.from_pretrained": (t.PreTrainedModel.from_pretrained,),
        "model.save_pretrained": (t.PreTrainedModel.save_pretrained,),
        "AutoModel.from_pretrained": (_BaseAutoModelClass.from_pretrained,),
        "config.from_pretrained": (config.from_pretrained, config._get_config_dict, config.from_dict),
        "config.save_pretrained": (config.save_pretrained,),
        "tokenizer.from_pretrained": (
            *(tokenizer.from_pretrained, tokenizer.__init__, t.AutoTokenizer.from_pretrained),
            t.Wav2Vec2CTCTokenizer.__init__,
        ),
        "tokenizer.save_pretrained": (tokenizer.save_pretrained,),
        "tokenizer()": (tokenizer.__call__,),
        "tokenizer.pad": (tokenizer.pad,),
        "tokenizer.decode": (t.Wav2Vec2CTCTokenizer.decode,),
        "tokenizer.batch_decode": (t.Wav2Vec2CTCTokenizer.batch_decode,),
        "extractor.from_pretrained": (extractor.from_pretrained, extractor.get_feature_extractor_dict),
        "extractor.save_pretrained": (extractor.save_pretrained,),
        "Wav2Vec2FeatureExtractor()": (t.Wav2Vec2FeatureExtractor.__call__,),
        "SeamlessM4TFeatureExtractor()": (t.SeamlessM4TFeatureExtractor.__call__,),
        "extractor.pad": (extractor.pad,),
        "processor.from_pretrained": (t.ProcessorMixin.from_pretrained, t.ProcessorMixin.get_processor_dict),
        "processor.save_pretrained": (t.ProcessorMixin.save_pretrained,),
        "processor()": (t.Wav2Vec2Processor.__call__, processing_utils.TextKwargs, processing_utils.AudioKwargs),
        "pipeline": (t.pipeline, t.Pipeline.__init__, asr.__init__),
        "recognise()": (asr._sanitize_parameters, t.Pipeline.__call__),
        "classify()": (classify._sanitize_parameters, t.Pipeline.__call__),
        "pipeline.save_pretrained": (t.Pipeline.save_pretrained,),
        "forward": (t.Wav2Vec2ConformerForCTC.forward, t.Wav2Vec2ConformerModel.forward, TransformersKwargs),
        "forward of pre-training": (t.Wav2Vec2ConformerForPreTraining.forward,),
    }


def _keywords(functions: Iterable[Any]) -> set[str]:
    """All that one of the functions takes, or one of the types declares."""
    found: set[str] = set()
    for function in functions:
        if isinstance(function, type):
            found |= set(function.__annotations__)
            continue
        kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
        found |= {name for name, one in inspect.signature(function).parameters.items() if one.kind not in kinds}
        found |= set(_TAKEN.findall(inspect.getsource(function)))
    return found


def _public(names: Iterable[str]) -> set[str]:
    return {name for name in names if not name.startswith("_")} - {"self", "cls"}

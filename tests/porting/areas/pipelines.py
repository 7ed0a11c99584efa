"""Pipelines: how they are built, what they have, what they are asked."""

from typing import Any

from tests.porting.area import Area
from tests.porting.library import Library
from tests.porting.written import add_calls

AREA = Area("pipelines", "Pipelines")
ASR, AC = "automatic-speech-recognition", "audio-classification"


def names(l: Library) -> dict[str, Any]:
    import os
    from pathlib import Path

    import numpy as np

    return {
        "ASR": ASR,
        "AC": AC,
        "np": np,
        "os": os,
        "d": l.folder(),
        "c": l.folder("ForSequenceClassification"),
        "x": l.audio(8000),
        "folder": str(l.temporary / "saved"),
        "holds": lambda folder, text: sorted(p.name for p in Path(folder).iterdir() if text in p.read_bytes()),
        "first": lambda scores: [scores[0]["label"], round(scores[0]["score"], 4), len(scores)],
        "plain": lambda dtype: str(dtype).removeprefix("torch."),
    }


def loaded(l: Library) -> dict[str, Any]:
    return {
        **names(l),
        "m": l.model(),
        "t": l.AutoTokenizer.from_pretrained(l.folder()),
        "f": l.AutoFeatureExtractor.from_pretrained(l.folder()),
        "p": l.AutoProcessor.from_pretrained(l.folder()),
        "cm": l.model("ForSequenceClassification"),
    }


def pipes(l: Library) -> dict[str, Any]:
    there = names(l)
    return {
        **there,
        "pipe": l.pipeline(ASR, model=there["d"], device=-1),
        "classify": l.pipeline(AC, model=there["c"], device="cpu"),
    }


add_calls(
    AREA,
    names,
    [
        "l.pipeline(ASR, model=d)(x)",
        "l.pipeline(ASR, d)(x)",
        "l.pipeline(task=ASR, model=d, device=-1)(x)",
        'l.pipeline(ASR, model=d, device="cpu")(x)',
        "l.pipeline(ASR, model=d, device=None)(x)",
        "l.pipeline(ASR, model=d, tokenizer=d, feature_extractor=d)(x)",
        'l.pipeline(ASR, model=d, torch_dtype="float32")(x)',
        'plain(l.pipeline(ASR, model=d, torch_dtype="float64").dtype)',
        'plain(l.pipeline(ASR, model=d, dtype="float64").dtype)',
        "l.pipeline(ASR, model=d, config=d)(x)",
        "l.pipeline(ASR, model=d, config=l.AutoConfig.from_pretrained(d))(x)",
        'l.pipeline(ASR, model=d, revision="main", token="SECRET")(x)',
        'l.pipeline(ASR, model=d, framework="pt", num_workers=0, use_fast=False, trust_remote_code=False)(x)',
        "l.pipeline(ASR, model=d, device_map=None)(x)",
        "l.pipeline(ASR, model=d, batch_size=2)([x, x])",
        'l.pipeline(ASR, model=d, model_kwargs={"torch_dtype": "float32"})(x)',
        'l.pipeline(ASR, model=d, return_timestamps="word")(x)["chunks"]',
        "l.pipeline(ASR, model=d, chunk_length_s=5)(x)",
        'l.pipeline("bogus", model=d)',
        'l.pipeline(ASR, model=d, device="bogus")',
        "first(l.pipeline(AC, model=c)(x))",
        'first(l.pipeline(AC, model=c, feature_extractor=c, device="cpu")(x))',
        'first(l.pipeline(AC, model=c, function_to_apply="sigmoid")(x, top_k=2))',
        'l.pipeline(ASR, model=d, token="SECRET", revision="main").save_pretrained(folder); holds(folder, b"SECRET")',
        "l.pipeline(ASR, model=d).save_pretrained(folder); l.pipeline(ASR, model=folder)(x)",
        "l.pipeline(AC, model=c).save_pretrained(save_directory=folder); first(l.pipeline(AC, model=folder)(x))",
    ],
)
add_calls(
    AREA,
    loaded,
    [
        "l.pipeline(ASR, model=m, tokenizer=t, feature_extractor=f)(x)",
        "l.pipeline(ASR, model=m, tokenizer=t, feature_extractor=f, device=-1)(x)",
        "l.pipeline(ASR, model=m, tokenizer=p.tokenizer, feature_extractor=p.feature_extractor)(x)",
        "l.pipeline(ASR, model=m, tokenizer=d, feature_extractor=f)(x)",
        "l.pipeline(ASR, model=m)",
        "l.AutomaticSpeechRecognitionPipeline(model=m, tokenizer=t, feature_extractor=f)(x)",
        "l.AutomaticSpeechRecognitionPipeline(model=m, tokenizer=t, feature_extractor=f, device=-1)(x)",
        "l.AutomaticSpeechRecognitionPipeline(m, f, t)(x)",
        "first(l.AudioClassificationPipeline(model=cm, feature_extractor=f)(x))",
        "first(l.pipeline(AC, model=cm, feature_extractor=f)(x))",
        "isinstance(l.pipeline(AC, model=cm, feature_extractor=f), l.AudioClassificationPipeline)",
    ],
)
add_calls(
    AREA,
    pipes,
    [
        "str(pipe.device), plain(pipe.dtype), pipe.task, pipe.type",
        "classify.tokenizer, str(classify.device)",
        "pipe.tokenizer.vocab_size, pipe.feature_extractor.sampling_rate",
        "pipe.model.config.vocab_size, pipe.model.training",
        'pipe(x, return_timestamps="char")["chunks"][:2]',
        'pipe(x, return_timestamps="word")["chunks"]',
        "pipe(x, return_timestamps=True)",
        'pipe(x, return_timestamps="bogus")',
        "pipe(x, num_workers=0, ignore_warning=True)",
        "pipe(x, generate_kwargs={})",
        "pipe(x, batch_size=1)",
        "pipe(x, chunk_length_s=0)",
        "pipe(x, chunk_length_s=10, stride_length_s=(2, 1))",
        "first(classify(x))",
        "first(classify(x, top_k=1))",
        "first(classify(x, top_k=None))",
        "first(classify(x, top_k=100))",
        'classify(x, function_to_apply="bogus")',
        'first(classify(x, function_to_apply="none"))',
        "pipe.postprocess([pipe.forward(one) for one in pipe.preprocess(x)])",
        'pipe.postprocess([pipe.forward(one) for one in pipe.preprocess(x)], return_timestamps="word")["chunks"]',
        'list(pipe.preprocess(x))[0]["is_last"]',
        'pipe.forward(next(pipe.preprocess(x)))["tokens"]',
        'classify.preprocess(x)["input_values"].shape',
        "first(classify.postprocess(classify.forward(classify.preprocess(x)), top_k=2))",
        "[one['stride'] for one in l.pipelines.automatic_speech_recognition.chunk_iter("
        "x, pipe.feature_extractor, 3200, 500, 500)]",
        "list(l.pipelines.automatic_speech_recognition.chunk_iter(x, pipe.feature_extractor, 3200, 0, 0))[1]"
        "['input_values'][0, :3]",
        "l.pipelines.automatic_speech_recognition.rescale_stride([(16000, 5000, 0)], 1 / 320)",
        "l.pipelines.pipeline is l.pipeline",
    ],
)
add_calls(
    AREA,
    names,
    ["str(l.pipeline(ASR, model=d, device=0).device)"],
    deliberate="a GPU that is asked for and not there is an error, which says device=-1; the reference takes the CPU",
)
add_calls(
    AREA,
    names,
    ['l.pipeline(ASR, model=d, device_map="auto")(x)'],
    deliberate="taken; the reference needs a further package for it",
)
add_calls(
    AREA,
    names,
    ['l.pipeline(ASR, model=d, framework="tf")(x)'],
    deliberate="there is no such framework, here or there; the reference ignores it",
)
add_calls(
    AREA,
    names,
    ["first(l.pipeline(AC, model=c, top_k=1)(x))"],
    deliberate="a pipeline's own top_k holds for its calls; the reference forgets it and gives all labels",
)
add_calls(
    AREA,
    names,
    ["first(l.pipeline(AC, model=c, tokenizer=d)(x))"],
    deliberate="a task without text takes no tokenizer; the reference ignores it",
)
add_calls(
    AREA,
    names,
    ["np.shape(l.pipeline('feature-extraction', model=d)(x))"],
    deliberate="gives a recording's last hidden state; the reference's takes texts",
)
add_calls(
    AREA,
    loaded,
    ["l.pipeline(ASR, model=m, processor=p)(x)"],
    deliberate="a processor is enough; the reference wants its two parts",
)
add_calls(
    AREA,
    pipes,
    ['pipe(x, generate_kwargs={"language": "en"})'],
    deliberate="a CTC model has no language to choose; the reference ignores it",
)
add_calls(
    AREA,
    pipes,
    ["pipe(x, chunk_length=5)", "pipe(x, max_new_tokens=5)", "classify(x, topk=1)"],
    deliberate="an unknown option is an error; the reference ignores it",
)
add_calls(
    AREA,
    pipes,
    ["pipe(x, chunk_length_s=0.2)"],
    deliberate="the last chunk is as long as the others, so that a word at the end is heard as any other",
)

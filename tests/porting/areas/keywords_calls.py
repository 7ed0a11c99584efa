"""Every keyword of the calls of tokenizers, extractors, processors, pipelines and models that transformers has."""

from pathlib import Path
from typing import Any

from tests.porting.area import Area
from tests.porting.areas.tokenizers import VOCABULARY
from tests.porting.keyword_rows import KeywordRows
from tests.porting.library import Library

AREA = Area("keywords_calls", "Keywords of calls")


ASR = "automatic-speech-recognition"


def parts(l: Library) -> dict[str, Any]:
    import json

    import numpy as np

    file = l.temporary / "vocab.json"
    file.write_text(json.dumps(VOCABULARY))
    tok, fe = l.Wav2Vec2CTCTokenizer(str(file)), l.Wav2Vec2FeatureExtractor(return_attention_mask=True)
    x = np.linspace(-1, 1, 5).astype(np.float32)
    return {
        **{"tok": tok, "fe": fe, "x": x, "speech": l.audio(8000), "np": np, "l": l},
        **{"mel": l.SeamlessM4TFeatureExtractor(), "processor": l.Wav2Vec2Processor(fe, tok)},
        "rows": [{"input_values": x}, {"input_values": x[:3]}],
        "ids": [{"input_ids": [5, 6]}, {"input_ids": [7, 8, 9]}],
        "plain": lambda batch: {name: np.asarray(batch[name], np.float64).round(4).tolist() for name in sorted(batch)},
        "shapes": lambda batch: {name: [np.shape(one) for one in batch[name]] for name in sorted(batch)},
    }


def of_parts(call: str, written: str) -> KeywordRows:
    return KeywordRows(AREA, parts, call, written)


FRAMES = "np.array([2, 2, 1, 3, 1, 1, 12, 4])"

of_parts("tokenizer()", 'tok(["ABC D", "A"], {})')(
    """
add_special_tokens=False
is_split_into_words=True
max_length=2
padding=True
padding="max_length", max_length=7
padding_side="left", padding=True
pad_to_multiple_of=4, padding=True
return_attention_mask=False
return_length=True
return_special_tokens_mask=True
return_tensors="np", padding=True
return_token_type_ids=True
split_special_tokens=True
stride=1, max_length=2, truncation=True
text=["ABC"] ... tok(text=["ABC"]).input_ids
text_target=["AB", "C"]
truncation=True, max_length=2
verbose=False
"""
)(
    """
max_target_length=2
tokenizer_kwargs={}
text_pair=["A", "B"]
text_pair_target=["A", "B"]
return_offsets_mapping=True
return_overflowing_tokens=True
""",
    deliberate="refused: a text of a CTC model has no second text, and nothing that the other keywords could say",
)
of_parts("tokenizer.pad", "tok.pad(ids, {})")(
    """
encoded_inputs=ids ... tok.pad(encoded_inputs=ids)
max_length=5, padding="max_length"
pad_to_multiple_of=4
padding="max_length", max_length=4
padding_side="left"
return_attention_mask=False
return_tensors="np"
verbose=False
"""
)
for call in ("tokenizer.decode", "tokenizer.batch_decode"):
    method, first, ids = "decode", "token_ids", FRAMES
    if call == "tokenizer.batch_decode":
        method, first, ids = "batch_decode", "sequences", f"[{FRAMES}]"
    of_parts(call, f"tok.{method}({ids}, {{}})")(
        f"""
clean_up_tokenization_spaces=True
group_tokens=False
output_char_offsets=True ... tok.{method}({ids}, output_char_offsets=True).char_offsets
output_word_offsets=True ... tok.{method}({ids}, output_word_offsets=True).word_offsets
skip_special_tokens=True
spaces_between_special_tokens=True
{first}={ids} ... tok.{method}({first}={ids})
"""
    )
OF_EXTRACTORS = """
max_length=3, truncation=True
padding="max_length", max_length=9
pad_to_multiple_of=4, padding=True
return_attention_mask=False
return_tensors="np", padding=True
truncation=True, max_length=2
"""
of_parts("Wav2Vec2FeatureExtractor()", "plain(fe([x], sampling_rate=16000, {}))")(
    OF_EXTRACTORS
    + """
padding=True ... plain(fe([x, x[:3]], sampling_rate=16000, padding=True))
raw_speech=[x] ... plain(fe(raw_speech=[x], sampling_rate=16000))
sampling_rate=8000 ... fe(x, sampling_rate=8000)
"""
)
of_parts("SeamlessM4TFeatureExtractor()", "shapes(mel([speech], sampling_rate=16000, {}))")(
    OF_EXTRACTORS
    + """
do_normalize_per_mel_bins=False ... mel(speech, sampling_rate=16000, do_normalize_per_mel_bins=False)
padding=True ... shapes(mel([speech, speech[:4000]], sampling_rate=16000, padding=True))
raw_speech=[speech] ... shapes(mel(raw_speech=[speech], sampling_rate=16000))
sampling_rate=8000 ... mel(speech, sampling_rate=8000)
"""
)
of_parts("extractor.pad", "plain(fe.pad(rows, {}))")(
    """
max_length=7, padding="max_length"
pad_to_multiple_of=4
padding="max_length", max_length=6
processed_features=rows ... plain(fe.pad(processed_features=rows))
return_attention_mask=False
return_tensors="np"
truncation=True, max_length=2, padding="max_length"
"""
)
of_parts("processor()", 'processor(text=["ABC D", "A"], {})')(
    """
add_special_tokens=False
is_split_into_words=True
max_length=2
pad_to_multiple_of=4, padding=True
padding=True
padding_side="left", padding=True
return_attention_mask=False
return_length=True
return_special_tokens_mask=True
return_tensors="np", padding=True
return_token_type_ids=True
stride=1
text_target=["A", "B"]
truncation=True, max_length=2
verbose=False
audio=x ... processor(audio=x, sampling_rate=16000)
sampling_rate=8000 ... processor(x, sampling_rate=8000)
text="AB" ... processor(text="AB")
"""
)(
    """
device="cpu" ... processor(audio=x, sampling_rate=16000, device="cpu")
raw_speech=x ... processor(raw_speech=x, sampling_rate=16000)
"""
)(
    """
text_pair=["A", "B"]
text_pair_target=["A", "B"]
return_offsets_mapping=True
return_overflowing_tokens=True
return_mm_token_type_ids=True
return_text_replacement_offsets=True
sanitize_control_tokens=True
load_audio_backend="x" ... processor(audio=x, sampling_rate=16000, load_audio_backend="x")
""",
    deliberate="refused: it says nothing to a processor of speech and letters",
)


def pipes(l: Library) -> dict[str, Any]:
    d, c = l.folder(), l.folder("ForSequenceClassification")
    return {
        **{"d": d, "c": c, "x": l.audio(8000), "out": str(l.temporary / "out"), "l": l, "ASR": ASR},
        **{"pipe": l.pipeline(ASR, model=d, device=-1), "C": l.Wav2Vec2ConformerForCTC},
        "classify": l.pipeline("audio-classification", model=c, device=-1),
        "first": lambda scores: [scores[0]["label"], round(scores[0]["score"], 4), len(scores)],
        **{"F": l.AutoFeatureExtractor, "T": l.AutoTokenizer},
        "dtype": lambda pipe: str(pipe.model.dtype).split(".")[-1],
        "weights": lambda folder: sorted(path.name for path in Path(folder).glob("model*")),
    }


def of_pipes(call: str, written: str) -> KeywordRows:
    return KeywordRows(AREA, pipes, call, written)


of_pipes("pipeline", "l.pipeline(ASR, model=d, {})(x)")(
    """
batch_size=2
binary_output=False
cache_dir=out
code_revision="main"
config=d
decoder=None
device=-1
device_map=None
dtype="float64" ... dtype(l.pipeline(ASR, model=d, dtype="float64"))
feature_extractor=F.from_pretrained(d)
local_files_only=True
model=d ... l.pipeline(ASR, model=d)(x)
model_kwargs={"local_files_only": True}
num_workers=0
revision="main"
task="x" ... l.pipeline(task=ASR, model=d)(x)
token="SECRET"
tokenizer=T.from_pretrained(d)
torch_dtype="float64" ... dtype(l.pipeline(ASR, model=d, torch_dtype="float64"))
trust_remote_code=False
use_fast=False
"""
)(
    """
assistant_model=None
assistant_tokenizer=None
image_processor=None
pipeline_class=None
processor=None
video_processor=None
model_kwargs={"dtype": "float64"} ... dtype(l.pipeline(ASR, model=d, model_kwargs={"dtype": "float64"}))
"""
)("args_parser=1", deliberate="an unknown option is an error; the reference ignores it")(
    "pipeline_class=l.AutomaticSpeechRecognitionPipeline",
    deliberate="refused: task= says which",
)("trust_remote_code=True", deliberate="refused: code beside a checkpoint is never run")(
    "binary_output=True", deliberate="refused: results are Python objects; pickle them where bytes are wanted"
)
of_pipes("recognise()", "pipe(x, {})")(
    """
batch_size=2
chunk_length_s=5
generate_kwargs={}
ignore_warning=True, chunk_length_s=5
inputs=x ... pipe(inputs=x)
num_workers=0
return_timestamps="char"
stride_length_s=1, chunk_length_s=5
return_language=None
decoder_kwargs=None
"""
)("return_language=True")(
    'decoder_kwargs={"beam_width": 3}',
    deliberate="refused: there is no decoder that it could be for",
)
of_pipes("classify()", "first(classify(x, {}))")(
    """
batch_size=2
function_to_apply="sigmoid"
inputs=x ... first(classify(inputs=x))
num_workers=0
top_k=1
"""
)
of_pipes("pipeline.save_pretrained", "pipe.save_pretrained(out, {}); weights(out)")(
    """
save_directory=out ... pipe.save_pretrained(save_directory=out); weights(out)
max_shard_size="10KB"
safe_serialization=False
"""
)


def models(l: Library) -> dict[str, Any]:
    import numpy as np

    mask = np.zeros((1, 50), bool)
    mask[0, 3:9] = True
    negatives = np.array([[[(i % 6 + 1) % 6, (i % 6 + 2) % 6] for i in range(50)]])
    return {
        **{
            "m": l.model().eval(),
            "pre": l.model("ForPreTraining").eval(),
            "base": l.Wav2Vec2ConformerModel.from_pretrained(l.folder()),
        },
        **{"x": l.tensor(l.audio(16000)[None]), "y": l.tensor([[2, 3, 2]], "int64"), "l": l},
        **{"mask": l.tensor(mask, "bool"), "ones": l.tensor(np.ones((1, 16000)), "int64")},
        "negatives": l.tensor(negatives, "int64"),
        "number": lambda tensor: round(float(tensor.detach().sum()), 3),
    }


def of_models(call: str, written: str) -> KeywordRows:
    return KeywordRows(AREA, models, call, written)


of_models("forward", "number(m(x, {}).logits)")(
    """
attention_mask=ones
input_values=x ... number(m(input_values=x).logits)
labels=y ... number(m(x, labels=y).loss)
output_hidden_states=True ... len(m(x, output_hidden_states=True).hidden_states)
return_dict=False ... type(m(x, return_dict=False)).__name__
"""
)("mask_time_indices=mask ... number(base.train()(x, mask_time_indices=mask).extract_features)")(
    "output_attentions=True ... len(m(x, output_attentions=True).attentions)",
    deliberate="they are given; the reference's fast attention has none to give, and leaves them out",
)(
    """
position_ids=None
num_items_in_batch=2, labels=y
output_router_logits=True
is_causal=True
cu_seq_lens_q=None
cu_seq_lens_k=None
max_length_q=5
max_length_k=5
seq_idx=None
""",
    deliberate="refused: keywords of language models, which say nothing about speech; the reference takes them all",
)
of_models("forward of pre-training", "number(pre(x, {}).projected_states)")(
    """
attention_mask=ones
input_values=x ... number(pre(input_values=x).projected_states)
mask_time_indices=mask
sampled_negative_indices=negatives, mask_time_indices=mask
"""
)

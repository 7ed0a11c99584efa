"""Every keyword of loading and saving that transformers has, one at a time."""

from typing import Any

from tests.porting.area import Area
from tests.porting.keyword_rows import KeywordRows
from tests.porting.library import Library

AREA = Area("keywords_loading", "Keywords of loading")


def names(l: Library) -> dict[str, Any]:
    import shutil
    from pathlib import Path

    d, out = l.folder(), str(l.temporary / "out")
    shutil.copytree(d, l.temporary / "all" / "sub")

    def model(m: Any) -> list[Any]:
        last = list(m.parameters())[-1]
        return [str(m.dtype).split(".")[-1], list(last.shape), round(float(abs(last.detach()).sum()), 4)]

    def written(folder: str) -> list[Any]:
        files = sorted(path for path in Path(folder).rglob("*") if path.is_file()) if Path(folder).exists() else []
        return [[path.name for path in files], any(b"SECRET" in path.read_bytes() for path in files)]

    def reads(tok: Any) -> list[Any]:
        """What a tokenizer does with its settings."""
        batch = tok(["A<s>B C", "AB"], padding=True)
        return [
            *(batch["input_ids"], sorted(batch), tok("ABC DE", truncation=True)["input_ids"]),
            *(tok.decode([2, 2, 1, 3, 1, 1, 12, 4]), tok.pad_token, tok.bos_token, tok.unk_token, tok.eos_token),
            *(len(tok), tok.name_or_path.split("/")[-1]),
        ]

    return {
        **{"l": l, "d": d, "sub": str(l.temporary / "all"), "out": out, "written": written, "model": model},
        **{"C": l.Wav2Vec2ConformerForCTC, "K": l.Wav2Vec2ConformerConfig, "F": l.Wav2Vec2FeatureExtractor},
        **{"T": l.Wav2Vec2CTCTokenizer, "P": l.Wav2Vec2Processor, "reads": reads},
        "hears": lambda f: [f.sampling_rate, f.do_normalize, f.padding_side, f.return_attention_mask],
        "config": lambda c: [c.hidden_size, c.hidden_act, c.num_labels],
    }


HUB = """
cache_dir=out
force_download=True
local_files_only=True
revision="main"
token="SECRET"
"""
INT8 = "taken: weights are stored in int8, on a CPU; the reference needs a further package for it"
ONE_PLACE = "refused: a model is on one device here; the reference ignores it where one process runs"
REFUSED = (
    ('proxies={"https": "http://localhost"}', "refused: the environment's HTTPS_PROXY is what says it"),
    ("trust_remote_code=True", "refused: code beside a checkpoint is never run, so nobody is told that it was"),
)


def of_call(call: str, written: str) -> KeywordRows:
    """The rows of a call; a `from_pretrained` has those that are refused at once."""
    rows = KeywordRows(AREA, names, call, written)
    if call.endswith("from_pretrained"):
        for text, reason in REFUSED:
            rows(text, deliberate=reason)
    return rows


of_call("model.from_pretrained", "model(C.from_pretrained(d, {}))")(
    HUB
    + """
adapter_name="other"
allow_all_kernels=True
attn_implementation="eager"
config=sub + "/sub"
disable_mmap=True
distributed_config={"tp_size": 2}
dtype="float64"
experts_implementation="eager"
fusion_config={"conv": True}
generation_config=None
gguf_file="x.gguf"
ignore_mismatched_sizes=True, vocab_size=15
kernel_config={"use_local_kernel": True}
max_memory={"cpu": "1GB"}
offload_buffers=True
offload_folder=out
output_loading_info=True ... model(C.from_pretrained(d, output_loading_info=True)[0])
pretrained_model_name_or_path=d ... model(C.from_pretrained(pretrained_model_name_or_path=d))
state_dict={} ... model(C.from_pretrained(None, config=d, state_dict=C.from_pretrained(d).state_dict()))
subfolder="sub" ... model(C.from_pretrained(sub, subfolder="sub"))
torch_dtype="float64"
tp_size=2
tqdm_class=None
use_kernels=True
use_safetensors=True
variant="fp16"
weights_only=False
"""
)('device_map={"": "cpu"}', deliberate="taken; the reference needs a further package for it")(
    'quantization_config={"load_in_8bit": True}', deliberate=INT8
)(
    'adapter_kwargs={"revision": "main"}',
    deliberate="refused: no adapter is looked for; merge its weights first",
)('device_mesh="x"', deliberate=ONE_PLACE)('tp_plan="auto"', deliberate=ONE_PLACE)(
    'key_mapping={"^lm_head": "head"}', deliberate="refused: give the renamed weights as state_dict="
)
of_call("AutoModel.from_pretrained", "model(l.AutoModelForCTC.from_pretrained(d, {}))")(
    HUB
    + """
code_revision="main"
config=K.from_pretrained(d)
dtype="float64"
pretrained_model_name_or_path=d ... model(l.AutoModelForCTC.from_pretrained(pretrained_model_name_or_path=d))
torch_dtype="float64"
subfolder="sub" ... model(l.AutoModelForCTC.from_pretrained(sub, subfolder="sub"))
"""
)(
    'adapter_kwargs={"revision": "main"}',
    deliberate="refused: no adapter is looked for; merge its weights first",
)('quantization_config={"load_in_8bit": True}', deliberate=INT8)
UPLOAD = """
commit_message="first"
push_to_hub=False
repo_id="me/mine"
token="SECRET"
create_pr=True
"""
of_call("model.save_pretrained", "C.from_pretrained(d).save_pretrained(out, {}); written(out)")(
    UPLOAD
    + """
distributed_checkpoint=False
is_main_process=False
max_shard_size="10KB"
save_original_format=False
save_peft_format=False
save_directory=out ... C.from_pretrained(d).save_pretrained(save_directory=out); written(out)
state_dict={} ... m = C.from_pretrained(d); m.save_pretrained(out, state_dict=m.state_dict()); written(out)
"""
)('variant="fp16"', deliberate="weights have one name here; rename the file")
of_call("config.from_pretrained", "config(K.from_pretrained(d, {}))")(
    HUB
    + """
gguf_file="x.gguf"
config_dict={}
return_unused_kwargs=True, foo=3 ... K.from_pretrained(d, return_unused_kwargs=True, foo=3)[1]
pretrained_model_name_or_path=d ... config(K.from_pretrained(pretrained_model_name_or_path=d))
subfolder="sub" ... config(K.from_pretrained(sub, subfolder="sub"))
"""
)
of_call("config.save_pretrained", "K.from_pretrained(d).save_pretrained(out, {}); written(out)")(
    UPLOAD + "save_directory=out ... K.from_pretrained(d).save_pretrained(save_directory=out); written(out)"
)
of_call("tokenizer.from_pretrained", "reads(T.from_pretrained(d, {}))")(
    HUB
    + """
additional_special_tokens=["<x>"]
backend="x"
bos_token="A"
chat_control_tokens=["A"]
chat_template="x"
clean_up_tokenization_spaces=True
clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output=True
code_revision="main"
config=None
do_lower_case=True
eos_token="A"
extra_special_tokens=["<x>"]
files_loaded=[]
gguf_file="x.gguf"
max_len=3
mistral_format=True
model_input_names=["input_ids"]
model_max_length=3
model_specific_special_tokens={"x_token": "<x>"}
name_or_path="other"
pad_token="A"
padding_side="left"
pretrained_model_name_or_path=d ... reads(T.from_pretrained(pretrained_model_name_or_path=d))
processor_class="x"
replace_word_delimiter_char="_"
response_schema={}
response_template="x"
split_special_tokens=True, unk_token="A"
subfolder="sub" ... reads(T.from_pretrained(sub, subfolder="sub"))
target_lang=None
tokenizer_type="wav2vec2" ... reads(l.AutoTokenizer.from_pretrained(d, tokenizer_type="wav2vec2"))
truncation_side="left", model_max_length=3
unk_token="A"
use_fast=False
verbose=True
vocab_file=d + "/vocab.json"
"""
)('word_delimiter_token="A"', deliberate="taken; the reference keeps the former one")
of_call("tokenizer.save_pretrained", "T.from_pretrained(d).save_pretrained(out, {}); written(out)")(
    UPLOAD
    + """
filename_prefix="a"
save_jinja_files=True
save_directory=out ... T.from_pretrained(d).save_pretrained(save_directory=out); written(out)
"""
)("legacy_format=False", deliberate="a tokenizer written in Python is saved in one way; the reference raises")
of_call("extractor.from_pretrained", "hears(F.from_pretrained(d, {}))")(
    HUB
    + """
do_normalize=False
padding_side="left"
return_attention_mask=False
pretrained_model_name_or_path=d ... hears(F.from_pretrained(pretrained_model_name_or_path=d))
subfolder="sub" ... hears(F.from_pretrained(sub, subfolder="sub"))
"""
)
of_call("extractor.save_pretrained", "F.from_pretrained(d).save_pretrained(out, {}); written(out)")(
    UPLOAD + "save_directory=out ... F.from_pretrained(d).save_pretrained(save_directory=out); written(out)"
)
of_call("processor.from_pretrained", "hears(P.from_pretrained(d, {}).feature_extractor)")(
    HUB
    + """
do_normalize=False
pretrained_model_name_or_path=d ... hears(P.from_pretrained(pretrained_model_name_or_path=d).feature_extractor)
subfolder="sub" ... hears(P.from_pretrained(sub, subfolder="sub").feature_extractor)
"""
)
of_call("processor.save_pretrained", "P.from_pretrained(d).save_pretrained(out, {}); written(out)")(
    UPLOAD + "save_directory=out ... P.from_pretrained(d).save_pretrained(save_directory=out); written(out)"
)

"""Loading and saving models, with the keywords that people write."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.porting.area import Area
from tests.porting.library import Library

AREA = Area("loading", "Loading and saving")


def summary(model: Any) -> list[Any]:
    """A few numbers that tell whether two models have the same weights."""
    return [float(p.detach().sum()) for p in list(model.parameters())[-3:]]


def keyword(text: str, **remarks: Any) -> None:
    """A row: a recogniser loaded with one more keyword."""

    def run(l: Library) -> Any:
        return summary(l.Wav2Vec2ConformerForCTC.from_pretrained(l.folder(), **eval(f"dict({text})")))

    AREA.row(f"Wav2Vec2ConformerForCTC.from_pretrained(folder, {text})", **remarks)(run)


for text in (
    'attn_implementation="eager"',
    'attn_implementation="sdpa"',
    'attn_implementation="flex_attention"',
    'attn_implementation="flash_attention_2"',
    'attn_implementation="egaer"',
    "local_files_only=True",
    "cache_dir=None",
    'revision="main"',
    'token="SECRET"',
    "token=None",
    'subfolder=""',
    "use_safetensors=True",
    "use_safetensors=False",
    "low_cpu_mem_usage=True",
    "trust_remote_code=False",
    "device_map=None",
    "force_download=False",
    "weights_only=True",
    'mirror="x"',
    "proxies=None",
    "variant=None",
    "state_dict=None",
    "key_mapping=None",
    "quantization_config=None",
    'torch_dtype="float32"',
    'dtype="auto"',
    'dtype="bogus"',
    "hiden_size=3",
    "vocab_size=40",
    "attention_dropout=0.0, hidden_dropout=0.0, layerdrop=0.0, mask_time_prob=0.0",
    'ctc_loss_reduction="mean", pad_token_id=0',
    "gradient_checkpointing=True",
):
    keyword(text)

keyword(
    "trust_remote_code=True",
    deliberate="code beside a checkpoint is never run, so nobody is told that it was; leave the keyword out",
)
keyword('device_map="cpu"', deliberate="one device needs no accelerate")
keyword('device_map="auto"', deliberate="one device needs no accelerate")


def loaded(call: str, **remarks: Any) -> Callable:
    return AREA.row(call, **remarks)


@loaded('Wav2Vec2ConformerForCTC.from_pretrained(folder, torch_dtype="float64").dtype')
def former_dtype(l: Library) -> Any:
    return str(l.Wav2Vec2ConformerForCTC.from_pretrained(l.folder(), torch_dtype="float64").dtype).split(".")[-1]


@loaded("Wav2Vec2ConformerForCTC.from_pretrained(folder_of_float64).dtype")
def float64_stays(l: Library) -> Any:
    l.model().double().save_pretrained(l.temporary)
    return str(l.Wav2Vec2ConformerForCTC.from_pretrained(l.temporary).dtype).split(".")[-1]


@loaded(
    "Wav2Vec2ConformerForCTC.from_pretrained(folder_of_float16).dtype",
    deliberate='a CPU computes half precision slowly and roughly: it can be stored so (`dtype="float16"`), and is '
    "computed in float32; `model.load_report` says it",
)
def float16_becomes_float32(l: Library) -> Any:
    l.model().half().save_pretrained(l.temporary)
    return str(l.Wav2Vec2ConformerForCTC.from_pretrained(l.temporary).dtype).split(".")[-1]


@loaded("Wav2Vec2ConformerForCTC.from_pretrained(pretrained_model_name_or_path=folder)")
def by_name(l: Library) -> Any:
    return summary(l.Wav2Vec2ConformerForCTC.from_pretrained(pretrained_model_name_or_path=l.folder()))


@loaded("Wav2Vec2ConformerForCTC.from_pretrained(None, config=config, state_dict=state)")
def given_state(l: Library) -> Any:
    model = l.model()
    return summary(l.Wav2Vec2ConformerForCTC.from_pretrained(None, config=model.config, state_dict=model.state_dict()))


NEW_HEADS = {
    "ForCTC": "vocab_size=40",
    "ForSequenceClassification": "num_labels=3",
    "ForAudioFrameClassification": "num_labels=3",
    "ForXVector": "num_labels=3",
}
for head, setting in NEW_HEADS.items():

    @loaded(f"Wav2Vec2Conformer{head}.from_pretrained(pretrained, {setting}), shapes of the new head")
    def new_head(l: Library, head: str = head, setting: str = setting) -> Any:
        folder = l.folder("ForPreTraining")
        model = getattr(l, f"Wav2Vec2Conformer{head}").from_pretrained(folder, **eval(f"dict({setting})"))
        return {
            name: list(p.shape) for name, p in model.named_parameters() if not name.startswith("wav2vec2_conformer.")
        }


@loaded("Wav2Vec2BertForCTC.from_pretrained(pretrained, add_adapter=True, vocab_size=40)(**inputs).logits.shape")
def bert_recipe(l: Library) -> Any:
    model = l.Wav2Vec2BertForCTC.from_pretrained(
        l.folder("ForSequenceClassification", "bert"), add_adapter=True, vocab_size=40
    ).eval()
    inputs = l.AutoFeatureExtractor.from_pretrained(l.folder("ForCTC", "bert"))
    features = inputs(l.audio(8000), sampling_rate=16000, return_tensors="pt" if l.is_reference else "np")
    return list(model(**features).logits.shape)


@loaded("from_pretrained(folder, num_hidden_layers=3), a layer that the checkpoint lacks", deliberate=
        "only what checkpoints have or not (head, adapter, mask vector) starts at random; any other gap is most likely "
        "the wrong config or file. allow_missing=True asks for it")  # fmt: skip
def one_layer_more(l: Library) -> Any:
    return len(
        l.Wav2Vec2ConformerForCTC.from_pretrained(l.folder(), num_hidden_layers=3).wav2vec2_conformer.encoder.layers
    )


@loaded("from_pretrained(folder, num_hidden_layers=1), a layer less than the checkpoint has", deliberate=
        "weights without a place say that config and file do not fit; allow_unexpected=True drops them")  # fmt: skip
def one_layer_less(l: Library) -> Any:
    return len(
        l.Wav2Vec2ConformerForCTC.from_pretrained(l.folder(), num_hidden_layers=1).wav2vec2_conformer.encoder.layers
    )


def plain(info: Any) -> Any:
    return {
        key: sorted([one[0], *map(list, one[1:])] if isinstance(one, tuple) else [one] for one in info[key])
        for key in info
    }


@loaded("from_pretrained(pretrained, output_loading_info=True)[1]")
def loading_info(l: Library) -> Any:
    return plain(l.Wav2Vec2ConformerForCTC.from_pretrained(l.folder("ForPreTraining"), output_loading_info=True)[1])


@loaded("from_pretrained(folder, vocab_size=15, ignore_mismatched_sizes=True, output_loading_info=True)[1]")
def mismatched_sizes(l: Library) -> Any:
    cls = l.Wav2Vec2ConformerForCTC
    return plain(
        cls.from_pretrained(l.folder(), vocab_size=15, ignore_mismatched_sizes=True, output_loading_info=True)[1]
    )


@loaded("Wav2Vec2ConformerModel.from_pretrained(recogniser, output_loading_info=True)[1]")
def base_info(l: Library) -> Any:
    return plain(l.Wav2Vec2ConformerModel.from_pretrained(l.folder(), output_loading_info=True)[1])


def saved(text: str, **remarks: Any) -> None:
    """A row: names of the files that saving with one more keyword writes, and whether the token is in one."""

    def run(l: Library) -> Any:
        l.model().save_pretrained(save_directory=str(l.temporary / "new"), **eval(f"dict({text})"))
        files = sorted((l.temporary / "new").iterdir()) if (l.temporary / "new").exists() else []
        return [path.name for path in files], any(b"SECRET" in path.read_bytes() for path in files)

    AREA.row(f"model.save_pretrained(save_directory=folder, {text})", **remarks)(run)


for text in (
    "safe_serialization=True",
    "safe_serialization=False",
    'max_shard_size="5GB"',
    'token="SECRET"',
    "push_to_hub=False",
    "variant=None",
    "state_dict=None",
    "push_to_hub=True",
):
    saved(text)
saved('max_shard_sise="5GB"', deliberate="a keyword that nobody knows is refused")
saved('variant="fp16"', deliberate="weights have one name here; rename the file")


@loaded("from_pretrained(folder, token=secret, cache_dir=...); save_pretrained(new); secret in a file of new")
def token_in_files(l: Library) -> Any:
    model = l.Wav2Vec2ConformerForCTC.from_pretrained(
        l.folder(), token="SECRET", cache_dir=str(l.temporary / "cache"), local_files_only=True
    )
    model.save_pretrained(l.temporary / "new")
    return [b"SECRET" in path.read_bytes() for path in sorted(Path(l.temporary / "new").iterdir())]


for auto in (
    "AutoModel",
    "AutoModelForCTC",
    "AutoModelForAudioClassification",
    "AutoModelForAudioFrameClassification",
    "AutoModelForAudioXVector",
    "AutoModelForPreTraining",
):

    @loaded(f"{auto}.from_pretrained(folder, trust_remote_code=False, token=None)")
    def auto_class(l: Library, auto: str = auto) -> Any:
        folder = l.folder("ForPreTraining")
        options = {"trust_remote_code": False, "token": None, "attn_implementation": "eager", "torch_dtype": "float64"}
        model = getattr(l, auto).from_pretrained(pretrained_model_name_or_path=folder, **options)
        return type(model).__name__, str(model.dtype).split(".")[-1]

    @loaded(f'{auto}.from_config(config, attn_implementation="eager")')
    def auto_config(l: Library, auto: str = auto) -> Any:
        config = l.AutoConfig.from_pretrained(l.folder())
        return type(getattr(l, auto).from_config(config, attn_implementation="eager")).__name__

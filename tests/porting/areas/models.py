"""What people call on models, and what outputs give."""

from typing import Any

from tests.porting.area import Area
from tests.porting.library import Library

AREA = Area("models", "Models and outputs")
BERT = "bert"


def of_model(expression: str, head: str = "ForCTC", kind: str = "layer", **remarks: Any) -> None:
    """A row: an expression in `m`, a model."""

    def run(l: Library) -> Any:
        return eval(expression, {"m": l.model(head, kind), "l": l, "plain": plain})

    AREA.row(expression if kind == "layer" else f"{expression} ({kind})", **remarks)(run)


def plain(value: Any) -> Any:
    """What a device, a dtype or a module is called."""
    return value if isinstance(value, bool | int | float | None) else str(value).split(".")[-1]


for kind in ("layer", "bert"):
    for expression in (
        "plain(m.device)",
        "m.device.type",
        "m.to(m.device).training",
        "plain(m.cpu().float().dtype)",
        "plain(m.double().dtype)",
        "plain(m.half().dtype)",
        "plain(m.dtype)",
        "m.num_parameters()",
        "m.num_parameters(only_trainable=True)",
        "m.num_parameters(exclude_embeddings=True)",
        "sum(p.numel() for p in m.parameters() if p.requires_grad)",
        "[name for name, _ in m.named_children()]",
        "len(list(m.children()))",
        "sorted(name for name, _ in m.named_parameters())[:3]",
        "plain(m.zero_grad(set_to_none=True))",
        "plain(m.zero_grad())",
        "list(m.load_state_dict(m.state_dict(), strict=False).missing_keys)",
        "'lm_head.bias' in m.load_state_dict({}, strict=False).missing_keys",
        "m.load_state_dict({'z': m.lm_head.bias}, strict=False).unexpected_keys",
        "m.load_state_dict({'z': m.lm_head.bias})",
        "m.gradient_checkpointing_enable(gradient_checkpointing_kwargs={'use_reentrant': False})",
        "m.gradient_checkpointing_enable()",
        "m.gradient_checkpointing_disable()",
        "m.is_gradient_checkpointing",
        "m.get_memory_footprint(return_buffers=False)",
        "m.requires_grad_(False).num_parameters(only_trainable=True)",
        "m.lm_head.weight.requires_grad_(False).requires_grad",
        "m.main_input_name",
        "m.base_model_prefix",
        "m.base_model is getattr(m, m.base_model_prefix)",
        "m.config_class.__name__",
        "m.train().training",
        "m.eval().training",
        "m.lm_head.weight.detach().shape[0]",
        "m.lm_head.in_features, m.lm_head.out_features",
    ):
        of_model(expression, kind=kind)

for expression in (
    "type(m.get_submodule('wav2vec2_conformer.encoder.layers.1.ffn1.intermediate_dense')).__name__",
    "m.get_submodule('lm_head') is m.lm_head",
    "m.get_submodule('nothing')",
    "m.get_parameter('lm_head.bias') is m.lm_head.bias",
    "m.get_parameter('nothing')",
    "m._get_feat_extract_output_lengths(16000).item()",
    "m._get_feat_extract_output_lengths(l.tensor([16000, 8000], 'int64')).tolist()",
    "m._get_feature_vector_attention_mask(4, l.tensor([[1] * 1280, [1] * 640 + [0] * 640], 'int64')).tolist()",
    "m.freeze_feature_encoder() or m.num_parameters(only_trainable=True)",
    "m.wav2vec2_conformer.feature_extractor._freeze_parameters() or m.num_parameters(only_trainable=True)",
    "type(m)._from_config(m.config).training",
    "'(lm_head): Linear(in_features=16, out_features=12, bias=True)' in str(m)",
    "'(projection): Linear(in_features=12, out_features=16, bias=True)' in repr(m)",
    "str(m).splitlines()[0]",
    "m.config._attn_implementation",
):
    of_model(expression)

of_model("m.freeze_base_model() or m.num_parameters(only_trainable=True)", head="ForSequenceClassification")


@AREA.row("handle = m.lm_head.register_forward_hook(hook); m(x); handle.remove(); m(x)")
def hooks(l: Library) -> Any:
    model, seen = l.model(), []
    handle = model.lm_head.register_forward_hook(lambda module, args, output: seen.append(list(output.shape)))
    model(l.tensor(l.audio(8000)[None]))
    handle.remove()
    model(l.tensor(l.audio(8000)[None]))
    return seen


@AREA.row("m.gradient_checkpointing_enable(); m.train()(x, labels=y).loss.backward()")
def checkpointing(l: Library) -> Any:
    names = ("hidden_dropout", "activation_dropout", "attention_dropout", "feat_proj_dropout", "final_dropout")
    config = l.AutoConfig.from_pretrained(
        l.folder(), apply_spec_augment=False, layerdrop=0.0, conformer_conv_dropout=0.0, **dict.fromkeys(names, 0.0)
    )
    model = l.Wav2Vec2ConformerForCTC.from_pretrained(l.folder(), config=config)
    model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": True})
    model.train()(l.tensor(l.audio(8000)[None]), labels=l.tensor([[2, 3, 2]], "int64")).loss.backward()
    return [float(abs(model.lm_head.bias.grad).sum()), model.is_gradient_checkpointing]


OUTPUTS = {
    "list(o.keys())": None,
    "list(o)": None,
    "len(o)": None,
    "[name for name, _ in o.items()]": None,
    "[type(value).__name__ == 'tuple' for value in o.values()]": None,
    "o.get('loss')": None,
    "o.get('loss', 3)": None,
    "o['loss']": None,
    "o['nothing']": None,
    "o[0]": None,
    "o[-1]": "last",
    "len(o[:2])": None,
    "len(o.to_tuple())": None,
    "o[7]": None,
    "'logits' in o, 'loss' in o": None,
    "sorted(dict(o)) == sorted(o.keys())": None,
    "o.logits is o['logits']": None,
    "o.loss is None": None,
    "o.nothing": None,
    "type(o).__name__": None,
    "len(o.hidden_states or ())": None,
}
HEADS = ("ForCTC", "ForSequenceClassification", "ForAudioFrameClassification", "ForXVector")
for head in HEADS:
    for expression in OUTPUTS:

        @AREA.row(f"o = Wav2Vec2Conformer{head}(x); {expression}", tolerance=2e-4)
        def of_output(l: Library, expression: str = expression, head: str = head) -> Any:
            with l.no_grad():
                output = l.model(head)(l.tensor(l.audio(16000)[None]))
            return eval(expression, {"o": output})


for options in ("output_hidden_states=True", "output_hidden_states=True, return_dict=False", "return_dict=False"):

    @AREA.row(f"Wav2Vec2ConformerModel(x, {options}), length and type")
    def of_base(l: Library, options: str = options) -> Any:
        model = l.Wav2Vec2ConformerModel.from_pretrained(l.folder()).eval()
        with l.no_grad():
            output = model(l.tensor(l.audio(8000)[None]), **eval(f"dict({options})"))
        return len(output), type(output).__name__


@AREA.row("Wav2Vec2ConformerForPreTraining(x), names of what is set, and of the class")
def pretraining(l: Library) -> Any:
    with l.no_grad():
        output = l.model("ForPreTraining")(l.tensor(l.audio(8000)[None]))
    return list(output.keys()), type(output).__name__

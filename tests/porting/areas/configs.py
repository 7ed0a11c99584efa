"""Configurations: fields, labels, dictionaries and files."""

from typing import Any

from tests.porting.area import Area
from tests.porting.library import Library

AREA = Area("configs", "Configurations")
CLASSES = {0: "a", 1: "b", 2: "c"}
OWN = ("transformers_version", "_name_or_path")  # what only transformers writes


def of_config(expression: str, **remarks: Any) -> None:
    """A row: an expression in `K`, a configuration's class, `c`, a checkpoint's configuration, and `d`, its folder."""

    def run(l: Library) -> Any:
        cls = l.Wav2Vec2ConformerConfig
        names = {"K": cls, "c": cls.from_pretrained(l.folder()), "d": l.folder(), "l": l, "CLASSES": CLASSES}
        return eval(expression, {**names, "plain": plain, "changed": changed, "t": l.temporary, "again": again})

    AREA.row(expression, **remarks)(run)


def plain(settings: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in sorted(settings.items()) if name not in OWN}


def changed(config: Any, **attributes: Any) -> Any:
    for name, value in attributes.items():
        setattr(config, name, value)
    return config


def again(config: Any, folder: Any) -> Any:
    config.save_pretrained(save_directory=folder)
    return type(config).from_pretrained(folder)


for expression in (
    "plain(c.to_diff_dict())",
    "plain(K().to_diff_dict())",
    "c.to_dict()['hidden_size'], c.to_dict()['model_type'], c.to_dict()['conv_dim']",
    "K(**c.to_dict()).hidden_size",
    "c == K.from_pretrained(d)",
    "c == K()",
    "K() == K()",
    "changed(K.from_pretrained(d), hidden_size=32) == c",
    "K(num_labels=3).id2label",
    "K(num_labels=3).label2id",
    "K().num_labels",
    "K(id2label=CLASSES).num_labels",
    "K(id2label=CLASSES).id2label",
    "K(id2label={'0': 'a', '1': 'b', '2': 'c'}).num_labels",
    "K.from_pretrained(d, num_labels=3).id2label",
    "K.from_pretrained(d, num_labels=3, id2label=CLASSES, label2id={'a': 0, 'b': 1, 'c': 2}).label2id",
    "K.from_pretrained(d, id2label=CLASSES).num_labels",
    "changed(c, num_labels=4).id2label",
    "changed(c, num_labels=4).label2id",
    "changed(c, note='x').note",
    "changed(c, note='x').to_dict()['note']",
    "again(changed(c, note={'a': [1]}), t).note",
    "again(changed(c, num_labels=5), t).num_labels",
    "again(K(id2label=CLASSES), t).id2label",
    "c.nothing",
    "getattr(c, 'nothing', 3)",
    "hasattr(c, 'hidden_size'), hasattr(c, 'nothing')",
    "K(foo=3).foo",
    "K.from_pretrained(d, foo=3, return_unused_kwargs=True)[1]",
    "K.from_pretrained(d, hidden_act='relu', return_unused_kwargs=True)[0].hidden_act",
    "len(l.AutoConfig.from_pretrained(d, foo=3, return_unused_kwargs=True))",
    "K.from_dict({'hidden_size': 48, 'note': 'x'}).note",
    "K.from_dict({'hidden_size': 48}, foo=1, return_unused_kwargs=True)[1]",
    "c.update({'hidden_size': 32, 'note': 'x'}), c.hidden_size, c.note",
    "c.use_return_dict",
    "K(return_dict=False).use_return_dict",
    "str(c.dtype).split('.')[-1]",
    "str(c.torch_dtype).split('.')[-1]",
    "str(K(torch_dtype='float64').dtype).split('.')[-1]",
    "str(K(dtype='float16').dtype).split('.')[-1]",
    "K().dtype",
    "'hidden_size' in c.to_json_string()",
    "'return_dict' in c.to_json_string(), 'return_dict' in c.to_json_string(use_diff=False)",
    "K.get_config_dict(d)[0]['hidden_size']",
    "c.model_type, K.model_type",
    "c.architectures",
    "c.inputs_to_logits_ratio",
    "c.num_feat_extract_layers",
    "c.problem_type",
    "str(c).startswith('Wav2Vec2ConformerConfig {')",
    "l.AutoConfig.for_model('wav2vec2-conformer', hidden_size=48).hidden_size",
    "l.AutoConfig.for_model('wav2vec2-bert').hidden_size",
    "type(l.AutoConfig.from_pretrained(pretrained_model_name_or_path=d, trust_remote_code=False)).__name__",
    "K.from_pretrained(pretrained_model_name_or_path=d, token=None, revision='main').hidden_size",
    "K.from_pretrained(d + '/config.json').hidden_size",
    "K.from_pretrained(d + '/nothing')",
    "K(attn_implementation='eager')._attn_implementation",
    "'attn' in changed(K(attn_implementation='eager')).to_json_string()",
    "__import__('copy').deepcopy(c) == c",
    "__import__('pickle').loads(__import__('pickle').dumps(c)) == c",
):
    of_config(expression)

of_config(
    "K.from_pretrained(d, foo=3).to_dict().get('foo')",
    deliberate="a keyword that no field has is most likely a typo; return_unused_kwargs=True gives it back",
)
of_config("K(id2label=CLASSES).label2id", deliberate="label2id follows from id2label where it is not given")
of_config(
    "K.from_pretrained(d, id2label=CLASSES).label2id", deliberate="label2id follows from id2label where it is not given"
)
of_config(
    "K(id2label=CLASSES, num_labels=2).id2label", deliberate="contradictory settings are refused; leave out num_labels"
)
of_config("K(hidden_act='bogus').hidden_act", deliberate="an activation that nobody knows is refused at once")
of_config("K(hidden_size='16').hidden_size")
of_config("K(hidden_size=10, num_attention_heads=3).hidden_size", deliberate="a model of these sizes cannot be built")

for expression in (
    "K.from_dict(c.to_dict()) == c",
    "again(c, t) == c",
    "c.to_json_file(t / 'c.json'), K.from_json_file(t / 'c.json') == c",
):
    of_config(expression, deliberate="configurations are equal where their settings are")
of_config("c.name_or_path == d", deliberate="it says where the configuration was read from")
of_config("c.to_json_file(t / 'c.json'), K.from_json_file(t / 'c.json').hidden_size")

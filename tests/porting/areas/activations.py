"""Every activation that a config may name, in a model: its output, and the gradient of its weights."""

from typing import Any

from tests.porting.area import Area
from tests.porting.library import Library

AREA = Area("activations", "Activations")
NAMES = """gelu gelu_10 gelu_accurate gelu_fast gelu_new gelu_python gelu_python_tanh gelu_pytorch_tanh
hardswish laplace leaky_relu linear mish prelu quick_gelu relu relu2 relu6 sigmoid silu
sqrtsoftplus swish tanh xielu bogus""".split()
OFF = dict.fromkeys(
    """hidden_dropout activation_dropout attention_dropout feat_proj_dropout final_dropout conformer_conv_dropout
    layerdrop mask_time_prob""".split(),
    0.0,
)


def parameters(l: Library, model: Any) -> list[tuple[str, Any]]:
    return [(name, p) for name, p in model.named_parameters() if "activation." in name or "act_fn." in name]


for name in NAMES:  # xielu's weights are in bfloat16 in the reference, whatever the model is in

    @AREA.row(f'hidden_act="{name}", loss and gradients', tolerance=1e-2 if name == "xielu" else 2e-4)
    def in_a_model(l: Library, name: str = name) -> Any:
        settings = {"hidden_act": name, "feat_extract_activation": name, **OFF}
        cls = l.Wav2Vec2ConformerForCTC
        config = l.Wav2Vec2ConformerConfig.from_pretrained(l.folder(), **settings)
        model = cls(config)
        state = dict(l.model().state_dict())
        state.update({key: value for key, value in model.state_dict().items() if key not in state})
        model = cls.from_pretrained(None, config=config, state_dict=state, torch_dtype="float64").eval()
        output = model(l.tensor(l.audio(4000)[None], "float64"), labels=l.tensor([[2, 3, 2]], "int64"))
        output.loss.backward()
        weights = parameters(l, model)
        grads = {key: [float(v) for v in p.grad] for key, p in weights if p.grad is not None}
        return [float(output.logits.detach().sum()), float(output.loss.detach()), [key for key, _ in weights], grads]

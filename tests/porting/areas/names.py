"""Names that people import, and what the functions among them give."""

import importlib
from typing import Any

import numpy as np

from tests.porting.area import Area
from tests.porting.library import Library

AREA = Area("names", "Names")
MODELING = "models.wav2vec2_conformer.modeling_wav2vec2_conformer"
WAV2VEC2 = "models.wav2vec2.modeling_wav2vec2"

for name in (
    *("Wav2Vec2ConformerPreTrainedModel", "Wav2Vec2BertPreTrainedModel", "AutoConfig", "AutoModel", "AutoModelForCTC"),
    *("AutoModelForAudioClassification", "AutoModelForAudioFrameClassification", "AutoModelForAudioXVector"),
    *("AutoModelForPreTraining", "AutoFeatureExtractor", "AutoProcessor", "AutoTokenizer", "BatchFeature", "pipeline"),
    *("set_seed", "get_scheduler", "get_linear_schedule_with_warmup", "get_cosine_schedule_with_warmup"),
    *("get_constant_schedule", "get_constant_schedule_with_warmup", "logging"),
):

    @AREA.row(f"from transformers import {name}")
    def imported(l: Library, name: str = name) -> Any:
        return getattr(getattr(l, name), "__name__", "").split(".")[-1]


for module, name in (
    (MODELING, "_compute_mask_indices"),
    (WAV2VEC2, "_compute_mask_indices"),
    (WAV2VEC2, "_sample_negative_indices"),
    (MODELING, "Wav2Vec2ConformerForPreTrainingOutput"),
    (MODELING, "Wav2Vec2ConformerForCTC"),
    ("modeling_outputs", "CausalLMOutput"),
    ("modeling_outputs", "SequenceClassifierOutput"),
    ("modeling_outputs", "XVectorOutput"),
):

    @AREA.row(f"from transformers.{module} import {name}")
    def from_module(l: Library, module: str = module, name: str = name) -> Any:
        return getattr(importlib.import_module(f"{l.name}.{module}"), name).__name__


@AREA.row("np.random.seed(0); _compute_mask_indices((3, 60), 0.3, 5)")
def mask_indices(l: Library) -> Any:
    np.random.seed(0)  # noqa: NPY002
    return importlib.import_module(f"{l.name}.{MODELING}")._compute_mask_indices((3, 60), 0.3, 5).astype(int)


@AREA.row("np.random.seed(0); _sample_negative_indices((2, 20), 3)")
def negatives(l: Library) -> Any:
    np.random.seed(0)  # noqa: NPY002
    return importlib.import_module(f"{l.name}.{WAV2VEC2}")._sample_negative_indices((2, 20), 3).tolist()


@AREA.row("set_seed(7); random.random(), np.random.rand()")
def seeds(l: Library) -> Any:
    l.set_seed(7)
    return __import__("random").random(), float(np.random.rand())  # noqa: NPY002


@AREA.row("logging.set_verbosity_error(); logging.get_verbosity()")
def verbosity(l: Library) -> Any:
    before, found = l.logging.get_verbosity(), []
    for level in ("error", "warning", "info", "debug"):
        getattr(l.logging, f"set_verbosity_{level}")()
        found.append(l.logging.get_verbosity())
    l.logging.set_verbosity(before)
    return found, before, l.logging.WARNING


def rates(l: Library, name: str, count: int = 10, **steps: int) -> Any:
    if l.is_reference:
        import torch

        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    else:
        from npconformer.nn import Parameter
        from npconformer.optim import SGD

        optimizer = SGD({"w": Parameter(np.zeros(1))}, lr=0.1)
    scheduler, found = l.get_scheduler(name, optimizer, **steps), []
    for _ in range(count):
        found += scheduler.get_last_lr()
        optimizer.step()
        scheduler.step()
    return found


for name in ("linear", "cosine", "constant", "constant_with_warmup", "bogus"):

    @AREA.row(f'get_scheduler("{name}", optimizer, num_warmup_steps=3, num_training_steps=10)')
    def schedule(l: Library, name: str = name) -> Any:
        return rates(l, name, num_warmup_steps=3, num_training_steps=10)


@AREA.row(
    'get_scheduler("cosine", optimizer, num_warmup_steps=3, num_training_steps=10), two steps beyond the end',
    deliberate="the rate stays 0 behind the last step and does not rise again",
)
def beyond(l: Library) -> Any:
    return rates(l, "cosine", 12, num_warmup_steps=3, num_training_steps=10)

"""The one registry of configurations and models, and the Auto classes, which pick from it by a checkpoint's model type.

>>> from npconformer import AutoModelForCTC
>>> model = AutoModelForCTC.from_pretrained("my-checkpoint")  # of whichever type its config.json names

A model is named by its `model_type`, as in config.json, and by the name of its head (None for the bare model). Classes
are imported when they are first asked for.

Lesson: notebooks/03_conformer_block.ipynb, notebooks/08_parity.ipynb
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterable
from typing import Any, ClassVar, NamedTuple

from npconformer.models.configuration import PretrainedConfig, configuration_file
from npconformer.storage.files import read_json_object
from npconformer.storage.hub_options import HubOptions
from npconformer.storage.messages import shown


class Family(NamedTuple):
    """Where the classes of one model type are: the module, the configuration's name, and the model's for each head."""

    module: str
    config: str
    models: dict[str | None, str]


FAMILIES: dict[str, Family] = {
    "wav2vec2-conformer": Family(
        "npconformer.models.wav2vec2_conformer",
        "Wav2Vec2ConformerConfig",
        {
            None: "Wav2Vec2ConformerModel",
            "ctc": "Wav2Vec2ConformerForCTC",
            "sequence_classification": "Wav2Vec2ConformerForSequenceClassification",
            "audio_frame_classification": "Wav2Vec2ConformerForAudioFrameClassification",
            "xvector": "Wav2Vec2ConformerForXVector",
            "pretraining": "Wav2Vec2ConformerForPreTraining",
        },
    ),
    "wav2vec2-bert": Family(
        "npconformer.models.wav2vec2_bert",
        "Wav2Vec2BertConfig",
        {
            None: "Wav2Vec2BertModel",
            "ctc": "Wav2Vec2BertForCTC",
            "sequence_classification": "Wav2Vec2BertForSequenceClassification",
            "audio_frame_classification": "Wav2Vec2BertForAudioFrameClassification",
            "xvector": "Wav2Vec2BertForXVector",
        },
    ),
    "nemo-conformer": Family(
        "npconformer.models.nemo_conformer",
        "NemoConformerConfig",
        {
            None: "NemoConformerModel",
            "ctc": "NemoConformerForCTC",
            "sequence_classification": "NemoConformerForSequenceClassification",
            "audio_frame_classification": "NemoConformerForAudioFrameClassification",
            "xvector": "NemoConformerForXVector",
        },
    ),
}


def config_class(model_type: str) -> type[PretrainedConfig]:
    """The configuration of a model type. Raises ValueError for one that is not known."""
    family = _family(model_type)
    return getattr(importlib.import_module(family.module), family.config)


def model_class(model_type: str, head_name: str | None = None) -> Any:
    """The model of that type with that head. Raises ValueError where there is none."""
    family = _family(model_type)
    if head_name not in family.models:
        with_head = [kind for kind, other in FAMILIES.items() if head_name in other.models]
        expected = f"a checkpoint of type {' or '.join(with_head)}" if with_head else "another head"
        raise ValueError(f"{model_type} has no model for {head_name}; expected {expected}")
    return getattr(importlib.import_module(family.module), family.models[head_name])


def model_names(head_name: str | None) -> list[str]:
    """The names of the models of every type that have this head."""
    return [family.models[head_name] for family in FAMILIES.values() if head_name in family.models]


def heads_of(class_names: Iterable[str]) -> list[str | None]:
    """The heads of model classes, such as those that a configuration's `architectures` names; unknown ones left out."""
    heads = {name: head for family in FAMILIES.values() for head, name in family.models.items()}
    return [heads[name] for name in class_names if name in heads]


def class_of(config: Any) -> Any:
    """The model class that a configuration names in its `architectures`; where it names none, that without a head."""
    return model_class(config.model_type, next(iter(heads_of(config.architectures or ())), None))


def read_model_type(folder: str | os.PathLike) -> str:
    """The model type that a checkpoint folder's config.json, or a configuration file itself, names.

    A configuration without one is taken for what its `architectures` say, else for the first type there is.

    Raises:
        FileNotFoundError: there is no such folder or file. ValueError: it is no JSON object, or of an unknown type.
    """
    path = configuration_file(folder)
    settings = read_json_object(path)
    model_type = settings.get("model_type")
    if model_type is None:
        architectures = settings.get("architectures") or ()
        by_class = {name: kind for kind, family in FAMILIES.items() for name in family.models.values()}
        named = [by_class[name] for name in architectures if isinstance(name, str) and name in by_class]
        model_type = (named or list(FAMILIES))[0]
    if not isinstance(model_type, str) or model_type not in FAMILIES:
        raise ValueError(f"{path}: model_type is {shown(model_type)}; expected one of {', '.join(FAMILIES)}")
    return model_type


def _family(model_type: str) -> Family:
    if model_type not in FAMILIES:
        raise ValueError(f"model_type is {shown(model_type)}; expected one of {', '.join(FAMILIES)}")
    return FAMILIES[model_type]


class AutoConfig:
    """The configuration of whichever model a checkpoint is of."""

    def __init__(self) -> None:
        raise TypeError("AutoConfig is not built; use AutoConfig.from_pretrained(folder) or for_model(model_type)")

    @staticmethod
    def for_model(model_type: str, **settings: Any) -> PretrainedConfig:
        """A new configuration of that type."""
        return config_class(model_type)(**settings)

    @staticmethod
    def from_pretrained(pretrained_model_name_or_path: str | os.PathLike, **overrides: Any) -> Any:
        """The configuration in a checkpoint folder or repository, or in a JSON file; `overrides` replace its fields.

        Raises FileNotFoundError for what is missing, and ValueError, naming the file, for what is damaged.
        """
        hub = HubOptions.take(overrides)
        path = configuration_file(pretrained_model_name_or_path, hub)
        found = config_class(read_model_type(path)).from_pretrained(path, **overrides)
        config = found[0] if isinstance(found, tuple) else found
        config.name_or_path = str(pretrained_model_name_or_path)
        return found


class _AutoModel:
    """Base of the Auto classes: each has one head. The class is picked by the type of the configuration."""

    head_name: ClassVar[str | None] = None

    def __init__(self) -> None:
        name = type(self).__name__
        raise TypeError(f"{name} is not built; use {name}.from_pretrained(folder) or {name}.from_config(config)")

    @classmethod
    def from_config(cls, config: PretrainedConfig, **options: Any) -> Any:
        """A model with random weights; options as for the model's own `from_config`."""
        return model_class(config.model_type, cls.head_name).from_config(config, **options)

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | os.PathLike, **options: Any) -> Any:
        """The model in a checkpoint folder or repository; options as for the model's own `from_pretrained`.

        Raises FileNotFoundError for what is missing, and ValueError for what is damaged, or of a model without this
        head.
        """
        config = options.get("config")
        if isinstance(config, PretrainedConfig):
            model_type = config.model_type
        else:
            hub = HubOptions.take(options)
            path = (
                configuration_file(pretrained_model_name_or_path, hub)
                if config is None
                else configuration_file(config, hub.elsewhere())
            )
            model_type = read_model_type(path)
            options |= (hub.pinned_to(path) if config is None else hub).arguments()
        return model_class(model_type, cls.head_name).from_pretrained(pretrained_model_name_or_path, **options)


class AutoModel(_AutoModel):
    """A model without a head."""


class AutoModelForCTC(_AutoModel):
    """A speech recogniser."""

    head_name = "ctc"


class AutoModelForAudioClassification(_AutoModel):
    """A classifier of utterances."""

    head_name = "sequence_classification"


class AutoModelForAudioFrameClassification(_AutoModel):
    """A classifier of frames."""

    head_name = "audio_frame_classification"


class AutoModelForAudioXVector(_AutoModel):
    """A model that gives speaker vectors."""

    head_name = "xvector"


class AutoModelForPreTraining(_AutoModel):
    """A model in self-supervised pre-training."""

    head_name = "pretraining"

"""YAML from a file that somebody else wrote: plain values, no anchors, no tags, nothing twice.

PyYAML reads it, in its safe mode, which makes nothing but numbers, texts, lists and dictionaries. What NeMo writes has
no anchors, by which a short text becomes a huge one, and no tags; so both are refused, as are values nested deep.

Lesson: notebooks/10_weights_on_disk.ipynb
"""

from __future__ import annotations

from collections import Counter
from types import ModuleType
from typing import Any

from npconformer.storage.messages import shown

DEEPEST = 50
MOST_EVENTS = 2_000_000
INSTALL = 'pip install "npconformer[nemo]"'
# What PyYAML raises for values that look like numbers or dates and are none, beside its own errors.
SLIPS = (ValueError, ArithmeticError, LookupError, TypeError, AttributeError)


def parse_yaml(text: bytes) -> dict[str, Any]:
    """The dictionary that a YAML text is.

    Raises:
        ValueError: it is no YAML, something else than a dictionary, or more than is said above; or PyYAML is missing.
    """
    yaml = _pyyaml()
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's is ten times as fast
    try:
        _check_events(yaml, yaml.parse(text, Loader=loader))
        reader = loader(text)
        node = reader.get_single_node()
        _check_names(yaml, node)
        value = None if node is None else reader.construct_document(node)
    except yaml.YAMLError as error:
        raise ValueError(f"it is no YAML: {shown(' '.join(str(error).split()))}") from None
    except SLIPS as error:
        raise error if type(error) is _YAMLRefusal else ValueError(f"it is no YAML: {shown(str(error))}") from None
    if not isinstance(value, dict):
        raise ValueError(f"it holds a {type(value).__name__}; expected names and values")
    return value


class _YAMLRefusal(ValueError):
    """An error whose words are meant for people."""


def _pyyaml() -> ModuleType:
    try:
        import yaml
    except ImportError:
        raise ValueError(
            f"NeMo's configurations are YAML, which needs a package that is not installed: {INSTALL}"
        ) from None
    return yaml


def _check_events(yaml: ModuleType, events: Any) -> None:
    """Event by event, because making values of them is a recursion that deep nesting breaks."""
    depth = 0
    for number, event in enumerate(events):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise _YAMLRefusal("it has an anchor or an alias, which NeMo's configurations do not")
        if getattr(event, "tag", None) is not None:
            raise _YAMLRefusal(f"it has the tag {shown(event.tag)}; expected plain values")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST or number > MOST_EVENTS:
            raise _YAMLRefusal(f"it is nested more than {DEEPEST} deep, or has more than {MOST_EVENTS} values")


def _check_names(yaml: ModuleType, node: Any) -> None:
    """Of a name that is there twice, PyYAML would take the last value."""
    nodes = [] if node is None else [node]
    for one in nodes:
        if isinstance(one, yaml.SequenceNode):
            nodes += one.value
        elif isinstance(one, yaml.MappingNode):
            names = [name.value for name, _ in one.value if isinstance(name, yaml.ScalarNode)]
            if len(names) < len(one.value):
                raise _YAMLRefusal("it has a name that is no text")
            if len(set(names)) < len(names):
                twice = Counter(names).most_common(1)[0][0]
                raise _YAMLRefusal(f"the name {shown(twice)} occurs twice")
            nodes += [value for _, value in one.value]

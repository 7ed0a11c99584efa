"""The tape as a graph: every operation and leaf, each edge from what was used to what used it."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from tiny_checkpoints import make_config

import npconformer
from npconformer import Tensor, losses, ops, plots
from npconformer.models.auto import model_class
from npconformer.plots import tape_graph

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def small():
    """x W + b, its softmax times itself, and a cross entropy: (loss, names)."""
    rng = np.random.default_rng(0)
    x = Tensor(rng.normal(size=(3, 5)).astype(np.float32))
    w = Tensor(rng.normal(size=(5, 4)).astype(np.float32), requires_grad=True)
    b = Tensor(np.zeros(4, np.float32), requires_grad=True)
    y = x @ w + b
    return losses.cross_entropy(ops.softmax(y) * y, np.array([0, 1, 2])), {"a<b": w, "b": b}


def test_text(small):
    loss, names = small
    assert str(plots.tape(loss, names)) == (
        "0  a<b           (5, 4)\n"
        "1  MatMul        (3, 4)  of 0\n"
        "2  b             (4,)\n"
        "3  Add           (3, 4)  of 1, 2\n"
        "4  Softmax       (3, 4)  of 3\n"
        "5  Multiply      (3, 4)  of 4, 3\n"
        "6  CrossEntropy  ()      of 5"
    )
    assert "leaf" in str(plots.tape(loss))


def test_svg(small):
    loss, names = small
    graph = plots.tape(loss, names)
    root = ET.fromstring(graph.svg())
    groups = root.findall(f"{SVG}g")
    assert [group.get("class") for group in groups] == ["leaf", "operation", "leaf", *["operation"] * 3, "last"]
    assert [group.find(f"{SVG}text").text for group in groups] == graph.titles
    edges = [path for path in root.findall(f"{SVG}path")]
    assert len(edges) == sum(len(node.sources) for node in graph.nodes) == 7
    boxes = [{k: float(g.find(f"{SVG}rect").get(k)) for k in ("x", "y", "width", "height")} for g in groups]
    ends = [(source, i) for i, node in enumerate(graph.nodes) for source, _ in node.sources]
    for (source, target), path in zip(ends, edges):  # from a box's lower side to another's upper side
        numbers = [float(n) for n in re.findall(r"-?[\d.]+", path.get("d"))]
        upper, lower = boxes[source], boxes[target]
        assert numbers[:2] == pytest.approx([upper["x"] + upper["width"] / 2, upper["y"] + upper["height"]], abs=0.2)
        assert numbers[-2:] == pytest.approx([lower["x"] + lower["width"] / 2, lower["y"]], abs=0.2)
    for box, group in zip(boxes, groups):
        assert 0 <= box["x"] and box["x"] + box["width"] <= float(root.get("width"))
        assert 0 <= box["y"] and box["y"] + box["height"] <= float(root.get("height"))
        longest = max(len(text.text) for text in group.findall(f"{SVG}text"))
        assert box["width"] >= 7.2 * longest + 8  # 12 px of a monospaced font are 7.2 wide


@pytest.mark.parametrize("kind", ["layer", "bert"])
def test_a_whole_model(kind, tmp_path):
    config = make_config(kind, layerdrop=0.0)
    model = model_class(config.model_type, "ctc")(config).train()
    x = np.random.default_rng(0).normal(size=(1, 3200) if kind == "layer" else (1, 12, 160))
    loss = model(x.astype(np.float32), labels=np.array([[3, 4]])).loss
    graph = plots.tape(loss, model)
    loss.backward()
    with_gradient = {name for name, parameter in model.named_parameters() if parameter.grad is not None}
    assert {title for title, node in zip(graph.titles, graph.nodes) if node.leaf is not None} == with_gradient
    assert [str(one) for one in (graph, plots.tape(loss, model))] == [str(graph)] * 2  # looking changes nothing
    graph.save(tmp_path / "tape.svg")
    graph.save(tmp_path / "tape.txt")
    assert len(ET.parse(tmp_path / "tape.svg").getroot().findall(f"{SVG}g")) == len(graph) > 60
    assert (tmp_path / "tape.txt").read_text() == f"{graph}\n"
    assert graph._repr_svg_() == graph.svg()


def test_a_leaf_that_is_used_twice_is_one_node():
    x = Tensor(np.arange(3.0), requires_grad=True)
    assert str(plots.tape((x * x + x).sum())).splitlines()[:3] == [
        "0  leaf      (3,) float64",
        "1  Multiply  (3,) float64  of 0, 0",
        "2  Add       (3,) float64  of 1, 0",
    ]


def test_several_outputs_are_told_apart():
    class Halves(npconformer.ops.arithmetic.Operation):
        def forward(self, x):
            return x[:2], x[2:]

    x = Tensor(np.arange(4.0), requires_grad=True)
    first, second = Halves()(x)
    lines = str(plots.tape((second * first).sum())).splitlines()
    assert lines[1] == "1  Halves    (2,) (2,) float64  of 0"
    assert lines[2].endswith("of 1[1], 1[0]")


def test_a_tape_that_is_too_long_for_a_picture(small, monkeypatch):
    monkeypatch.setattr(tape_graph, "MOST_NODES", 6)
    graph = plots.tape(small[0])
    with pytest.raises(ValueError, match="the tape has 7 nodes, and a picture shows up to 6"):
        graph.svg()
    assert graph._repr_svg_() is None and len(str(graph).splitlines()) == 7


def test_bad_input(small):
    loss, _ = small
    with pytest.raises(ValueError, match="tensor: expected a Tensor, got ndarray"):
        plots.tape(np.zeros(3))
    with pytest.raises(ValueError, match="nothing made it on the tape"):
        plots.tape(Tensor(np.zeros(3), requires_grad=True))
    with pytest.raises(ValueError, match="names: expected a model or a dict of names and tensors, got list"):
        plots.tape(loss, [1])
    loss.backward(retain_graph=False)
    with pytest.raises(RuntimeError, match="CrossEntropy is no longer on the tape"):
        plots.tape(loss)

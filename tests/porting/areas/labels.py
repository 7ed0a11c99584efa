"""Labels in the shapes and types that people give them, and the losses that come of them."""

from typing import Any

from tests.porting.area import Area
from tests.porting.library import Library

AREA = Area("labels", "Labels and losses")
ROUNDED = 'the loss of a float64 model is computed in float64; `compute_dtype="float32"` rounds it as transformers does'


def loss(
    call: str, head: str, labels: Any, dtype: str = "int64", count: int = 3, kind: str = "layer", **remarks: Any
) -> None:
    """A row: the loss of a batch of recordings."""

    def run(l: Library) -> Any:
        waveforms = l.audio(*[8000] * count) if count > 1 else [l.audio(8000)]
        model = l.model(head, kind)
        inputs = l.AutoFeatureExtractor.from_pretrained(l.folder(head, kind))(
            waveforms, sampling_rate=16000, return_tensors="pt" if l.is_reference else "np"
        )
        return float(model(**inputs, labels=l.tensor(labels, dtype)).loss.detach())

    AREA.row(f"{head}(x, labels={call}) ({kind})", tolerance=1e-4, **remarks)(run)


for kind in ("layer", "bert"):
    loss("[[2, 3, 4], [2, 3, -100], [5, -100, -100]]", "ForCTC", [[2, 3, 4], [2, 3, -100], [5, -100, -100]], kind=kind)
    loss("[[2, 3, 4]], one recording", "ForCTC", [[2, 3, 4]], count=1, kind=kind)
    loss("[2, 3, 4], one recording", "ForCTC", [2, 3, 4], count=1, kind=kind)
    loss("int32", "ForCTC", [[2, 3, 4]], "int32", count=1, kind=kind)
    loss("[[2, 3, 12]], beyond the vocabulary", "ForCTC", [[2, 3, 12]], count=1, kind=kind)
    loss("[[0], [1], [1]]", "ForXVector", [[0], [1], [1]], kind=kind)
    loss("[0, 1, 1]", "ForXVector", [0, 1, 1], kind=kind)
    loss("[0, 1, 1]", "ForSequenceClassification", [0, 1, 1], kind=kind)
    loss("[[0], [1], [1]]", "ForSequenceClassification", [[0], [1], [1]], kind=kind)
    loss(
        "[0, 2, 1], beyond the classes",
        "ForSequenceClassification",
        [0, 2, 1],
        kind=kind,
    )


@AREA.row("ForCTC(x, labels=...).loss.dtype of a float64 model", deliberate=ROUNDED)
def of_float64(l: Library) -> Any:
    model = l.model().double()
    output = model(l.tensor(l.audio(8000)[None], "float64"), labels=l.tensor([[2, 3]], "int64"))
    return str(output.loss.dtype).split(".")[-1]


@AREA.row("ForCTC(x, labels=ragged lists)")
def ragged(l: Library) -> Any:
    return float(l.model()(l.tensor([l.audio(8000)] * 2), labels=[[2, 3], [2]]).loss)


for reduction in ("sum", "mean"):
    for zero_infinity in (False, True):

        @AREA.row(
            f'ForCTC(ctc_loss_reduction="{reduction}", ctc_zero_infinity={zero_infinity}), a target without alignment'
        )
        def infinite(l: Library, reduction: str = reduction, zero_infinity: bool = zero_infinity) -> Any:
            model = l.Wav2Vec2ConformerForCTC.from_pretrained(
                l.folder(), ctc_loss_reduction=reduction, ctc_zero_infinity=zero_infinity
            ).eval()
            labels = l.tensor([[2, 2] * 20, [2, 3] + [-100] * 38], "int64")
            return float(model(l.tensor([l.audio(8000)] * 2), labels=labels).loss.detach())

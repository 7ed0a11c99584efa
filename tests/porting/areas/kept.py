"""What is otherwise on purpose, beside the calls of the other areas, and what the lists of calls name besides."""

from typing import Any

from tests.porting.area import Area
from tests.porting.areas.tokenizers import VOCABULARY
from tests.porting.library import Library
from tests.porting.written import add_calls

AREA = Area("kept", "Kept as it is")


def names(l: Library) -> dict[str, Any]:
    import json

    import numpy as np

    file = l.temporary / "vocab.json"
    file.write_text(json.dumps(VOCABULARY))
    speech = l.audio(8000)

    def mask(*rows: tuple[int, ...]) -> Any:
        """A mask of rows that are so many ones and zeros in turn."""
        return l.tensor([np.repeat(np.arange(1, len(row) + 1) % 2, row) for row in rows], "int64")

    return {
        **{"l": l, "np": np, "m": l.model(), "d": l.folder(), "out": str(l.temporary / "out"), "x": speech},
        **{"one": l.tensor(speech[None]), "two": l.tensor(np.stack([speech, speech])), "mask": mask},
        **{"fe": l.Wav2Vec2FeatureExtractor(), "tok": l.Wav2Vec2CTCTokenizer(str(file)), "ids": [2, 2, 0, 2, 1, 3]},
        **{"pipe": l.pipeline("automatic-speech-recognition", model=l.folder()), "K": l.Wav2Vec2ConformerConfig},
        "S": l.Wav2Vec2ConformerForSequenceClassification,
        "number": lambda tensor: round(float(tensor.detach().sum()), 3),
        "small": dict(
            hidden_size=16,
            num_attention_heads=2,
            intermediate_size=8,
            conv_dim=(4,),
            conv_kernel=(4,),
            conv_stride=(2,),
        ),
        "file": str(file),
        "c": l.folder("ForSequenceClassification"),
        "pretrained": l.folder("ForPreTraining"),
        "batch": l.Wav2Vec2FeatureExtractor()(speech, sampling_rate=16000, return_tensors="np"),
    }


def kept(reason: str | None, *calls: str) -> None:
    add_calls(AREA, names, calls, **({"deliberate": reason} if reason else {}))


kept(
    None,
    "m.config.my_note = 'x'; m.save_pretrained(out); K.from_pretrained(out).my_note",
    "sorted(batch.to(m.device))",
    "m.config.save_pretrained(save_directory=out); K.from_pretrained(out).hidden_size",
    "number(m(one, attention_mask=mask((8000,))).logits)",
    "number(m(two, attention_mask=mask((8000,), (6000, 2000))).logits[:1])",
    "len(m(one, output_hidden_states=True).hidden_states)",
    "type(l.AddedToken('x')).__name__",
    "l.BatchEncoding.__name__",
    "l.AutomaticSpeechRecognitionPipeline.__name__, l.AudioClassificationPipeline.__name__",
    "l.Wav2Vec2ConformerConfig.__name__, l.Wav2Vec2BertConfig.__name__",
    "l.Wav2Vec2Processor.__name__, l.Wav2Vec2BertProcessor.__name__, l.SeamlessM4TFeatureExtractor.__name__",
    "len(l.Wav2Vec2ConformerModel(K(**small, num_hidden_layers=0)).encoder.layers)",
    "type(tok)(file, unk_token='<new>').unk_token_id",
    "tok('AB', return_tensors='bogus')",
    "pipe(x, chunk_length_s=0.4, stride_length_s=5)",
)
kept(
    "such a mask is a mistake, and the answer would be that of no recording",
    "number(m(one, attention_mask=mask((3000, 1000, 4000))).logits)",
    "number(m(one, attention_mask=mask((0, 3000, 5000))).logits)",
    "number(m(two, attention_mask=mask((8000,), (0, 8000))).logits)",
)
kept(
    "what is no sound is refused, and gives no numbers that look like an answer",
    "m(one * float('nan')).logits.shape[-1]",
    "fe(np.zeros(0, np.float32), sampling_rate=16000)",
    "fe(np.zeros((8000, 2), np.float32), sampling_rate=16000)",
)
kept("an id is a whole number", "tok.decode([2.7, 3.2])")
kept(
    "the attention weights are given whatever the implementation",
    "len(m(one, output_attentions=True).attentions)",
)
kept(
    "a pipeline answers with a head that was in the checkpoint, and with no random one",
    "l.pipeline('automatic-speech-recognition', model=pretrained, tokenizer=d, feature_extractor=d).task",
)
kept(
    "it is saved, and read again",
    "tok.word_delimiter_token = 'A'; tok.save_pretrained(out); type(tok).from_pretrained(out).word_delimiter_token",
)
kept("a batch gives what its recordings give alone", "pipe([x, x[:6000]], batch_size=2)")
kept(
    "the loss is the one that problem_type names; the reference has cross entropy alone",
    "number(S.from_pretrained(c, problem_type='regression', num_labels=2)(one, labels=l.tensor([[0.5, 2.0]])).loss)",
    "number(S.from_pretrained(c, problem_type='multi_label_classification')(one, labels=l.tensor([[1.0, 0.0]])).loss)",
)
kept(
    "offsets and times are Python's own numbers",
    "[type(one).__name__ for one in pipe(x, return_timestamps='word')['chunks'][0]['timestamp']]",
)

"""What the tests of `npconformer train` share: its call, the tiny configurations, and a training of four steps."""

from command_line import run
from tiny_checkpoints import BERT_SIZES, SIZES

CONFIG = {
    **SIZES,
    "feat_extract_norm": "layer",
    "ctc_loss_reduction": "mean",
    "mask_time_length": 2,
    "num_codevectors_per_group": 4,
    "codevector_dim": 8,
    "proj_codevector_dim": 8,
    "num_negatives": 4,
    "model_type": "wav2vec2-conformer",
    "id2label": {"0": "a", "1": "b"},
}
CONFIG.pop("vocab_size")
BERT_CONFIG = {
    **{name: value for name, value in CONFIG.items() if name not in SIZES},
    **BERT_SIZES,
    "model_type": "wav2vec2-bert",
}
BERT_CONFIG.pop("vocab_size")
CONFIGS = {"conformer": CONFIG, "bert": BERT_CONFIG}
FAST = ("--steps", 4, "--batch-seconds", 3, "--log-every", 1, "--save-every", 2)


def train(capsys, output, *argv):
    return run(capsys, "train", "--output", output, *argv)


def weights(folder):
    return (folder / "model.safetensors").read_bytes()

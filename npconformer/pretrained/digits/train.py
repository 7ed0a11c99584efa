"""Trains the recogniser in this folder with npconformer: waveforms in, letters out, from random weights.

    python train.py FSDD --output out --voices            # what the recogniser in this folder was made with
    python train.py FSDD --output out --voices --resume   # goes on after an interruption, to the same bits

FSDD is the folder `recordings` of the Free Spoken Digit Dataset (github.com/Jakobovski/free-spoken-digit-dataset). The
result is `out/digits/`, stored in float16; `out/log.csv` and `out/curves.png` show how it was learned.

    python train.py FSDD --output bert --voices --model-type wav2vec2-bert          # the other network, as large
    python train.py FSDD --output few --minutes 5 --steps 3000                      # five minutes of labels
    python train.py FSDD --output more --minutes 5 --steps 3000 --from pre/model    # after `pretrain.py`
"""

import argparse
from pathlib import Path
from typing import Any

from data import AUGMENTATION, TRAINED, WATCHED, first_minutes, make_loader, read_digits, read_voices
from networks import ADAPTER, NETWORKS, REGULARISATION
from voices import WORDS

import npconformer
from npconformer import AutoConfig, AutoFeatureExtractor, AutoModelForCTC, AutoProcessor
from npconformer.data import Augmentation, Silence
from npconformer.training import Trainer, TrainingSettings
from npconformer.training.new_heads import build_tokenizer


def build(model_type: str, adapter: bool = False, source: Path | None = None, seed: int = 0) -> tuple[Any, Any]:
    """The model, with random weights or those of a checkpoint as far as it has them, and its processor."""
    tokenizer = build_tokenizer(WORDS)
    config = AutoConfig.for_model(
        model_type,
        **NETWORKS[model_type],
        **REGULARISATION,
        **(ADAPTER if adapter else {}),
        vocab_size=len(tokenizer),
        ctc_loss_reduction="mean",
        ctc_zero_infinity=True,
        mask_time_prob=0.1,
        mask_time_length=4,
        mask_time_min_masks=0,
    )
    npconformer.manual_seed(seed)
    if source is None:
        model = AutoModelForCTC.from_config(config)
    else:
        model = AutoModelForCTC.from_pretrained(source, config=config, allow_missing=True)
        if model_type == "wav2vec2-conformer":
            model.freeze_feature_encoder()  # as Baevski et al. 2020 fine-tune
    return model, AutoProcessor.from_parts(AutoFeatureExtractor.for_config(config), tokenizer)


def settings_for(steps: int, rate: float, seed: int) -> TrainingSettings:
    """The recipe: AdamW, a linear schedule, a running average of the weights."""
    return TrainingSettings(
        steps=steps, learning_rate=rate, ema=0.999, log_every=100, evaluate_every=1000, save_every=1000, seed=seed
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="recordings named digit_speaker_index.wav")
    parser.add_argument("--output", type=Path, required=True, help="folder for all that is written")
    parser.add_argument("--resume", action="store_true", help="go on where the training in the folder stopped")
    parser.add_argument("--voices", action="store_true", help="train on synthetic voices as well (needs espeak-ng)")
    parser.add_argument("--minutes", type=float, help="train on so many minutes of the recordings only")
    parser.add_argument("--from", dest="source", type=Path, help="a pre-trained model to start from")
    parser.add_argument("--steps", type=int, default=13_000)
    parser.add_argument("--rate", type=float, default=1e-3, help="learning rate at its highest; default: 1e-3")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model-type", choices=NETWORKS, default="wav2vec2-conformer", help="default: %(default)s")
    parser.add_argument("--adapter", action="store_true", help="with an adapter: a frame every 40 ms, not every 20 ms")
    args = parser.parse_args()

    model, processor = build(args.model_type, args.adapter, args.source, args.seed)
    examples = read_digits(args.folder, TRAINED)
    if args.minutes is not None:
        examples = first_minutes(examples, args.minutes)
    if args.voices:
        examples += read_voices(args.output / "voices")
    settings = settings_for(args.steps, args.rate, args.seed)
    loader = make_loader(examples, model, processor, AUGMENTATION, args.seed, shuffle=True)
    quiet = Augmentation(silence=Silence(0.5, (0.1, 0.4)))
    watched = make_loader(read_digits(args.folder, WATCHED), model, processor, quiet, args.seed, shuffle=False)
    trainer = Trainer(model, loader, args.output, settings, evaluation=watched, processor=processor)
    progress = trainer.train(resume=args.resume)
    with trainer.average.applied():
        model.save_pretrained(args.output / "digits", dtype="float16")
    processor.save_pretrained(args.output / "digits")
    minutes = sum(progress.seconds.values()) / 60
    print(f"{progress.step} steps in {minutes:.1f} minutes, without evaluations: {args.output / 'digits'}")


if __name__ == "__main__":
    main()

"""Trains the recogniser in this folder with npconformer: waveforms in, letters out, from random weights.

    python train.py FSDD --output out --voices            # what the recogniser in this folder was made with
    python train.py FSDD --output out --voices --resume   # goes on after an interruption, to the same bits

FSDD is the folder `recordings` of the Free Spoken Digit Dataset (github.com/Jakobovski/free-spoken-digit-dataset). The
result is `out/digits/`, stored in float16; `out/log.csv` and `out/curves.png` show how it was learned.

    python train.py FSDD --output few --minutes 5 --steps 3000                      # five minutes of labels
    python train.py FSDD --output more --minutes 5 --steps 3000 --from pre/model    # after `pretrain.py`
"""

import argparse
from pathlib import Path

from data import AUGMENTATION, TRAINED, WATCHED, first_minutes, make_loader, read_digits, read_voices
from voices import WORDS

import npconformer
from npconformer.data import Augmentation, Silence
from npconformer.training import Trainer, TrainingSettings
from npconformer.training.new_heads import build_tokenizer

CONFIG = dict(
    # 10 ms of waveform every 1.25 ms, then a frame every 20 ms: three layers, where the released models have seven
    conv_dim=(64, 96, 128),
    conv_kernel=(160, 8, 8),
    conv_stride=(20, 4, 4),
    conv_bias=True,
    feat_extract_norm="layer",
    hidden_size=112,
    num_hidden_layers=4,
    num_attention_heads=4,
    intermediate_size=384,
    hidden_act="swish",
    conv_depthwise_kernel_size=15,
    num_conv_pos_embeddings=16,
    num_conv_pos_embedding_groups=4,
    position_embeddings_type="relative",
    initializer_range=0.1,  # about 1 / sqrt(hidden_size); with 0.02 thousands of steps learn letter frequencies only
)
REGULARISATION = dict(
    hidden_dropout=0.1,
    attention_dropout=0.1,
    conformer_conv_dropout=0.1,
    activation_dropout=0.0,
    feat_proj_dropout=0.0,
    final_dropout=0.0,
    layerdrop=0.0,
)


def build(source: Path | None, seed: int) -> tuple[npconformer.Wav2Vec2ConformerForCTC, npconformer.Wav2Vec2Processor]:
    """The model, with random weights or those of a pre-trained one below its head, and what goes with it."""
    extractor = npconformer.Wav2Vec2FeatureExtractor(return_attention_mask=True)
    tokenizer = build_tokenizer(WORDS)
    config = npconformer.Wav2Vec2ConformerConfig(
        **CONFIG,
        **REGULARISATION,
        vocab_size=len(tokenizer),
        ctc_loss_reduction="mean",
        ctc_zero_infinity=True,
        mask_time_prob=0.1,
        mask_time_length=4,
        mask_time_min_masks=0,
    )
    npconformer.manual_seed(seed)
    if source is None:
        model = npconformer.Wav2Vec2ConformerForCTC(config)
    else:
        model = npconformer.Wav2Vec2ConformerForCTC.from_pretrained(source, config=config, allow_missing=True)
        model.freeze_feature_encoder()  # as Baevski et al. 2020 fine-tune
    return model, npconformer.Wav2Vec2Processor(extractor, tokenizer)


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
    args = parser.parse_args()

    model, processor = build(args.source, args.seed)
    examples = read_digits(args.folder, TRAINED)
    if args.minutes is not None:
        examples = first_minutes(examples, args.minutes)
    if args.voices:
        examples += read_voices(args.output / "voices")
    settings = TrainingSettings(
        steps=args.steps,
        learning_rate=args.rate,
        ema=0.999,
        log_every=100,
        evaluate_every=1000,
        save_every=1000,
        seed=args.seed,
    )
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

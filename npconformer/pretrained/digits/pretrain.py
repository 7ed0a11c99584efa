"""Contrastive pre-training of the network in this folder, on the sound of the training recordings and nothing else.

    python pretrain.py FSDD --output pre
    python train.py FSDD --output few --minutes 5 --steps 3000 --from pre/model

The result is `pre/model/`; `train.py --from` takes its feature encoder and its blocks and puts a new head on them.
"""

import argparse
import dataclasses
from pathlib import Path

from data import AUGMENTATION, TRAINED, WATCHED, make_loader, read_digits
from networks import CONFORMER, REGULARISATION

import npconformer
from npconformer.data import Augmentation, Joining
from npconformer.training import Trainer, TrainingSettings
from npconformer.training.tasks import PreTrainingTask

PRETRAINING = dict(
    mask_time_prob=0.5,
    mask_time_length=5,
    num_negatives=20,
    num_codevectors_per_group=32,
    num_codevector_groups=2,
    codevector_dim=64,
    proj_codevector_dim=64,
    diversity_loss_weight=0.5,
)
TEMPERATURE = (2.0, 0.5, 0.999)  # of the Gumbel softmax: first, least, and the factor of each step
CLOSE = Joining(1.0, (3, 5), (0.0, 0.1), longest_seconds=8.0)  # a mask in one digit has negatives in others


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="recordings named digit_speaker_index.wav")
    parser.add_argument("--output", type=Path, required=True, help="folder for all that is written")
    parser.add_argument("--resume", action="store_true", help="go on where the training in the folder stopped")
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--rate", type=float, default=1e-3, help="learning rate at its highest; default: 1e-3")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    extractor = npconformer.Wav2Vec2FeatureExtractor(return_attention_mask=True)
    npconformer.manual_seed(args.seed)
    config = npconformer.Wav2Vec2ConformerConfig(**CONFORMER, **REGULARISATION, **PRETRAINING)
    model = npconformer.Wav2Vec2ConformerForPreTraining(config)
    joined = dataclasses.replace(AUGMENTATION, joining=CLOSE, silence=None, noise=None)
    loader = make_loader(read_digits(args.folder, TRAINED), model, extractor, joined, args.seed, shuffle=True)
    quiet = Augmentation(joining=CLOSE)
    watched = make_loader(read_digits(args.folder, WATCHED), model, extractor, quiet, args.seed, shuffle=False)
    trainer = Trainer(
        model,
        loader,
        args.output,
        TrainingSettings(
            steps=args.steps,
            learning_rate=args.rate,
            betas=(0.9, 0.98),
            eps=1e-6,
            log_every=100,
            evaluate_every=500,
            save_every=500,
            seed=args.seed,
        ),
        evaluation=watched,
        processor=extractor,
        task=PreTrainingTask(config, TEMPERATURE),
    )
    trainer.train(resume=args.resume)


if __name__ == "__main__":
    main()

"""What pre-training predicts: which frames are masked, and the frames that each is to be told from.

Lesson: notebooks/06_self_supervision.ipynb
"""

from __future__ import annotations

from typing import Any

import numpy as np

from npconformer.data.targets import Layout, Piece, Targets
from npconformer.models.frame_clock import FrameClock
from npconformer.models.heads.negatives import sample_negative_indices
from npconformer.models.spec_augment import compute_mask_indices


class PretrainingTargets(Targets):
    """`mask_time_indices`, bool (B, T), and `sampled_negative_indices`, int32 (B, T, K), by the config's fields.

    Each utterance has a masked frame at least, and another to tell it from.
    """

    def __init__(self, config: Any, clock: FrameClock, shortest: int = 1) -> None:
        super().__init__(clock, shortest)
        self.config = config

    def collate(self, utterances: list[list[Piece]], layout: Layout, rng: np.random.Generator) -> dict[str, np.ndarray]:
        config, frames = self.config, self.clock.frames_of_rows(layout.rows)
        fewest = 2 if config.mask_time_length == 1 else 1  # spans
        lengths = self.clock.frames(np.array(layout.lengths))
        masked = compute_mask_indices(
            (len(utterances), frames),
            config.mask_time_prob,
            config.mask_time_length,
            attention_mask=np.arange(frames) < lengths[:, None],
            min_masks=max(fewest, config.mask_time_min_masks),
            rng=rng,
        )
        negatives = sample_negative_indices(masked.shape, config.num_negatives, masked, rng=rng)
        return {"mask_time_indices": masked, "sampled_negative_indices": negatives}

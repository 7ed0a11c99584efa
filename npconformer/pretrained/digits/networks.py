"""The networks that the scripts of this folder can train: the recogniser's own, and one of another kind as large as it.

Both hear 16 kHz and say a letter every 20 ms: Wav2Vec2-Conformer reads the waveform by convolutions that it learns,
Wav2Vec2-BERT a filterbank (`SeamlessM4TFeatureExtractor`). With an adapter there are half as many frames, 40 ms apart.
"""

from typing import Any

SIZES = dict(
    hidden_size=112,
    num_hidden_layers=4,
    num_attention_heads=4,
    hidden_act="swish",
    conv_depthwise_kernel_size=15,
    initializer_range=0.1,  # about 1 / sqrt(hidden_size); with 0.02 thousands of steps learn letter frequencies only
)
CONFORMER = dict(
    # 10 ms of waveform every 1.25 ms, then a frame every 20 ms: three layers, where the released models have seven
    conv_dim=(64, 96, 128),
    conv_kernel=(160, 8, 8),
    conv_stride=(20, 4, 4),
    conv_bias=True,
    feat_extract_norm="layer",
    intermediate_size=384,
    num_conv_pos_embeddings=16,
    num_conv_pos_embedding_groups=4,
    position_embeddings_type="relative",
    **SIZES,
)
BERT = dict(
    feature_projection_input_dim=160,  # 80 mel bands, two frames of 10 ms
    intermediate_size=448,
    position_embeddings_type="relative_key",
    left_max_position_embeddings=64,
    right_max_position_embeddings=8,
    **SIZES,
)
NETWORKS: dict[str, dict[str, Any]] = {"wav2vec2-conformer": CONFORMER, "wav2vec2-bert": BERT}  # by model type
ADAPTER = dict(add_adapter=True, num_adapter_layers=1, adapter_kernel_size=3, adapter_stride=2)
REGULARISATION = dict(
    hidden_dropout=0.1,
    attention_dropout=0.1,
    conformer_conv_dropout=0.1,
    activation_dropout=0.0,
    feat_proj_dropout=0.0,
    final_dropout=0.0,
    layerdrop=0.0,
)

"""The package's word on how much it says, in Python's own logging."""

import logging

import npconformer


def test_levels_are_those_of_pythons_logger():
    logger = logging.getLogger("npconformer")
    assert npconformer.logging.get_verbosity() == logging.WARNING and npconformer.logging.get_logger() is logger
    try:
        for level in ("debug", "info", "warning", "error"):
            getattr(npconformer.logging, f"set_verbosity_{level}")()
            assert logger.level == npconformer.logging.get_verbosity() == getattr(logging, level.upper())
    finally:
        logger.setLevel(logging.NOTSET)


def test_a_warning_is_silenced(tmp_path, caplog):
    from tiny_checkpoints import save_checkpoint

    folder = save_checkpoint("ForPreTraining", tmp_path / "checkpoint")
    try:
        npconformer.logging.set_verbosity_error()
        npconformer.Wav2Vec2ConformerForCTC.from_pretrained(folder)
        assert not caplog.records
    finally:
        logging.getLogger("npconformer").setLevel(logging.NOTSET)
    npconformer.Wav2Vec2ConformerForCTC.from_pretrained(folder)
    assert "lm_head.weight" in caplog.text

"""The log: what is written is read, and a resumed training continues it where it resumed."""

import math

import pytest

from npconformer.storage.step_log import CsvLog, read_log

COLUMNS = ("loss", "eval_wer", "learning_rate")


def write(path, steps=6):
    log = CsvLog(path, COLUMNS)
    for step in range(1, steps + 1):
        log.add({"step": step, "loss": 1 / step, "learning_rate": 1e-7 * step})
    log.add({"step": steps, "eval_wer": 0.25})
    return log


def test_what_is_written_is_read(tmp_path):
    write(tmp_path / "log.csv")
    rows = read_log(tmp_path / "log.csv")
    assert [row["step"] for row in rows] == [1, 2, 3, 4, 5, 6, 6]
    assert rows[2] == {"step": 3, "loss": pytest.approx(1 / 3, rel=1e-6), "learning_rate": pytest.approx(3e-7)}
    assert rows[-1] == {"step": 6, "eval_wer": 0.25}
    assert read_log(tmp_path / "none.csv") == []


@pytest.mark.parametrize("step", [0, 1, 4, 6, 99])
def test_resuming_cuts_what_comes_again(step, tmp_path):
    write(tmp_path / "log.csv")
    before = read_log(tmp_path / "log.csv")
    log = CsvLog(tmp_path / "log.csv", COLUMNS, step)
    assert read_log(tmp_path / "log.csv") == [row for row in before if row["step"] <= step]
    log.add({"step": step + 1, "loss": 5.0})
    assert read_log(tmp_path / "log.csv")[-1] == {"step": step + 1, "loss": 5.0}


@pytest.mark.parametrize("cut", range(1, 14))
def test_a_row_that_was_cut_off_goes(cut, tmp_path):
    path = tmp_path / "log.csv"
    write(path, steps=6)
    whole = read_log(path)
    path.write_bytes(path.read_bytes()[:-cut])
    assert read_log(path)[: len(whole) - 2] == whole[: len(whole) - 2]
    CsvLog(path, COLUMNS, 5).add({"step": 6, "loss": 1.0})
    assert read_log(path) == [*whole[:5], {"step": 6, "loss": 1.0}]


def test_new_columns_and_old_ones(tmp_path):
    write(tmp_path / "log.csv", steps=2)
    log = CsvLog(tmp_path / "log.csv", ("loss", "eval_cer"), 2)
    log.add({"step": 3, "loss": math.nan, "eval_cer": math.inf})
    rows = read_log(tmp_path / "log.csv")
    assert rows[1]["learning_rate"] == pytest.approx(2e-7)
    assert math.isnan(rows[-1]["loss"]) and rows[-1]["eval_cer"] == math.inf


def test_a_byte_that_is_no_letter_costs_its_row_only(tmp_path):
    path = tmp_path / "log.csv"
    path.write_bytes(b"\xef\xbb\xbfstep,loss\n1,3\n2,\xff\n3,1\n4,\x00\n5," + b"9" * 200_000 + b"\n6,0.5\n")
    expected = [{"step": 1, "loss": 3}, {"step": 3, "loss": 1}, {"step": 6, "loss": 0.5}]
    assert read_log(path) == expected
    CsvLog(path, ("loss",), step=9)
    assert read_log(path) == expected

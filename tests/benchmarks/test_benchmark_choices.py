"""What is measured for which arguments."""

from pathlib import Path

import pytest
from threadpoolctl import threadpool_info

from benchmarks.cases import DEFAULT, MODELS, RECORDING, RECORDING_SECONDS, Case, select
from benchmarks.compare import MEASURES, RESULTS, chosen_measures, load_average, main, output_name, parse
from benchmarks.machine import numpy_blas


def test_the_default_covers_every_model_and_length():
    cases = select()
    assert len(set(cases)) == len(cases) and {case.model for case in cases} == set(MODELS)
    for model in MODELS[1:-1]:
        assert {case.seconds for case in cases if case.model == model and case.batch == 1} == {1, 10, 60}
    for model in ("base", "large-relative", "large-rotary", "w2v-bert"):
        assert any(case.batch == 8 for case in cases if case.model == model)


def test_choices_narrow_it_down():
    assert select(["large-relative"], [10]) == [Case("large-relative", 10)]
    assert select(["base"], [10], [1, 8]) == [Case("base", 10), Case("base", 10, 8)]
    assert select(["base"]) == [case for case in DEFAULT if case.model == "base"]
    assert select(batches=[8], models=["base"]) == [Case("base", s, 8) for s in (1, 10, 60)]
    assert [case.model for case in select(quick=True)] == ["digits", "base"]
    assert select(["digits"], [10]) == [DEFAULT[0]]
    assert len(select(full=True)) == 1 + 6 * 3 * 2


def test_the_recording_is_as_long_as_stated():
    import soundfile

    assert soundfile.info(RECORDING).duration == pytest.approx(RECORDING_SECONDS, abs=1e-3)


@pytest.mark.parametrize(
    ("arguments", "left_out"),
    [
        ([], set()),
        (["--quick"], {"training"}),
        (["--only", "base"], {"start"}),
        (["--only", "large-rotary"], {"start", "training"}),
        (["--only", "large-relative", "--seconds", "10"], {"start", "training", "loading"}),
        (["--measure", "start", "memory"], {"forward", "loading", "training"}),
    ],
)
def test_measures(arguments, left_out):
    assert set(chosen_measures(parse(arguments))) == set(MEASURES) - left_out


def test_a_part_never_overwrites_the_whole():
    assert output_name(parse([])) == RESULTS / "cpu"
    assert output_name(parse(["--device", "cuda"])) == RESULTS / "cuda"
    assert output_name(parse(["--quick"])) == RESULTS / "cpu-part"
    assert output_name(parse(["--only", "base", "--output", "there"])) == Path("there")


@pytest.mark.parametrize(
    "arguments",
    [["--only", "small"], ["--seconds", "0"], ["--seconds", "nan"], ["--batch", "1.5"], ["--threads", "0"]],
)
def test_wrong_arguments_end_with_the_reason(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        parse(arguments)
    assert stop.value.code == 2
    assert arguments[1] in capsys.readouterr().err


def test_a_missing_reference_is_named(monkeypatch, capsys):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["--device", "cuda"]) == 2
    assert "torch and transformers and cupy" in capsys.readouterr().err


def test_kernels_that_somebody_chose_are_told(monkeypatch, capsys):
    monkeypatch.setattr("os.getloadavg", lambda: (0.1, 1.0, 1.0), raising=False)
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    load_average()
    assert "OPENBLAS_CORETYPE=Haswell" in capsys.readouterr().err


def test_the_kernels_are_among_the_facts():
    found = {one.get("architecture") for one in threadpool_info() if one["user_api"] == "blas"} - {None}
    assert not found or any(f"kernels for {name}" in numpy_blas() for name in found)


def test_a_busy_machine_is_told(monkeypatch, capsys):
    monkeypatch.delenv("OPENBLAS_CORETYPE", raising=False)
    monkeypatch.setattr("os.getloadavg", lambda: (3.0, 1.0, 1.0), raising=False)
    assert load_average() == 3.0
    assert "busy (load 3.00)" in capsys.readouterr().err
    monkeypatch.setattr("os.getloadavg", lambda: (0.1, 1.0, 1.0))
    assert load_average() == 0.1 and not capsys.readouterr().err

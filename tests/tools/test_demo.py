"""The demo from its command line to its page, with seconds of training of one modality: wiring, not quality."""

import json
from pathlib import Path

import pytest

from tools import demo


def test_one_modality_is_trained_sampled_drawn_checked_and_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(demo, "SHARE", {"image": 1.0})
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    out = tmp_path / "demo"
    assert demo.main([f"out={out}", "minutes=0.01", "n=6"]) == 0
    printed = capfd.readouterr().out
    assert f"open {out / 'index.html'}" in printed
    facts = json.loads((out / "image" / "facts.json").read_text())
    assert facts["steps"] >= 1
    assert facts["parameters"] > 100_000
    assert 100 < facts["peak_mib"] < 3000
    asked = [sample["asked"] for sample in facts["samples"]]
    assert asked == ["circle", "circle", "ring", "square", "star", "triangle"]
    assert "of 6 shapes are the shape asked for" in printed
    for name in ("000005.png", "sheet.png", "manifest.jsonl", "forward.png", "reverse.png"):
        assert (out / "image" / name).stat().st_size > 0
    assert (out / "runs" / "image" / "recipe.yaml").exists()
    assert "image/forward.png" in (out / "index.html").read_text()


def test_a_part_that_fails_ends_the_demo_with_its_exit_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "SHARE", {"nothing": 1.0})
    assert demo.main([f"out={tmp_path / 'demo'}", "minutes=0.01", "n=1"]) == 2
    assert not (tmp_path / "demo" / "index.html").exists()

"""What goes wrong in a training is said in one line, with exit code 2, and nothing is lost."""

import errno
from pathlib import Path

import numpy
import pytest
import safetensors.torch
import torch
from PIL import Image

from tests.tools.small import trained, weights
from tools import checkpoint
from tools.stages.diffusion import Diffusion


def one_line(capsys) -> str:
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1, lines
    return lines[0]


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda p: p / "nowhere", "nowhere"),
        (lambda p: p, "is empty"),
        (lambda p: (p / "a.wav").write_bytes(b"RIFF") and p, "audio"),
    ],
    ids=["missing", "empty", "other modality"],
)
def test_a_folder_that_cannot_be_used(tmp_path, capsys, make, expected):
    data = tmp_path / "data"
    data.mkdir()
    assert trained(tmp_path / "run", f"data.path={make(data)}") == 2
    assert expected in one_line(capsys)
    assert not (tmp_path / "run").exists()


def test_a_truncated_file_is_named_and_the_rest_is_trained_on(tmp_path, capsys):
    data = tmp_path / "data"
    data.mkdir()
    g = numpy.random.default_rng(0)
    for i in range(6):
        Image.fromarray(g.integers(0, 255, (20, 30, 3), dtype=numpy.uint8)).save(data / f"{i}.png")
    whole = (data / "3.png").read_bytes()
    (data / "3.png").write_bytes(whole[: len(whole) // 2])
    assert trained(tmp_path / "run", f"data.path={data}", steps=4) == 0
    assert capsys.readouterr().out.count("3.png") == 1
    (data / "4.png").write_bytes(b"not a picture")
    assert trained(tmp_path / "again", f"data.path={data}", steps=4) == 2
    line = one_line(capsys)
    assert "3.png" in line
    assert "4.png" in line


def test_a_run_of_another_recipe_is_left_alone(tmp_path, capsys):
    run = tmp_path / "run"
    trained(run)
    before = weights(run)
    capsys.readouterr()
    assert trained(run, "network.width=16", steps=5) == 2
    assert "network.width=8" in one_line(capsys)
    assert trained(run, modality="audio") == 2
    assert "modality=image" in one_line(capsys)
    assert trained(run, "resume=never") == 2
    assert trained(tmp_path / "fresh", "resume=must") == 2
    assert all(torch.equal(weights(run)[k], before[k]) for k in before)


def test_a_loss_that_is_no_number_stops_at_its_step_and_keeps_the_last_checkpoint(tmp_path, capsys):
    run = tmp_path / "run"
    trained(run, "checkpoint.every=1", steps=2)
    capsys.readouterr()
    assert trained(run, "checkpoint.every=1", steps=2) == 0  # a finished run has nothing left to do
    original = Diffusion.load

    def poisoned(self, folder):
        original(self, folder)
        next(self.network.parameters()).data.fill_(float("nan"))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Diffusion, "load", poisoned)
        assert trained(run, "checkpoint.every=1", steps=9) == 2
    assert "step 3" in one_line(capsys)
    folder = checkpoint.latest(run)
    assert folder is not None
    assert folder.name == "step-00000002"
    assert all(torch.isfinite(w).all() for w in weights(run).values())
    assert trained(run, steps=4) == 0


def test_a_full_disk_keeps_the_checkpoint_before(tmp_path, capsys, monkeypatch):
    run = tmp_path / "run"
    trained(run, steps=2)
    capsys.readouterr()

    def full(*arguments, **options):
        Path(arguments[1]).write_bytes(b"half a fi")
        raise OSError(errno.ENOSPC, "No space left on device", str(arguments[1]))

    monkeypatch.setattr(checkpoint, "save_file", full)
    assert trained(run, steps=4) == 2
    assert "no space left" in one_line(capsys)
    monkeypatch.undo()
    assert [p.name for p in (run / "checkpoints").iterdir()] == ["step-00000002"]
    assert trained(run, steps=4) == 0


def test_what_a_kill_left_unfinished_is_no_checkpoint_and_goes(tmp_path):
    run = tmp_path / "run"
    trained(run, steps=2)
    draft = run / "checkpoints" / ".unfinished-step-00000003"
    draft.mkdir()
    (draft / "model.safetensors").write_bytes(b"half")
    newest = checkpoint.latest(run)
    assert newest is not None
    assert newest.name == "step-00000002"
    trained(run, steps=4)
    assert not draft.exists()


def test_a_weights_file_that_is_none(tmp_path, capsys):
    run = tmp_path / "run"
    trained(run, steps=2)
    capsys.readouterr()
    folder = checkpoint.latest(run)
    assert folder is not None
    safetensors.torch.save_file({"other": torch.zeros(1)}, folder / "model.safetensors")
    assert trained(run, steps=4) == 2
    assert "does not fit its recipe" in one_line(capsys)
    (folder / "model.safetensors").write_bytes(b"garbage")
    assert trained(run, steps=4) == 2
    assert "not a readable weights file" in one_line(capsys)

"""Training from the command line: what it leaves behind, and that it continues exactly."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy
import pytest
import torch

from tests.tools.small import arguments, sampled, trained, weights
from tools import checkpoint, train
from tools import recipe as recipes

ROOT = Path(__file__).resolve().parents[2]


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def apart(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> float:
    """Largest distance between two sets of weights, relative to how far training can have moved them."""
    return max(float((a[k].double() - b[k].double()).abs().max()) for k in a)


def log(run: Path) -> list[dict]:
    return [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("modality", ["image", "audio", "video"])
def test_a_run_holds_recipe_log_checkpoint_and_sheet(tmp_path, modality):
    run = tmp_path / "run"
    assert trained(run, modality=modality) == 0
    assert [entry["step"] for entry in log(run)] == [1, 2, 3]
    assert all(numpy.isfinite(entry["loss"]) for entry in log(run))
    folder = checkpoint.latest(run)
    assert folder is not None
    assert {p.name for p in folder.iterdir()} == {"model.safetensors", "ema.safetensors", "recipe.yaml", "training.pt"}
    assert list((run / "samples" / folder.name).glob("sheet.*"))


def test_the_first_loss_is_that_of_a_silent_network(tmp_path):
    """The output starts at zero, so the first loss is the mean square of v: (1 + sigma_data^2) / 2 at uniform times."""
    run = tmp_path / "run"
    trained(run, "train.batch=512", "denoiser.schedule=cosine", "denoiser.prediction=v", "loss.weighting=v", steps=1)
    sigma_data = recipes.read(run / "recipe.yaml").denoiser.sigma_data
    assert sigma_data is not None
    assert log(run)[0]["loss"] == pytest.approx((1 + sigma_data**2) / 2, rel=0.02)


def test_interrupted_and_continued_is_bit_identical(tmp_path):
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    words = ["optimizer.decay=constant", "network.dropout=0.3"]
    trained(straight, *words, steps=5)
    trained(broken, *words, steps=2)
    trained(broken, *words, steps=5)
    assert same(weights(straight), weights(broken))
    assert same(weights(straight, "ema"), weights(broken, "ema"))
    keep = ("step", "loss", "grad_norm", "learning_rate")
    assert [[e[k] for k in keep] for e in log(straight)] == [[e[k] for k in keep] for e in log(broken)]


def test_a_real_kill_loses_nothing(tmp_path):
    """SIGKILL at some moment after a checkpoint; the rest gives the weights of the uninterrupted training."""
    run, straight = tmp_path / "killed", tmp_path / "straight"
    words = [*arguments(run, "checkpoint.every=1", "checkpoint.keep=1", "optimizer.decay=linear", steps=12)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(ROOT / "tools" / "train.py"), *words]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not checkpoint.folders(run):
        assert process.poll() is None, "it ended before its first checkpoint"
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    survived = checkpoint.latest(run)
    assert survived is not None
    assert checkpoint.training_state(survived)[0].step < 12
    assert subprocess.run(command, env=environment, stdout=subprocess.DEVNULL).returncode == 0
    straight_words = [word.replace(str(run), str(straight)) for word in command]
    assert subprocess.run(straight_words, env=environment, stdout=subprocess.DEVNULL).returncode == 0
    assert same(weights(run), weights(straight))
    assert same(weights(run, "ema"), weights(straight, "ema"))
    assert [e["step"] for e in log(run)] == list(range(1, 13))


def test_ctrl_c_saves_and_ends_with_130(tmp_path):
    run = tmp_path / "run"
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(ROOT / "tools" / "train.py"), *arguments(run, steps=100_000)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while not (run / "log.jsonl").exists() or len(log(run)) < 2:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    folder = checkpoint.latest(run)
    assert folder is not None
    assert checkpoint.training_state(folder)[0].step >= 2


@pytest.mark.parametrize(
    "switch",
    [
        ["train.accumulate=2"],
        ["network.checkpoint=true"],
        ["channels_last=true"],
    ],
    ids=lambda words: words[0],
)
def test_memory_switches_give_the_same_training(tmp_path, switch):
    plain, switched = tmp_path / "plain", tmp_path / "switched"
    trained(plain)
    trained(switched, *switch)
    assert apart(weights(plain), weights(switched)) < 2e-5


def test_bf16_follows_fp32_within_its_precision(tmp_path):
    """bf16 keeps 8 bits of a number, so losses agree to a few parts in a hundred, and not exactly."""
    plain, low = tmp_path / "fp32", tmp_path / "bf16"
    trained(plain, "precision=fp32")
    trained(low, "precision=bf16")
    full, half = ([entry["loss"] for entry in log(run)] for run in (plain, low))
    assert full != half
    assert half == pytest.approx(full, rel=0.03)


def test_torch_compile_gives_the_same_training(tmp_path, monkeypatch):
    """The graph that torch.compile captures, run by its reference backend: the C++ one takes a minute to build."""
    compiled = []
    original = torch.compile

    def capture(module, **options):
        compiled.append(module)
        return original(module, backend="aot_eager", fullgraph=True)

    plain, switched = tmp_path / "plain", tmp_path / "compiled"
    trained(plain)
    monkeypatch.setattr(torch, "compile", capture)
    trained(switched, "compile=true")
    assert len(compiled) == 1
    assert apart(weights(plain), weights(switched)) < 2e-5


def test_clipping_bounds_the_step_and_not_the_report(tmp_path):
    """With plain large clip_norm nothing changes; a small one scales the gradient, whose reported norm stays whole."""
    free, loose, tight = (tmp_path / name for name in ("free", "loose", "tight"))
    trained(free, "optimizer.clip_norm=0")
    trained(loose, "optimizer.clip_norm=1e6")
    trained(tight, "optimizer.clip_norm=1e-4")
    assert same(weights(free), weights(loose))
    assert log(free)[0]["grad_norm"] == log(tight)[0]["grad_norm"]


def test_one_and_two_processes_train_the_same(tmp_path):
    """Two processes share the draws that one would have made: equal up to the order of a sum."""
    one, two = tmp_path / "one", tmp_path / "two"
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    script = str(ROOT / "tools" / "train.py")
    done = subprocess.run([*launch, script, *arguments(two)], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("embedded generator") == 1
    trained(one)
    assert apart(weights(one), weights(two)) < 2e-5
    assert sampled(two, "n=3", f"out={tmp_path / 'out'}") == 0


def test_a_bare_run_is_continued_by_its_folder_alone(tmp_path):
    run = tmp_path / "run"
    trained(run, steps=2)
    assert train.main([f"run={run}", "train.steps=3"]) == 0
    assert [e["step"] for e in log(run)] == [1, 2, 3]


def test_the_edm_parts_get_the_measured_spread(tmp_path):
    """EDM preconditioning aims at unit variance: a silent network's weighted loss is then 1 at every noise level."""
    run = tmp_path / "run"
    words = ["denoiser.schedule=edm", "denoiser.prediction=edm", "loss.weighting=edm", "loss.density=log_normal"]
    trained(run, "train.batch=512", *words, steps=1)
    assert log(run)[0]["loss"] == pytest.approx(1.0, rel=0.03)

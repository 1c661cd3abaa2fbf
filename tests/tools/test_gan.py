"""`stage=gan` from the command line: exact resume, samples of their own seed, and what it refuses."""

import dataclasses
import json

import pytest
import torch

from tests.tools.small import arguments, sampled, trained, weights
from tools import checkpoint, train
from tools import recipe as recipes
from tools.stages._gan_steps import penalty

GAN = ["stage=gan", "gan.width=4", "gan.latent=3", "gan.patch=2", "optimizer.clip_norm=0", "optimizer.lr=0.1"]


def log(run):
    return [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gan") / "run"
    assert trained(folder, *GAN, steps=4) == 0
    return folder


@pytest.mark.parametrize("modality", ["audio", "video"])
def test_it_trains_in_every_modality(tmp_path, modality):
    assert trained(tmp_path / "run", *GAN, modality=modality, steps=2) == 0
    assert all(abs(entry["critic_loss"]) < 100 for entry in log(tmp_path / "run"))
    assert list((tmp_path / "run" / "samples" / "step-00000002").glob("sheet.*"))


def test_the_penalty_comes_now_and_then_and_falls_by_equal_factors(run):
    """Every k-th step has k times gamma, from gamma at the start over the geometric mean to gamma_end."""
    part = dataclasses.replace(recipes.read(run / "recipe.yaml").gan, gamma=8.0, gamma_end=2.0, penalty_every=4)
    recipe = dataclasses.replace(recipes.read(run / "recipe.yaml"), gan=part)
    assert [penalty(recipe, step, 0.0) for step in range(5)] == [32, 0, 0, 0, 32]
    assert [penalty(recipe, 4, progress) for progress in (0.5, 1.0)] == pytest.approx([16, 8])
    constant = dataclasses.replace(recipe, gan=dataclasses.replace(part, gamma_end=None, penalty_every=1))
    assert [penalty(constant, 3, progress) for progress in (0.0, 1.0)] == [8, 8]
    assert {"critic_loss", "margin", "loss", "grad_norm"} <= set(log(run)[0])


def test_a_run_cut_in_two_ends_as_one(run, tmp_path):
    cut = tmp_path / "cut"
    trained(cut, *GAN, "optimizer.decay=constant", steps=2)
    assert trained(cut, *GAN, steps=4) == 0
    for name in ("model", "ema"):
        whole, halves = weights(run, name), weights(cut, name)
        assert whole.keys() == halves.keys()
        assert all(torch.equal(whole[k], halves[k]) for k in whole)
    critics = [checkpoint.training_state(checkpoint.latest(r))[1]["critic"] for r in (run, cut)]
    assert all(torch.equal(critics[0][k], critics[1][k]) for k in critics[0])
    assert [entry["step"] for entry in log(cut)] == [1, 2, 3, 4]


def test_a_batch_in_two_passes_is_the_same_training(run, tmp_path):
    trained(tmp_path / "run", *GAN, "train.accumulate=2", steps=4)
    whole, parts = weights(run), weights(tmp_path / "run")
    assert all(torch.allclose(whole[k], parts[k], atol=2e-5) for k in whole)


def test_samples_are_of_their_own_seed_and_label(run, tmp_path):
    sampled(run, "n=3", "seed=5", "label=1", f"out={tmp_path / 'a'}")
    sampled(run, "n=1", "seed=7", "label=1", f"out={tmp_path / 'b'}")
    sampled(run, "n=1", "seed=7", "label=2", f"out={tmp_path / 'c'}")
    last = (tmp_path / "a" / "000002.png").read_bytes()
    assert last == (tmp_path / "b" / "000000.png").read_bytes()
    assert last != (tmp_path / "c" / "000000.png").read_bytes()
    assert sampled(run, "n=1", "seed=7", "label=1", "weights=raw", f"out={tmp_path / 'd'}") == 0
    sampled(run, "n=2", "label=1", "sampler.noise_scale=1e-6", f"out={tmp_path / 'e'}")
    assert (tmp_path / "e" / "000000.png").read_bytes() == (tmp_path / "e" / "000001.png").read_bytes()
    line = json.loads((tmp_path / "a" / "manifest.jsonl").read_text().splitlines()[0])
    assert (line["seed"], line["label"], line["sampler"], line["guidance"]) == (5, 1, None, None)


@pytest.mark.parametrize("word", ["sampler=ddim", "sampler.steps=5", "guidance.scale=2", "guidance=apg"])
def test_sampler_and_guidance_have_no_meaning(run, word, tmp_path, capsys):
    assert sampled(run, word, f"out={tmp_path / 'out'}") == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert "no meaning for stage=gan" in lines[0]


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("gan.loss=hing", "did you mean"),
        ("gan.gamma=-1", "gan.gamma must be at least 0"),
        ("gan.multipliers=[]", "number of levels"),
        ("gan.blocks=[1,2,3]", "gan.blocks"),
        ("gan.widht=3", "gan.width"),
        ("train.accumulate=3", "accumulate"),
    ],
)
def test_mistakes_are_one_line(tmp_path, word, message, capsys):
    assert train.main(arguments(tmp_path / "run", *GAN, word)) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert message in lines[0]

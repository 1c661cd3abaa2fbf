"""Averages stored while training, and samples from one of a width that was never tracked."""

import json

import pytest
import torch
from safetensors.torch import load_file

from core.posthoc import Profile
from tests.tools.small import sampled, trained, weights
from tools import snapshots

EVERY = ["posthoc.every=2", "checkpoint.every=4", "checkpoint.keep=9"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "image"
    assert trained(folder, *EVERY, steps=8) == 0
    return folder


def files(run):
    return {p.name: load_file(p) for p in (run / "averages").iterdir()}


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def test_two_averages_are_stored_every_so_many_steps(run):
    assert snapshots.found(run) == [Profile(n, s) for n in (2, 4, 6, 8) for s in (0.05, 0.1)]
    first, last = (load_file(run / "averages" / f"step-0000000{n}-0.1.safetensors") for n in (2, 8))
    assert first.keys() == last.keys() == weights(run, "ema").keys()
    assert not same(first, last)


def test_tracking_changes_nothing_else_and_continues_exactly(run, tmp_path):
    plain, broken = tmp_path / "plain", tmp_path / "broken"
    trained(plain, steps=8)
    assert same(weights(plain), weights(run))
    assert same(weights(plain, "ema"), weights(run, "ema"))
    trained(broken, *EVERY, steps=3)
    trained(broken, *EVERY, steps=8)
    want, got = files(run), files(broken)
    assert want.keys() == got.keys()
    assert all(same(want[name], got[name]) for name in want)


def test_a_stored_width_is_rebuilt_as_it_was_and_another_lies_apart(run, tmp_path):
    """Filled into a network: at 0.1 the stored average itself; at 0.07 something between it and that of 0.05."""
    stored = {s: load_file(run / "averages" / f"step-00000008-{s}.safetensors") for s in (0.05, 0.1)}

    class Named(torch.nn.Module):
        """Takes a state dict by the names of the real network."""

        def load_state_dict(self, state):
            self.state = state

    def rebuilt(sigma_rel):
        named = Named()
        snapshots.load(named, run, 8, sigma_rel, torch.device("cpu"))
        return named.state

    again, between = rebuilt(0.1), rebuilt(0.07)
    assert all(torch.allclose(again[k], stored[0.1][k], rtol=1e-5, atol=1e-7) for k in again)
    name = max(again, key=lambda k: float((stored[0.05][k] - stored[0.1][k]).abs().max()))
    short, long, middle = stored[0.05][name], stored[0.1][name], between[name]
    assert (middle - short).norm() < (long - short).norm()
    assert (middle - long).norm() < (long - short).norm()


def test_sampling_takes_a_width(run, tmp_path):
    """A folder and a manifest that say so, and pictures that are not those of the checkpoint's average."""
    assert sampled(run, "sample.sigma_rel=0.07", "seed=3") == 0
    (out,) = (run / "samples").glob("*-average0.07-seed3")
    entries = [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]
    assert all(e["sigma_rel"] == 0.07 for e in entries)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["sample.sigma_rel=0.28"], "sample.sigma_rel=0.28: 8 snapshots of widths 0.05, 0.1 miss it by"),
        (["sample.sigma_rel=0.3"], "sample.sigma_rel must be at most 0.2886, got 0.3"),
        (["sample.sigma_rel=0.1", "weights=raw"], "sample.sigma_rel is the width of an average: weights=raw asks"),
    ],
)
def test_what_cannot_be_made_is_said_in_one_line(run, words, line, capsys):
    assert sampled(run, *words) == 2
    said = capsys.readouterr().err.strip()
    assert line in said
    assert "\n" not in said


def test_a_run_without_snapshots_says_how_to_have_them(tmp_path, capsys):
    trained(tmp_path / "plain", steps=1)
    capsys.readouterr()
    assert sampled(tmp_path / "plain", "sample.sigma_rel=0.1") == 2
    assert "has no snapshots; train with posthoc.every=N" in capsys.readouterr().err

"""References end to end: models trained for seconds follow their file, and go on beyond their length."""

import json
from pathlib import Path

import av
import numpy
import pytest
import soundfile
import torch
from PIL import Image

from modalities.references import degrade
from modalities.references.mel import distance
from modalities.video.writer import write as write_clip
from tests.tools.small import MEDIA, NETWORK, sampled
from tools import build, checkpoint, restored, sampling, train
from tools import recipe as recipes

LEARNING = [
    *("optimizer=muon", "optimizer.lr=3e-2", "optimizer.warmup_steps=10", "optimizer.decay=linear"),
    *("ema=constant", "ema.half_life=4"),
    *(
        "denoiser.prediction=x0",
        "loss.weighting=clamped_snr",
        "loss.condition_dropout=0",
        "sampler=ddim",
        "sampler.steps=6",
    ),
    *("network.multipliers=[1]", "network.attention=false", "network.width=16", "network.head_channels=8"),
    *("data.class_conditional=false", "data.workers=0", "device=cpu", "sample.n=2", "train.batch=16"),
]


def learned(run: Path, modality: str, *more: str, steps: int = 80) -> Path:
    words = [f"modality={modality}", *MEDIA[modality], *NETWORK, *LEARNING, f"run={run}", f"train.steps={steps}"]
    assert train.main([*words, *more]) == 0
    return run


def drawn(run: Path, *words: str, more: tuple[str, ...] = ()) -> torch.Tensor:
    """x0 of one sample per reference, before any file is written."""
    folder = checkpoint.latest(run)
    assert folder is not None
    recipe = recipes.overlay(recipes.read(folder / "recipe.yaml"), [f"run={run}", *more])
    media = build.modality(recipe)
    (name,) = recipe.conditions
    denoiser = restored.restored(recipe, media, folder, torch.device("cpu"))
    samples = [sampling.Sample(i, i, sampling.NO_LABEL, {name: word}) for i, word in enumerate(words)]
    return torch.cat([x0 for _, x0 in sampling.draw(recipe, denoiser, media, samples)])


def kind_of(run: Path):
    recipe = recipes.read(run / "recipe.yaml")
    return next(iter(build.conditions(recipe, build.modality(recipe)).values()))


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> Path:
    """Clips of one grey level each, which nothing but a known frame tells; the held-out ones have other levels."""
    root = tmp_path_factory.mktemp("clips")
    for split, levels in (("train", range(0, 256, 6)), ("test", (30, 128, 230))):
        for level in levels:
            (root / split).mkdir(exist_ok=True)
            write_clip(torch.full((4, 16, 16, 3), level, dtype=torch.uint8), root / split / f"{level}.mp4", 8.0)
    return root


@pytest.fixture(scope="module", params=[1, 2], ids=["frame_by_frame", "two_frames_at_a_time"])
def video(clips, tmp_path_factory, request) -> Path:
    run = tmp_path_factory.mktemp("runs") / "video"
    attending = ["conditions.known=frames", "network.patch=4", "network.temporal_attention=true"]
    attending.append(f"network.temporal_patch={request.param}")
    return learned(run, "video", f"data.path={clips}", *attending, steps=80)


def test_frames_come_out_as_given_and_the_others_go_with_them(video, clips):
    kind = kind_of(video)
    for what, known in (("@2", [0, 1]), ("@first_last", [0, 3]), ("@first", [0])):
        words = [f"{clips}#{i}{what}" for i in range(3)]
        rows = torch.cat([kind.given(word) for word in words])
        x0 = drawn(video, *words)
        assert torch.equal(x0[:, :, known], rows[:, :, known])
        levels, truth = x0.mean((1, 3, 4)), rows[:, :, known].mean((1, 2, 3, 4))
        error = (levels - truth[:, None]).abs()
        mean = (truth - truth.mean()).abs().mean()
        assert float(error.mean()) < 0.6 * float(mean), what


def test_a_clip_goes_on_beyond_the_models_length(video, clips, tmp_path):
    x0 = drawn(video, f"{clips}#0@2", f"{clips}#2@2", more=("frames=9", "overlap=0.5"))
    assert x0.shape == (2, 3, 9, 16, 16)
    assert (
        float((x0[1] - x0[0]).mean((0, 2, 3))[4:6].min()) > 0.2
    )  # what the second window draws: bright stays brighter
    assert torch.equal(x0[:, :, :4], drawn(video, f"{clips}#0@2", f"{clips}#2@2"))  # the first window is what it was
    out = tmp_path / "out"
    assert sampled(video, "n=3", f"reference={clips}/test@first", "frames=6", f"out={out}") == 0
    lines = [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]
    assert [Path(line["conditions"]["known"]).name for line in lines] == [f"{i}.mp4@first" for i in (30, 128, 230)]
    with av.open(str(out / "000002.mp4")) as box:
        frames = [frame.to_ndarray(format="gray") for frame in box.decode(video=0)]
    assert len(frames) == 6
    assert abs(float(frames[0].mean()) - 230) < 6


def test_high_resolution_agrees_with_the_low_one(tmp_path):
    rng = numpy.random.default_rng(0)
    for i in range(150):
        cells = rng.integers(0, 256, (2, 2, 3), dtype=numpy.uint8).repeat(4, 0).repeat(4, 1)
        path = tmp_path / ("test" if i < 3 else "train") / f"{i}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(cells).save(path)
    options = ["conditions.low=low_resolution", "conditions.low.factor=4", "media.size=8", "network.patch=4"]
    run = learned(tmp_path / "run", "image", f"data.path={tmp_path}", *options)
    words = [f"{tmp_path}#{i}" for i in range(3)]
    given = torch.cat([kind_of(run).given(word) for word in words])
    off = (degrade.pictures(drawn(run, *words), 4) - given).square().mean().sqrt()
    among = (given - given.roll(1, 0)).square().mean().sqrt()
    assert float(off) < 0.25 * float(among)


def test_a_vocoder_has_the_mel_that_it_was_given(tmp_path):
    rng = numpy.random.default_rng(0)
    for i in range(200):
        t = numpy.arange(1024) / 8000
        wave = sum(rng.uniform(0, 0.3) * numpy.sin(2 * numpy.pi * f * t + rng.uniform(0, 6)) for f in (300, 900, 2000))
        soundfile.write(tmp_path / f"{i}.wav", wave, 8000)
    options = ["conditions.mel=mel", "conditions.mel.n_fft=128", "conditions.mel.n_mels=16", "network.patch=16"]
    run = learned(tmp_path / "run", "audio", f"data.path={tmp_path}", *options, "network.width=32", steps=120)
    words = [f"{tmp_path}#{i}" for i in range(4)]
    kind = kind_of(run)
    given = torch.cat([kind.given(word) for word in words])
    made = kind.taken(drawn(run, *words))
    own, others = distance(made, given).mean(), distance(made, given.roll(1, 0)).mean()
    assert float(own) < 0.85 * float(others)
    soundfile.write(tmp_path / "long.wav", numpy.tile(wave, 3)[:2500], 8000)
    out = tmp_path / "out"
    assert sampled(run, "n=1", f"reference={tmp_path / 'long.wav'}", f"out={out}") == 0
    assert soundfile.info(out / "000000.wav").frames == 2560  # its own length, in whole frames of the mel


def test_pairs_are_learned_and_missing_ones_are_named(tmp_path, capsys):
    rng = numpy.random.default_rng(0)
    for i in range(200):
        level = rng.integers(0, 256)
        for folder, value in (("output", 255 - level), ("input", level)):
            (tmp_path / folder).mkdir(exist_ok=True)
            Image.fromarray(numpy.full((8, 8, 3), value, dtype=numpy.uint8)).save(tmp_path / folder / f"{i}.png")
    options = [
        f"data.path={tmp_path / 'output'}",
        "conditions.twin=paired",
        f"conditions.twin.path={tmp_path / 'input'}",
    ]
    options += ["media.size=8", "network.patch=4"]
    run = learned(tmp_path / "run", "image", *options)
    words = [f"{tmp_path}/input/{i}.png" for i in range(6)]
    given = torch.cat([kind_of(run).given(word) for word in words])
    assert float((drawn(run, *words) + given).abs().mean()) < 0.3 * float(given.abs().mean())
    (tmp_path / "input" / "7.png").unlink()
    assert train.main(["modality=image", *options, f"run={tmp_path / 'other'}"]) == 2
    assert "has no partner for 1 of 200 files: 7.png" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["reference=nowhere.mp4"], "reference=nowhere.mp4: there is no file or folder nowhere.mp4"),
        (["reference={clips}@firsts"], "known=firsts is not a number of first frames"),
        (["reference={clips}#3@first"], "holds 3 references: 0 to 2"),
        (["reference={clips}#0@4"], "all 4 frames: nothing is left to draw"),
        (["condition.known={clips}/test/30.mp4@!first"], "@! is for the kind masked"),
        (["reference=./none"], "there is no file or folder"),
        (["seconds=2"], "frames= is for clips and seconds= for sounds"),
        (["frames=3"], "the model draws frames=4 at once"),
        (["prompt=hello"], "trained without text; it has known"),
    ],
)
def test_bad_references_are_one_line(video, clips, tmp_path, capsys, words, expected):
    said = [word.format(clips=clips) for word in words]
    assert sampled(video, "n=1", f"out={tmp_path / 'out'}", *said) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("error: ")
    assert expected in error


def test_no_reference_is_asked_for_by_that_word(video, tmp_path):
    """Without a word the samples take turns with examples of the data."""
    for word, said in ((["reference=none"], {}), ([], {"known"})):
        out = tmp_path / str(len(word))
        assert sampled(video, "n=1", f"out={out}", *word) == 0
        assert set(json.loads((out / "manifest.jsonl").read_text())["conditions"]) == set(said)


def test_a_model_without_references_takes_none(tmp_path, capsys):
    run = learned(tmp_path / "run", "image", "media.size=8", "network.patch=4", steps=1)
    assert sampled(run, "n=1", "reference=#0", f"out={tmp_path / 'out'}") == 2
    assert "this model was trained without a reference" in capsys.readouterr().err
    run = learned(tmp_path / "vocoder", "audio", "network.patch=16", "conditions.mel=mel", steps=1)
    assert sampled(run, "n=1", "reference=none", f"out={tmp_path / 'out'}") == 2
    assert "this model was never trained without mel: give it a file, condition.mel=FILE" in capsys.readouterr().err
    assert sampled(run, "n=1", "seconds=1", f"out={tmp_path / 'out'}") == 2
    assert "must be trained to continue" in capsys.readouterr().err

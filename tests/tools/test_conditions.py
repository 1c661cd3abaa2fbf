"""Conditions end to end: a model that was trained on them for a few seconds draws what it is asked for."""

import json
from pathlib import Path

import numpy
import pytest
import torch
from PIL import Image

from core.condition import is_absent
from core.training.distributed import World
from tests.tools.small import arguments, sampled, trained, weights
from tools import build, checkpoint, measure, sampling, train
from tools import recipe as recipes
from tools.feed import feed
from tools.restored import restored
from tools.stills import mixed
from tools.train import prepared

ALONE = World(0, 1, torch.device("cpu"))
COLOURS = {"red": (220, 30, 30), "blue": (30, 30, 220)}
CONDITIONS = [
    *("conditions.caption=text", "conditions.caption.length=6", "conditions.caption.width=16"),
    *("conditions.caption.layers=1", "conditions.caption.dropout=0.1"),
    *("conditions.warmth=value", "conditions.warmth.field=warmth", "conditions.warmth.dropout=0.6"),
    *("conditions.painter=label", "conditions.painter.field=painter", "conditions.painter.dropout=0.6"),
]
ASKED = {
    "prompt": {"red": ["prompt=a red picture"], "blue": ["prompt=a BLUE picture"]},
    "value": {"red": ["condition.warmth=30"], "blue": ["condition.warmth=-10"]},
    "label": {"red": ["condition.painter=ada"], "blue": ["condition.painter=bob"]},
}


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """Red and blue pictures of a class each (folders), with their colour said in three ways beside them."""
    root = tmp_path_factory.mktemp("data")
    rng = numpy.random.default_rng(0)
    for i in range(48):
        colour = list(COLOURS)[i % 2]
        picture = rng.integers(-20, 20, (8, 8, 3)) + numpy.array(COLOURS[colour])
        Image.fromarray(picture.clip(0, 255).astype(numpy.uint8)).save(root / f"{i}.png")
        warmth = rng.uniform(20, 30) if colour == "red" else rng.uniform(-10, 0)
        warmth = {0: 30.0, 1: -10.0}.get(i, warmth)
        painter = "ada" if colour == "red" else "bob"
        record = {"caption": f"a {colour} picture", "warmth": warmth, "painter": painter}
        (root / f"{i}.json").write_text(json.dumps(record))
    return root


def words(data: Path) -> list[str]:
    return [f"data.path={data}", *CONDITIONS, "media.size=8", "network.multipliers=[1]", "network.attention=true"]


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    small = [w for w in arguments(folder, *words(data), steps=400) if not w.startswith("optimizer.")]
    learning = ["optimizer=muon", "optimizer.lr=1e-2", "optimizer.warmup_steps=10", "ema=constant", "ema.half_life=10"]
    shape = ["network.width=16", "network.patch=4", "train.batch=32", "sampler.steps=6"]
    assert train.main([*small, *learning, *shape, "denoiser.prediction=x0", "loss.weighting=clamped_snr"]) == 0
    return folder


def colours(folder: Path) -> list[str]:
    means = [numpy.asarray(Image.open(p)).astype(float).mean((0, 1)) for p in sorted(folder.glob("0*.png"))]
    return ["red" if mean[0] > mean[2] else "blue" for mean in means]


def manifest(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("way", ASKED)
@pytest.mark.parametrize("colour", COLOURS)
def test_what_is_asked_is_drawn(run, tmp_path, way, colour):
    assert sampled(run, "n=6", "guidance.scale=2", f"out={tmp_path / 'out'}", *ASKED[way][colour]) == 0
    assert colours(tmp_path / "out") == [colour] * 6
    said = manifest(tmp_path / "out")[0]["conditions"]
    assert len(said) == 1
    assert str(next(iter(said.values()))) == ASKED[way][colour][0].partition("=")[2]


def pixels(folder: Path) -> list[bytes]:
    return [p.read_bytes() for p in sorted(folder.glob("0*.png"))]


def test_without_guidance_s_condition_nothing_is_known_of_it(run, tmp_path):
    """At scale 0 the unconditional model draws alone, whatever is asked: bit for bit the same."""
    for name, more in {"red": ASKED["prompt"]["red"], "blue": ASKED["value"]["blue"]}.items():
        assert sampled(run, "n=4", "guidance.scale=0", f"out={tmp_path / name}", *more) == 0
    assert pixels(tmp_path / "red") == pixels(tmp_path / "blue")


def test_a_negative_prompt_is_moved_away_from(run):
    """x0_hat = x0_hat under it + scale (x0_hat under the prompt, or under nothing - that)."""
    said = ["n=2", "guidance.scale=3", "negative_prompt=a red picture"]
    for more, wanted in (([], None), (["prompt=a blue picture"], "a blue picture")):
        recipe = recipes.overlay(recipes.read(run / "recipe.yaml"), [f"run={run}", "prompt=", *said, *more])
        media, folder = build.modality(recipe), checkpoint.latest(run)
        assert folder is not None
        denoiser = restored(recipe, media, folder, torch.device("cpu"))
        asked = sampling.conditions(recipe, media, sampling.plan(recipe, media), torch.device("cpu"))
        x, t = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0)), torch.tensor(0.5)
        text = build.conditions(recipe, media)["caption"]
        with torch.no_grad():
            red = denoiser(x, t, {"caption": text.given("a red picture").expand(2, -1, -1)})
            other = denoiser(x, t, wanted and {"caption": text.given(wanted).expand(2, -1, -1)})
            got = sampling.guided(recipe, denoiser, asked, t[None])(x, t)
        torch.testing.assert_close(got, red + 3 * (other - red))
        assert (got - other).abs().max() > 0.01


def test_prompts_of_a_file_take_turns_and_a_sample_depends_on_its_seed_alone(run, tmp_path):
    (tmp_path / "prompts.txt").write_text("a red picture\n\na blue picture\n")
    common = [f"prompts={tmp_path / 'prompts.txt'}", "guidance.scale=2", "sampler=ddpm"]
    for name, more in {"a": ["n=5", "batch=5"], "b": ["n=5", "batch=2"], "c": ["n=1", "seed=3"]}.items():
        assert sampled(run, *common, *more, f"out={tmp_path / name}") == 0
    assert colours(tmp_path / "a") == ["red", "blue", "red", "blue", "red"]
    a, b, c = ([numpy.asarray(Image.open(p)).astype(int) for p in sorted((tmp_path / n).glob("0*.png"))] for n in "abc")
    assert max(numpy.abs(x - y).max() for x, y in zip(a, b, strict=True)) <= 1
    assert numpy.abs(a[3] - c[0]).max() <= 1


def test_where_nothing_is_asked_the_samples_take_turns_with_examples_of_the_data(run, tmp_path):
    recipe = recipes.read(run / "recipe.yaml")
    assert len(recipe.data.examples) == 16
    assert sampled(run, "n=6", "guidance.scale=2", f"out={tmp_path / 'out'}") == 0
    lines = manifest(tmp_path / "out")
    assert [line["conditions"] for line in lines] == recipe.data.examples[:6]
    assert colours(tmp_path / "out") == [line["conditions"]["caption"].split()[1] for line in lines]


def test_what_was_left_open_was_measured(run):
    conditions = recipes.read(run / "recipe.yaml").conditions
    assert (conditions["warmth"]["low"], conditions["warmth"]["high"]) == (-10.0, 30.0)
    assert conditions["painter"]["classes"] == ["ada", "bob"]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (["prompt=a b c d e f g"], "prompt=a b c d e f g: it has 7 words and signs, and the model reads at most 6"),
        (["condition.warmth=31"], "condition.warmth=31: 31 is no number from -10 to 30"),
        (["condition.painter=eve"], "condition.painter=eve: eve is none of ada, bob"),
        (["condition.warm=3"], "condition.warm=3: it has caption, warmth, painter: did you mean warmth?"),
        (["label=0"], "label=0: this model was trained without classes"),
        (["reference=a.png"], "reference=a.png: this model was trained without a reference; it has caption"),
        (["negative_prompt=red", "guidance.scale=1"], "guidance.scale=1 is off"),
        (
            ["negative_prompt=red", "guidance=autoguidance", "guidance.weaker={run}"],
            "of no use to guidance=autoguidance",
        ),
        (["prompts=nowhere.txt"], "prompts=nowhere.txt: No such file"),
        (["prompts=x", "prompt=y"], "prompt and prompts: say one of them"),
        (["conditions.warmth.high=50"], "conditions.warmth.high is fixed by training"),
        (["promt=red"], "did you mean prompt?"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(run, tmp_path, capsys, said, expected):
    assert sampled(run, f"out={tmp_path / 'out'}", *(word.format(run=run) for word in said)) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert expected in lines[0]
    assert not (tmp_path / "out").exists()


def test_a_model_without_conditions_says_so(tmp_path, capsys):
    assert trained(tmp_path / "run", steps=1) == 0
    for said, expected in (
        ("prompt=red", "prompt=red: this model was trained without text; it has no conditions"),
        ("condition.pitch=3", "condition.pitch=3: it has no conditions"),
        ("negative_prompt=red", "negative_prompt=red: this model was trained without text"),
    ):
        assert sampled(tmp_path / "run", said) == 2
        assert expected in capsys.readouterr().err


def test_training_with_conditions_continues_exactly(data, tmp_path):
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    assert trained(straight, *words(data), steps=4) == 0
    assert trained(broken, *words(data), steps=2) == 0
    assert trained(broken, *words(data), steps=4) == 0  # the same command: what was measured is taken from the run
    for name in ("model", "ema"):
        a, b = weights(straight, name), weights(broken, name)
        assert all(torch.equal(a[key], b[key]) for key in a)
    assert any(key.startswith("conditions.parts.caption.") for key in a)


def test_other_conditions_are_another_run(data, tmp_path, capsys):
    assert trained(tmp_path, *words(data), steps=1) == 0
    for more, expected in (
        (["conditions.caption.length=7"], "conditions.caption.length=6, this command says 7"),
        (["conditions.warmth.high=40"], "conditions.warmth.high=30.0, this command says 40.0"),
        (["conditions.painter=null"], "conditions.painter.name=label, this command says None"),
        (["loss.condition_dropout=0.3"], "loss.condition_dropout=0.1, this command says 0.3"),
    ):
        assert trained(tmp_path, *words(data), *more, steps=2) == 2
        assert expected in capsys.readouterr().err


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (["conditions.caption=tex"], "unknown condition 'tex': did you mean text?"),
        (["conditions.caption=text", "conditions.caption.lenght=3"], "conditions.caption.lenght: did you mean"),
        (["conditions.p=value"], "conditions.p.field is missing: value has no default for it"),
        (["conditions.p=value", "conditions.p.field=unheard"], "conditions.p: the data have no number in the field"),
        (["conditions.label=text"], "conditions.label: this name is taken"),
        (["conditions.caption=text", "conditions.caption.dropout=1"], "dropout=1.0 must lie in [0, 1)"),
        (["conditions.caption=text", "network.attention=false"], "network.attention is false at every level"),
        (["conditions.caption=text", "loss.coupling=optimal_transport"], "keeps apart examples by label"),
        (["conditions.caption=text", "stage=gan"], "conditions are for stage=diffusion"),
        (["conditions=text"], "conditions must be a group of keys, got 'text'"),
    ],
)
def test_mistakes_in_training(tmp_path, capsys, said, expected):
    assert trained(tmp_path / "run", *said) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert expected in lines[0]


def test_a_condition_of_a_recipe_can_be_changed_or_left_out(tmp_path):
    mine = tmp_path / "mine.yaml"
    mine.write_text("modality: image\nconditions:\n  caption: text\n  size: {name: value, field: radius, scale: log}\n")
    load = recipes.load
    assert load([f"recipe={mine}"]).conditions["caption"] == {"name": "text"}
    more = load([f"recipe={mine}", "conditions.size.scale=linear", "conditions.caption=null"]).conditions
    assert more == {"size": {"name": "value", "field": "radius", "scale": "linear"}}
    other = load([f"recipe={mine}", "conditions.size=label", "conditions.size.field=colour"]).conditions
    assert other["size"] == {"name": "label", "field": "colour"}


def test_what_training_is_fed(data, tmp_path):
    recipe, source, _ = prepared(recipes.load(arguments(tmp_path / "run", *words(data))), ALONE)
    x0, cond = next(feed(recipe, source, build.modality(recipe), ALONE, 0, print))
    assert cond is not None
    red = x0[:, 0].mean((1, 2)) > x0[:, 2].mean((1, 2))
    assert torch.equal(cond["painter"] == 0, red)
    assert torch.equal(cond["warmth"] > 10, red)
    kinds = build.conditions(recipe, build.modality(recipe))
    for colour, rows in (("red", cond["caption"][red]), ("blue", cond["caption"][~red])):
        assert (rows == kinds["caption"].given(f"a {colour} picture")).all()


def test_heaps_of_stills_are_asked_for_nothing(tmp_path):
    said = ["conditions.caption=text", "conditions.size=value", "conditions.size.field=radius", "data.stills=0.5"]
    recipe, source, _ = prepared(recipes.load(arguments(tmp_path / "run", *said, modality="video")), ALONE)
    fed = feed(recipe, source, build.modality(recipe), ALONE, 0, print)
    _, cond = next(mixed(fed, recipe, ALONE, 0))
    assert cond is not None
    assert set(cond) == {"caption", "size", "label", "stills"}
    for name in ("caption", "size", "label"):
        assert is_absent(cond[name]).tolist() == [False, False, True, True]


@pytest.mark.parametrize("modality", ["audio", "video"])
def test_sounds_and_clips_are_asked_for_too(tmp_path, modality):
    field = {"audio": "pitch_hz", "video": "radius"}[modality]
    said = ["conditions.caption=text", "conditions.number=value", f"conditions.number.field={field}"]
    assert trained(tmp_path / "run", *said, modality=modality) == 0
    low = recipes.read(tmp_path / "run" / "recipe.yaml").conditions["number"]["low"]
    for name, more in {"a": ["prompt=a"], "b": ["prompt=b"], "c": [f"condition.number={low}"]}.items():
        assert sampled(tmp_path / "run", "n=1", *more, "guidance.scale=3", f"out={tmp_path / name}") == 0
    first = [next((tmp_path / name).glob("000000.*")).read_bytes() for name in "abc"]
    assert len(set(first)) == 3


def test_measured_conditions_need_nothing_of_data_that_have_no_metadata(tmp_path):
    recipe = recipes.load(arguments(tmp_path, "conditions.p=value", "conditions.p.field=x", "data.classes=[a]"))
    media = build.modality(recipe)
    source = media.source(None, "test")
    with pytest.raises(ValueError, match=r"conditions\.p: the data have no number in the field 'x'"):
        measure.asked_for(recipe, source, media)

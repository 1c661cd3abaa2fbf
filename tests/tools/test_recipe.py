"""Layers of recipes, and that every mistake in one is a ValueError of one line that says what was meant."""

from dataclasses import fields
from pathlib import Path

import pytest
import yaml

import configs
from core.discover import names
from tools import recipe as recipes
from tools.schema import Recipe

SAMPLERS = ", ".join(names("core.samplers"))
PREDICTIONS = ", ".join(names("core.predictions"))
WEIGHTINGS = ", ".join(names("core.weightings"))


def mistake(argv: list[str]) -> str:
    with pytest.raises(ValueError) as caught:
        recipes.load(argv)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_later_layers_win() -> None:
    defaults = yaml.safe_load(configs.DEFAULTS.read_text())
    mnist = yaml.safe_load(configs.recipes()["mnist"].read_text())
    recipe = recipes.load(["recipe=mnist", "media.size=24", "train.batch=7"])
    assert recipe.seed == defaults["seed"]  # only the defaults say it
    assert recipe.network["resampling"] == "learned"  # only the modality says it
    assert recipe.network["width"] == mnist["network"]["width"] != 64  # the recipe, and not the modality, which says 64
    # command line, recipe, modality
    assert recipe.media == {"size": 24, "channels": 1, "flip": False, "embedded": "simple"}
    assert recipe.train.batch == 7
    assert (recipe.modality, recipe.recipe, recipe.run) == ("image", "mnist", "runs/mnist")


def test_attributes_have_the_types_of_the_schema() -> None:
    recipe = recipes.load(["modality=audio", "optimizer.lr=1", "data.path=2024", "run=007", "sample.label=3"])
    assert isinstance(recipe, Recipe)
    assert recipe.optimizer.lr == 1.0
    assert isinstance(recipe.optimizer.lr, float)
    assert recipe.data.path == "2024"
    assert recipe.run == "007"  # raw text: YAML would read the number 7
    assert recipe.sample.label == 3
    assert recipes.load(["modality=audio", "data.path=null"]).data.path is None
    assert recipes.load(["modality=audio", "sample.label=cat"]).sample.label == "cat"


def test_a_name_is_short_for_a_node_and_drops_the_options_of_the_earlier_name() -> None:
    plain = recipes.load(["modality=image", "sampler=ddim", "sampler.eta=0.5", "loss.density=log_normal"])
    assert (plain.sampler.name, plain.sampler.options) == ("ddim", {"eta": 0.5})
    assert plain.loss.density == {"name": "log_normal"}
    assert plain.sampler.grid["name"] == recipes.load(["modality=image"]).sampler.grid["name"]
    full = recipes.load(["recipe=cifar10_full"])
    assert full.loss.density == {"name": "log_normal", "mean": -1.2, "std": 1.2}
    assert recipes.load(["recipe=cifar10_full", "loss.density=uniform"]).loss.density == {"name": "uniform"}
    kept = recipes.load(["recipe=cifar10_full", "loss.density.std=1"]).loss.density
    assert kept == {"name": "log_normal", "mean": -1.2, "std": 1.0}
    assert recipes.overlay(plain, ["sampler=euler"]).sampler.options == {}
    assert recipes.overlay(plain, ["sampler.steps=5"]).sampler.options == {"eta": 0.5}


def test_order_of_name_and_options_on_the_command_line_does_not_matter() -> None:
    a = recipes.load(["modality=image", "sampler=ddim", "sampler.eta=1"])
    assert a == recipes.load(["sampler.eta=1", "sampler=ddim", "modality=image"])
    assert a == recipes.load(["sampler.name=ddim", "sampler.eta=1", "modality=image"])


def test_a_limit_replaces_the_earlier_layers_limit() -> None:
    limits = [
        (recipes.load(["modality=image", *said]).train.steps, recipes.load(["modality=image", *said]).train.minutes)
        for said in ([], ["train.steps=5"], ["train.minutes=2"], ["train.steps=5", "train.minutes=2"])
    ]
    assert limits == [(None, 10.0), (5, None), (None, 2.0), (5, 2.0)]


def test_a_recipe_of_the_users_own(tmp_path: Path) -> None:
    own = tmp_path / "mine.yaml"
    own.write_text("modality: video\nmedia:\n  frames: 8\nsampler: ddpm\n")
    recipe = recipes.load([f"recipe={own}", "seed=3"])
    assert (recipe.modality, recipe.media["frames"], recipe.sampler.name, recipe.run) == (
        "video",
        8,
        "ddpm",
        "runs/mine",
    )
    own.write_text("modality: video\nmedia:\n  frame: 8\n")
    assert mistake([f"recipe={own}"]) == "unknown key media.frame: did you mean media.frames?"
    own.write_text("modality: video\ntrain:\n  batch: 8\n  batsch: 8\n")
    assert mistake([f"recipe={own}"]) == f"{own}: unknown key train.batsch: did you mean train.batch?"
    own.write_text("modality: video\ntrain: [1\n")
    assert mistake([f"recipe={own}"]).startswith(f"{own} is not a recipe: ")
    own.write_text("- 1\n")
    assert mistake([f"recipe={own}"]) == f"{own} is not a recipe: it must hold keys and values"
    own.write_text("train:\n  batch: 8\n")
    assert mistake([f"recipe={own}"]) == f"{own}: must say modality: audio or image or video, got None"
    assert mistake([f"recipe={tmp_path}/none.yaml"]) == f"recipe={tmp_path}/none.yaml: there is no such file"


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (["train.step=3"], "unknown key train.step: did you mean train.steps?"),
        (["smapler=heun"], "unknown key smapler: did you mean sampler?"),
        (["lr=1e-4"], "unknown key lr: did you mean optimizer.lr?"),
        (["batch_size=4"], "unknown key batch_size: did you mean train.batch?"),
        (["network.widht=3"], "unknown key network.widht: did you mean network.width?"),
        (["media.sized=3"], "unknown key media.sized: did you mean media.size?"),
        (["xyzzy=3"], "unknown key xyzzy; `trifuse recipes defaults` and `trifuse recipes MODALITY` show all keys"),
        (["sampler=heun", "sampler.s_chrun=3"], "unknown key sampler.s_chrun: did you mean sampler.s_churn?"),
        (
            ["loss.weighting=v", "loss.weighting.low=1"],
            "unknown key loss.weighting.low: v has no such option, clamped_snr has",
        ),
        (["sampler=euler", "sampler.foo=1"], "unknown key sampler.foo; euler takes no options"),
        (["train.batch=many"], "train.batch must be an integer, got 'many'"),
        (["train.batch=1.5"], "train.batch must be an integer, got 1.5"),
        (["train.batch=true"], "train.batch must be an integer, got True"),
        (["train.steps=many"], "train.steps must be an integer or null, got 'many'"),
        (["train.batch=null"], "train.batch must be an integer, got null"),
        (["train.minutes=soon"], "train.minutes must be a number or null, got 'soon'"),
        (["compile=yes please"], "compile must be true or false, got 'yes please'"),
        (["train=3"], "train must be a group of keys, got 3"),
        (["network.width=wide"], "network.width must be an integer, got 'wide'"),
        (
            ["network.attention=[1,0,0]"],
            "network.attention must be true or false or a list of true and false, got [1, 0, 0]",
        ),
        (["optimizer.beta1=x"], "optimizer.beta1 must be a number, got 'x'"),
        (["sampler=huen"], f"unknown sampler 'huen': did you mean heun? ({SAMPLERS})"),
        (
            ["loss.weighting=mins_nr"],
            f"unknown weighting 'mins_nr': did you mean min_snr? ({WEIGHTINGS})",
        ),
        (["denoiser.prediction=epsilon"], f"unknown prediction 'epsilon': did you mean eps? ({PREDICTIONS})"),
        (["precision=fp16"], "precision must be one of auto, fp32, bf16, got 'fp16': did you mean bf16?"),
        (["train.batch=0"], "train.batch must be at least 1, got 0"),
        (["train.steps=-5"], "train.steps must be at least 1, got -5"),
        (["train.minutes=0"], "train.minutes must be above 0, got 0.0"),
        (["train.minutes=.inf"], "train.minutes must be finite, got inf"),
        (["guidance.scale=-1"], "guidance.scale must be at least 0, got -1.0"),
        (["loss.condition_dropout=1.5"], "loss.condition_dropout must be at most 1, got 1.5"),
        (["network.width=0"], "network.width must be at least 1, got 0"),
        (["network.dropout=2"], "network.dropout must be at most 1, got 2.0"),
        (["media.size=0"], "media: size=0 must be at least 1 pixel"),
        (["train.batch=6", "train.accumulate=4"], "train.batch=6 does not split into train.accumulate=4 parts"),
        (["train.minutes=null"], "training has no end: give train.steps=N or train.minutes=M"),
        (
            ["network.multipliers=[1,2]"],
            "network.attention has 3 entries, but network.multipliers=[1, 2] asks for 2: one per level",
        ),
        (
            ["network.factors=[2,2,2]"],
            "network.factors has 3 entries, but network.multipliers=[1, 2, 2] asks for 2: one per change of level",
        ),
        (["network.multipliers=[]"], "network.multipliers must not be empty"),
        (["optimizer.lr=-1"], "optimizer.lr must be above 0, got -1.0"),
        (["sampler=heun", "sampler.s_churn=-1"], "heun: s_churn must not be negative, got -1.0"),
        (["train.steps"], "argument 'train.steps' is not key=value: did you mean train.steps?"),
        (["--train.steps=5"], "argument '--train.steps=5': arguments have no dashes, write train.steps=5"),
        (["train..steps=5"], "argument 'train..steps=5' is not key=value: did you mean train.steps?"),
        (["=5"], "argument '=5' is not key=value"),
        (["network.multipliers=[1,2"], "argument network.multipliers=[1,2: did not find expected ',' or ']'"),
        (["train.batch=3", "train.batch.x=3"], "argument 'train.batch.x=3': batch already has the value 3"),
        (["recipe=mnst"], None),
        (["recipe=fsdd"], "recipe=fsdd is of modality audio, the command says image"),
        (["modality=imagee"], "unknown modality 'imagee': did you mean image? (audio, image, video)"),
        (["network.in_channels=3"], None),
    ],
)
def test_mistakes(argv: list[str], line: str | None) -> None:
    said = mistake(["modality=image", *argv])
    if line is None:
        assert said.startswith("unknown ")
    else:
        assert said == line


def test_a_misspelt_recipe_gets_the_nearest_and_all() -> None:
    said = mistake(["recipe=mnst"])
    assert said.startswith("unknown recipe 'mnst': did you mean mnist? (")
    assert all(name in said for name in configs.recipes())


def test_nothing_to_train() -> None:
    assert mistake([]).startswith("say what to train: modality=audio|image|video, or recipe=NAME (")


def test_one_value_serves_every_level() -> None:
    network = recipes.load(["modality=image", "network.multipliers=[1]", "network.attention=true", "network.blocks=3"])
    assert (network.network["attention"], network.network["blocks"]) == (True, 3)


def test_network_options_depend_on_the_representation() -> None:
    assert "factors" not in recipes.load(["modality=audio"]).network  # null is the network's own default
    assert recipes.load(["modality=audio"]).network["patch"] is None  # null until data and machine are known
    assert recipes.load(["modality=audio", "network.patch=8"]).network["patch"] == 8
    recipes.load(["modality=video", "network.temporal_kernel=1"])
    assert mistake(["modality=image", "network.temporal_kernel=1"]).startswith("unknown key network.temporal_kernel")


def test_a_reference_is_not_guided_unless_somebody_says_so() -> None:
    """What exaggerates a class or a prompt takes a sample past the signal that it should agree with."""
    said = ["modality=video", "conditions.known=frames"]
    assert recipes.load(["modality=video"]).guidance.scale == 2
    assert recipes.load(["modality=video", "conditions.caption=text"]).guidance.scale == 2
    assert recipes.load(said).guidance.scale == 1
    assert recipes.load([*said, "guidance.scale=3"]).guidance.scale == 3
    assert recipes.load(["recipe=vocoder"]).guidance.scale == 1


def test_a_stored_recipe_is_the_same_recipe(tmp_path: Path) -> None:
    for said in (["modality=image", "sampler=ddim", "sampler.eta=0.5"], ["recipe=fsdd", "optimizer.weight_decay=0.1"]):
        recipe = recipes.load([*said, "data.path=~/data"])
        assert recipe.data.path == str(Path.home() / "data")
        recipes.save(recipe, tmp_path / "recipe.yaml")
        assert recipes.read(tmp_path / "recipe.yaml") == recipe
        stored = yaml.safe_load((tmp_path / "recipe.yaml").read_text())
        assert "options" not in stored["sampler"]
        assert [p.name for p in tmp_path.iterdir()] == ["recipe.yaml"]


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("name: dpmpp_2m_sde", "name: os.system", "unknown sampler 'os.system'"),
        ("seed: 0", "seed: ${oc.env:HOME}", "holds plain values"),
        ("seed: 0", "seed: zero", "seed must be an integer, got 'zero'"),
        ("seed: 0", "sead: 0", "unknown key sead: did you mean seed?"),
        ("modality: image", "modality: ../image", "unknown modality '../image'"),
        ("seed: 0", "seed: !!python/object/apply:os.getpid []", "is not a recipe"),
        ("seed: 0\n", "", "the recipe has no seed"),
        ("  name: dpmpp_2m_sde\n", "", "sampler needs a name"),
    ],
)
def test_a_strangers_recipe_is_checked(tmp_path: Path, before: str, after: str, says: str) -> None:
    path = tmp_path / "recipe.yaml"
    recipes.save(recipes.load(["modality=image"]), path)
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))
    with pytest.raises(ValueError, match=r"recipe\.yaml") as caught:
        recipes.read(path)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_run_says_itself_what_it_is(tmp_path: Path) -> None:
    run = recipes.load(["recipe=fsdd", f"run={tmp_path}", "data.path=here", "train.steps=5"])
    recipes.save(run, tmp_path / "recipe.yaml")
    assert recipes.load([f"run={tmp_path}"]) == run
    longer = recipes.load([f"run={tmp_path}", "train.steps=9"])
    assert (longer.train.steps, longer.train.minutes, longer.network) == (9, None, run.network)
    assert recipes.load([f"run={tmp_path}", "modality=image"]).modality == "image"  # for the run folder to refuse
    assert mistake([f"run={tmp_path}/none"]).startswith("say what to train: ")


def test_sampling_takes_short_keys_and_its_own_seed() -> None:
    run = recipes.load(["modality=image", "seed=5", "sample.n=64"])
    plain = recipes.overlay(run, ["run=runs/x"])
    assert (plain.seed, plain.sample.n, plain.run) == (0, 64, "runs/x")
    said = recipes.overlay(run, ["n=4", "label=3", "batch=2", "out=~/o", "weights=raw", "seed=7", "guidance.scale=2"])
    assert (said.sample.n, said.sample.label, said.sample.batch, said.sample.weights) == (4, 3, 2, "raw")
    assert (said.sample.out, said.seed, said.guidance.scale) == (str(Path.home() / "o"), 7, 2.0)
    assert recipes.overlay(run, ["sample.n=4"]) == recipes.overlay(run, ["n=4"])
    assert said.network == run.network


@pytest.mark.parametrize(
    ("word", "line"),
    [
        (
            "train.batch=3",
            "train.batch is fixed by training; sampling takes n, label, batch, out, weights, prompt, ",
        ),
        ("network.width=3", "network.width is fixed by training; sampling takes n, "),
        ("optimizer.lr=3", "optimizer.lr is fixed by training; "),
        ("seeed=3", "unknown key seeed: did you mean seed?"),
        ("lable=3", "unknown key lable: did you mean label?"),
        ("n=0", "sample.n must be at least 1, got 0"),
        ("sampler.stepz=3", "unknown key sampler.stepz: did you mean sampler.steps?"),
        ("sampler=hun", "unknown sampler 'hun': did you mean heun?"),
        ("guidance.scale=much", "guidance.scale must be a number, got 'much'"),
    ],
)
def test_mistakes_in_sampling(word: str, line: str) -> None:
    run = recipes.load(["modality=image"])
    with pytest.raises(ValueError) as caught:
        recipes.overlay(run, [word])
    assert str(caught.value).startswith(line)


def test_difference_names_the_keys_that_change_what_is_trained() -> None:
    a = recipes.load(["modality=audio", "data.path=set"])
    other = ["modality=audio", "network.width=96", "optimizer.beta1=0.5", "loss.density=log_normal", "data.path=set"]
    b = recipes.load(other)
    assert recipes.difference(a, b) == ["network.width", "loss.density.name", "optimizer.beta1"]
    assert recipes.difference(a, a) == []
    assert (recipes.value(a, "network.width"), recipes.value(b, "network.width")) == (64, 96)
    later = [
        "run=x",
        "train.steps=9",
        "sampler=ddim",
        "sampler.eta=1",
        "sample.n=3",
        "checkpoint.every=5",
        "log.every=1",
    ]
    assert recipes.difference(a, recipes.load(["modality=audio", "data.path=set", "data.workers=3", *later])) == []
    assert recipes.difference(a, recipes.load(["modality=audio", f"data.path={Path('set').resolve()}"])) == []
    assert recipes.difference(a, recipes.load(["modality=audio"])) == ["data.path"]


def test_every_key_of_the_files_is_explained() -> None:
    """One comment per leaf in the defaults and in the modalities, and a default for every key of the schema."""
    for path in [configs.DEFAULTS, *configs.modalities().values()]:
        for line in path.read_text().splitlines():
            key, colon, rest = line.partition(":")
            if colon and not key.lstrip().startswith("#") and rest.strip() and key.strip() not in ("modality", "name"):
                assert "# " in rest, f"{path.name}: {key.strip()} has no comment"
    assert {f.name for f in fields(Recipe)} == set(yaml.safe_load(configs.DEFAULTS.read_text()))


@pytest.mark.parametrize("name", configs.modalities())
def test_a_modalitys_file_shows_every_option(name: str) -> None:
    from tools.components import option_keys

    file = yaml.safe_load(configs.modalities()[name].read_text())
    shown = {f"{group}.{option}" for group in ("media", "network") for option in file[group]}
    assert shown == {k for k in option_keys({"modality": name}) if k.startswith(("media.", "network."))}

"""Names, options and the one line that says what was wrong and what was probably meant."""

import functools
import importlib
import inspect
from dataclasses import dataclass

import pytest

from core import discover
from core.discover import build, nearest, options_of, resolve
from core.samplers.heun import heun
from core.schedules.cosine import Cosine
from core.schedules.linear import Linear
from core.schedules.shifted import Shifted
from core.schedules.zero_terminal import ZeroTerminal
from core.weightings.simple import simple

PACKAGES = ["densities", "grids", "guidance", "losses", "predictions", "samplers", "schedules", "weightings"]
PACKAGES += ["averages", "couplings", "draws", "errors", "operators", "posterior"]
NAMES = [(f"core.{p}", n) for p in PACKAGES for n in discover.names(f"core.{p}")]


def test_the_names_of_the_first_part():
    """What recipes and the command line promise; later parts add to these, none goes away."""
    promised = {
        "schedules": {"linear", "cosine", "edm", "rectified"},
        "predictions": {"eps", "x0", "v", "flow", "edm"},
        "weightings": {"simple", "min_snr", "edm", "v", "flow"},
        "densities": {"uniform", "log_normal", "logit_normal"},
        "grids": {"uniform", "log_snr", "karras"},
        "samplers": {"ddpm", "ddim", "euler", "heun", "dpmpp_2m"},
        "guidance": {"classifier_free"},
    }
    for package, names in promised.items():
        assert names <= set(discover.names(f"core.{package}"))


@pytest.mark.parametrize(("package", "name"), NAMES)
def test_every_file_holds_the_object_of_its_name(package, name):
    """Documented, and with options that are keyword-only, annotated and, but for guidance, optional."""
    component = resolve(package, name)
    assert callable(component)
    assert inspect.getdoc(component)
    assert importlib.import_module(f"{package}.{name}").__doc__
    for option in options_of(component).values():
        assert option.annotation is not option.empty
        assert option.default is not option.empty or package == "core.guidance"


def test_build_makes_instances_and_partials():
    assert build("core.schedules", "linear", {"beta_max": 10.0}) == Linear(beta_max=10.0)
    assert build("core.schedules", "linear") == Linear()
    assert build("core.weightings", "simple") is simple
    bound = build("core.samplers", "heun", {"s_churn": 40})
    assert isinstance(bound, functools.partial)
    assert bound.func is heun
    assert bound.keywords == {"s_churn": 40.0}
    assert type(bound.keywords["s_churn"]) is float


def test_a_component_may_hold_a_component():
    """By its name, or by its name and options, to any depth."""
    assert build("core.schedules", "shifted", {"base": "cosine", "factor": 2}) == Shifted(Cosine(), 2.0)
    inner = {"name": "zero_terminal", "base": {"name": "linear", "beta_max": 10}}
    got = build("core.schedules", "shifted", {"base": inner})
    assert got == Shifted(ZeroTerminal(Linear(beta_max=10.0)))
    assert inner["name"] == "zero_terminal"  # the recipe's own node is not used up


@pytest.mark.parametrize(
    ("package", "name", "options", "line"),
    [
        ("samplers", "huen", {}, "unknown sampler 'huen' (did you mean 'heun'?); choose one of "),
        ("densities", "lognormal", {}, "unknown density 'lognormal' (did you mean 'log_normal'?); choose one of "),
        ("losses", "zzz", {}, "unknown loss 'zzz'; choose one of consistency, denoising, distillation"),
        ("schedules", "linear", {"beta_mx": 3}, "unknown option 'beta_mx' of schedule linear (did you mean "),
        ("schedules", "edm", {"q": 3}, "unknown option 'q' of schedule edm; it takes t_max"),
        ("samplers", "heun", {"randn_like": 1}, "unknown option 'randn_like' of sampler heun; it takes s_churn, "),
        ("weightings", "simple", {"gamma": 5}, "unknown option 'gamma' of weighting simple; it takes none"),
        ("samplers", "ddim", {"eta": "high"}, "option 'eta' of sampler ddim takes float, got 'high'"),
        ("samplers", "ddim", {"eta": True}, "option 'eta' of sampler ddim takes float, got True"),
        ("samplers", "ddim", {"eta": None}, "option 'eta' of sampler ddim takes float, got None"),
        ("guidance", "classifier_free", {}, "option 'scale' of guidance classifier_free is missing"),
        ("schedules", "rectified", {"t_max": 3.0}, "schedule rectified: t_max must lie in (0, 1], got 3.0"),
        ("schedules", "shifted", {"base": "cosin"}, "unknown schedule 'cosin' (did you mean 'cosine'?); choose "),
        ("schedules", "shifted", {"base": 3}, "option 'base' of schedule shifted takes the name of a schedule, got 3"),
        ("schedules", "shifted", {"base": {"offset": 0.1}}, "option 'base' of schedule shifted takes the name of a "),
        ("schedules", "shifted", {"base": {"name": "edm", "q": 3}}, "unknown option 'q' of schedule edm; it takes "),
    ],
)  # fmt: skip
def test_mistakes_get_one_line(package, name, options, line):
    with pytest.raises(ValueError) as caught:
        build(f"core.{package}", name, options)
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


@dataclass(frozen=True)
class Everything:
    """An option of every kind that a recipe can state."""

    number: float = 0.0
    count: int = 0
    flag: bool = False
    word: str = ""
    sizes: tuple[int, ...] = ()
    pair: tuple[float, str] = (0.0, "")
    perhaps: float | None = None


@pytest.mark.parametrize(
    ("option", "given", "want"),
    [
        ("number", 3, 3.0),
        ("count", 3, 3),
        ("flag", True, True),
        ("word", "a", "a"),
        ("sizes", [1, 2], (1, 2)),
        ("pair", [1, "b"], (1.0, "b")),
        ("perhaps", None, None),
        ("perhaps", 2, 2.0),
    ],
)
def test_values_become_the_type_of_the_option(monkeypatch, option, given, want):
    monkeypatch.setattr(discover, "resolve", lambda package, name: Everything)
    got = getattr(build("core.things", "everything", {option: given}), option)
    assert got == want
    assert type(got) is type(want)


@pytest.mark.parametrize(
    ("option", "given", "line"),
    [
        ("count", 3.0, "takes int, got 3.0"),
        ("count", True, "takes int, got True"),
        ("flag", 1, "takes bool, got 1"),
        ("word", 1, "takes str, got 1"),
        ("sizes", [1, "b"], "takes tuple[int, ...], got [1, 'b']"),
        ("sizes", 3, "takes tuple[int, ...], got 3"),
        ("pair", [1.0], "takes tuple[float, str], got [1.0]"),
        ("perhaps", "no", "takes float | None, got 'no'"),
    ],
)
def test_values_of_another_type_are_refused(monkeypatch, option, given, line):
    monkeypatch.setattr(discover, "resolve", lambda package, name: Everything)
    with pytest.raises(ValueError) as caught:
        build("core.things", "everything", {option: given})
    assert str(caught.value) == f"option '{option}' of thing everything {line}"


def test_nearest_is_silent_where_nothing_is_near():
    assert nearest("qqq", ["heun", "ddim"]) == ""
    assert nearest("hen", ["heun", "ddim"]) == " (did you mean 'heun'?)"

"""The wheel: what is in it, and that it works where nothing else of the project is."""

import os
import site
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("core", "modalities", "tools", "configs")


def do(command: list[str | Path], where: Path) -> str:
    quiet = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV", "PYTHONHOME")}
    done = subprocess.run(command, cwd=where, capture_output=True, text=True, env=quiet)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("hatchling", reason="needs the build backend; `make test` installs it")
    out = tmp_path_factory.mktemp("wheel")
    do([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", out], ROOT)
    (built,) = out.glob("trifuse-*-py3-none-any.whl")
    return built


def test_the_wheel_holds_every_module_and_recipe_and_nothing_else(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    wanted = {
        str(path.relative_to(ROOT))
        for part in PARTS
        for pattern in ("*.py", "*.yaml", "*.css", "py.typed")
        for path in (ROOT / part).rglob(pattern)
    }
    assert len(wanted) > 100
    modules = {name for name in inside if ".dist-info/" not in name}
    assert wanted <= modules
    assert {name.partition("/")[0] for name in modules} == set(PARTS)
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in inside)


def test_the_installed_package_works_in_an_empty_environment(wheel: Path, tmp_path: Path) -> None:
    """The dependencies come from this environment through a .pth file; the project itself only from the wheel."""
    home, empty = tmp_path / "venv", tmp_path / "empty"
    empty.mkdir()
    do([sys.executable, "-m", "venv", "--without-pip", home], tmp_path)
    python = home / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet"]
    do([*pip, "--no-deps", "--no-index", "--no-compile", wheel], empty)
    (packages,) = home.glob("lib/python*/site-packages")
    (packages / "dependencies.pth").write_text("\n".join(site.getsitepackages()))

    where = do(
        [python, "-c", "import core, modalities, configs; print(core.__file__, configs.DEFAULTS.exists())"], empty
    )
    assert where.split() == [str(packages / "core" / "__init__.py"), "True"]
    trifuse = home / "bin" / "trifuse"
    assert do([trifuse, "--version"], empty).startswith("trifuse 0.")
    assert "cifar10_full" in do([trifuse, "recipes"], empty)
    tiny = ["network.width=8", "network.multipliers=[1]", "network.attention=false", "network.blocks=1", "media.size=8"]
    quick = [
        "train.steps=2",
        "train.batch=4",
        "data.workers=0",
        "sample.n=2",
        "sampler=euler",
        "sampler.steps=2",
        "run=r",
    ]
    do([trifuse, "train", "modality=image", *tiny, *quick], empty)
    do([trifuse, "sample", "run=r", "n=2", "out=o"], empty)
    assert sorted(p.name for p in (empty / "o").iterdir()) == [
        "000000.png",
        "000001.png",
        "manifest.jsonl",
        "sheet.png",
    ]
    assert sorted(p.name for p in empty.iterdir()) == ["o", "r"]

"""What may import what, checked on the syntax tree: no import has to succeed for the rule to be tested."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODALITIES = {"image", "audio", "video"}
LAZY = {
    *("PIL", "torchvision", "torchaudio", "soundfile", "librosa", "av", "pyarrow", "matplotlib", "diffusers"),
    *("safetensors", "transformers"),
}
TOOLS_ONLY = {"omegaconf", "tqdm", "rich"}


def files(*folders: str) -> pytest.MarkDecorator:
    paths = sorted(p for f in folders for p in (ROOT / f).rglob("*.py"))
    return pytest.mark.parametrize("path", paths, ids=lambda p: str(p.relative_to(ROOT)))


def imports(tree: ast.AST, path: Path) -> Iterator[str]:
    """Dotted names of what is imported anywhere below `tree`; `from a import b` may import the module a.b."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import; write the full name"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def at_import(tree: ast.Module) -> ast.Module:
    """The module without the bodies of its functions, and without what only a type checker sees."""

    class Outside(ast.NodeTransformer):
        def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
            return None

        visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815

        def visit_If(self, node: ast.If) -> ast.AST | None:
            return None if ast.unparse(node.test).endswith("TYPE_CHECKING") else self.generic_visit(node)

    return Outside().visit(tree)


def top(name: str) -> str:
    return name.split(".")[0]


@files("core")
def test_core_needs_only_torch(path: Path) -> None:
    found = set(imports(ast.parse(path.read_text()), path))
    assert {n for n in found if top(n) not in sys.stdlib_module_names | {"core", "torch"}} == set()


@files("core/samplers", "core/guidance")
def test_samplers_and_guidance_never_meet(path: Path) -> None:
    other = {"samplers": "core.guidance", "guidance": "core.samplers"}[path.parent.name]
    own = f"core.{path.parent.name}"
    found = set(imports(ast.parse(path.read_text()), path))
    others = {n for n in found if n.startswith((other, own)) and not n.startswith(f"{own}._")}
    assert others == set(), "what two of them share goes to a module of its own, with a leading underscore"


@files("modalities")
def test_modalities_never_import_each_other_or_the_tools(path: Path) -> None:
    own = path.relative_to(ROOT / "modalities").parts[0]
    foreign = tuple(f"modalities.{m}." for m in MODALITIES - {own}) if own in MODALITIES else ()
    found = set(imports(ast.parse(path.read_text()), path))
    assert {n for n in found if top(n) in TOOLS_ONLY | {"tools"} or f"{n}.".startswith(foreign)} == set()


@files("modalities")
def test_media_libraries_are_imported_where_they_are_used(path: Path) -> None:
    """`import modalities` must work, and stay fast, where they are absent."""
    found = set(imports(at_import(ast.parse(path.read_text())), path))
    assert {n for n in found if top(n) in LAZY} == set()

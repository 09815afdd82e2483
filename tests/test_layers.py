"""Imports point one way, and importing the package is cheap."""

import ast
import functools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import backprop_lift

PACKAGE = Path(backprop_lift.__file__).parent

# Each layer may import from itself and from those before it. A folder stands for all its modules.
LAYERS = [
    ["errors"],
    ["_effect", "_parts"],
    ["_space", "_op", "_registry"],
    ["_isomorphism", "_path"],
    ["_tape"],
    ["_cotangent"],
    ["_sweep"],
    ["_bvar", "_bvar.printing", "_bvar.special"],
    ["_bvar.comparison", "_bvar.collecting"],
    ["_bvar.kinks", "_bvar.meeting"],
    ["_bvar.assignment", "_bvar.arithmetic", "_bvar.ufunc_methods"],
    ["_bvar.views", "_bvar.items", "_bvar.attributes", "_bvar.ufuncs"],
    ["_bvar.operators"],
    ["_run", "_access", "_apply", "_containers", "_show"],
    ["_lift.signature", "_lift.rule"],
    ["_lift.short"],
    ["_lift.twin", "_lift.refusal"],
    ["_lift", "_lift.lift_op"],
    ["composites"],
    ["_rebind"],
    ["derivatives", "effects", "explicit", "num", "prelude"],
    ["rules"],
    ["gradcheck"],
    ["mirror"],
    ["", "__main__"],
]
RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}

# Where a function imports upwards when it is called, with the reason.
DEFERRED = {("_lift", "_rebind"): "a bare @lifted is a composite"}

MODULES = sorted(PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    """The dotted name of a module inside the package; empty for the package itself."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def rank_of(name: str) -> int:
    return RANK[name if name in RANK else name.partition(".")[0]]


@functools.cache
def imports_of(path: Path) -> list[tuple[str, bool]]:
    """What a module imports from the package, and whether only when a function is called."""
    return list(_imports_of(path))


def _imports_of(path: Path) -> Iterator[tuple[str, bool]]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    deferred = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef))
        for node in ast.walk(function)
    }
    for_types = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    package = list(path.relative_to(PACKAGE.parent).parts[:-1])
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            names = [f"{module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            if name.partition(".")[0] == PACKAGE.name:
                yield existing(name), id(node) in deferred


def existing(name: str) -> str:
    """The module that a dotted name stands for, or stands in."""
    parts = name.split(".")[1:]
    while parts:
        path = PACKAGE.joinpath(*parts)
        if path.with_suffix(".py").exists() or (path / "__init__.py").exists():
            break
        parts.pop()
    return ".".join(parts)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_module_imports_only_from_its_layer_and_those_below(path):
    name = name_of(path)
    upwards = [
        imported
        for imported, deferred in imports_of(path)
        if rank_of(imported) > rank_of(name) and not (deferred and (name, imported) in DEFERRED)
    ]

    assert upwards == []


def test_deferred_imports_are_still_there():
    found = {
        (name_of(path), imported)
        for path in MODULES
        for imported, deferred in imports_of(path)
        if deferred
    }

    assert set(DEFERRED) <= found


def test_modules_import_each_other_without_circles():
    graph = {name_of(path): {i for i, late in imports_of(path) if not late} for path in MODULES}
    done: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, " -> ".join([*above, name])
        if name not in done:
            for imported in sorted(graph[name] - {name}):
                visit(imported, (*above, name))
            done.add(name)

    for name in graph:
        visit(name, ())


@pytest.mark.parametrize(
    ("name", "unknown"),
    [
        ("_op", {"_tape", "_bvar", "_registry"}),
        ("_registry", {"_tape", "_bvar", "_space", "_op"}),
        ("_space", {"_tape", "_bvar", "_registry"}),
        ("_tape", {"_bvar", "_registry"}),
    ],
)
def test_module_knows_nothing_of(name, unknown):
    assert not unknown & {imported for imported, _ in imports_of(PACKAGE / f"{name}.py")}


def test_mirror_knows_no_op():
    imported = {
        module for path in (PACKAGE / "mirror").glob("*.py") for module, _ in imports_of(path)
    }

    assert not imported & {"_op", "_apply", "_lift_op"}


def test_package_has_no_folder_below_its_folders():
    deep = [p for p in PACKAGE.glob("[!.]*/[!._]*") if p.is_dir()]

    assert deep == []


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_module_has_a_name_that_says_something(path):
    assert path.stem.strip("_") not in {
        "utils", "util", "helpers", "helper", "common", "base", "core", "types", "misc",
    }  # fmt: skip


@functools.cache
def loads_with_scipy(path: Path) -> bool:
    """Is a module of rules loaded after SciPy only, or by such modules only?"""
    name = name_of(path)
    if not name.startswith("rules."):
        return False
    users = [other for other in MODULES if name in {module for module, _ in imports_of(other)}]
    return "scipy" in name or (bool(users) and all(map(loads_with_scipy, users)))


def test_run_time_needs_numpy_wrapt_and_typing_extensions_only():
    needed = set()
    for path in MODULES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        guarded = {
            id(node)
            for block in ast.walk(tree)
            if isinstance(block, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Try))
            for node in ast.walk(block)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            else:
                continue
            if id(node) not in guarded:
                packages = {name.partition(".")[0] for name in names}
                needed |= packages - ({"scipy"} if loads_with_scipy(path) else set())

    assert needed - sys.stdlib_module_names - {PACKAGE.name} <= {
        "numpy", "wrapt", "typing_extensions",
    }  # fmt: skip


def test_import_of_the_package_loads_what_plain_numbers_need_and_no_more():
    # the time that it takes is measured by benchmarks/speed.py
    command = """if True:
        import sys, numpy, typing_extensions
        before = set(sys.modules)
        import backprop_lift
        print(*set(sys.modules) - before)
    """
    run = [sys.executable, "-c", command]
    loaded = subprocess.run(run, check=True, capture_output=True, text=True).stdout.split()

    folders = {name.split(".")[1] for name in loaded if name.count(".") and "backprop" in name}
    assert not folders & {"rules", "composites", "_rebind", "gradcheck", "mirror", "num", "prelude"}
    packages = {name.partition(".")[0] for name in loaded}
    assert packages - sys.stdlib_module_names == {PACKAGE.name}

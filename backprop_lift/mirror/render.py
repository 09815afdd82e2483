"""The text of a mirror: what its plan says, as Python. Pure, and the same for the same plan."""

from __future__ import annotations

import dataclasses
import re
import textwrap
from collections.abc import Iterable, Iterator
from typing import Any, Final

from .plan import Line, Page, Plan

__all__ = ["MARK", "all_text", "docstring_text", "inner_imports", "path_of", "rendered"]

MARK: Final = "Written by `backprop-lift mirror"
"""Stands in the first lines of every file that may be written anew."""

_WIDTH: Final = 88  # the width that formatters agree on
_MAKERS: Final = {
    "lifted": "lifted",
    "composite": "composite",
    "locally constant": "locally_constant",
    "noGrad": "no_grad",
}


def rendered(plan: Plan) -> dict[str, str]:
    """The files of a mirror.

    Parameters
    ----------
    plan : Plan

    Returns
    -------
    dict
        From paths below the folder of the mirror to their texts.
    """
    circles = _circles(plan)
    files = {"py.typed": ""}
    for page in plan.pages:
        files[path_of(page, plan)] = _source(_unwound(page, circles), plan)
    return files


def _unwound(page: Page, circles: dict[str, set[str]]) -> Page:
    """A page that defines again what it cannot import.

    That is what a module has that imports this one in turn, and classes that are made late: to
    import them would be to make them.
    """
    circle = circles.get(page.module, set())
    again = [
        line
        for line in page.imports
        if line.kind != "module" and (_home_module(line) in circle or _is_late(line))
    ]
    if not again:
        return page
    imports = tuple(line for line in page.imports if line not in again)
    return dataclasses.replace(page, lines=(*page.lines, *again), imports=imports)


def path_of(page: Page, plan: Plan, suffix: str = ".py") -> str:
    """Where the source of a module stands, below the folder of the mirror."""
    parts = page.module.removeprefix(plan.package).lstrip(".").split(".")
    if page.module == plan.package:
        parts = []
    if page.is_package or not parts:
        parts.append("__init__")
    return "/".join(parts) + suffix


def _is_late(line: Line) -> bool:
    return line.is_setting or (line.kind == "class" and line.status == "composite")


def _source(page: Page, plan: Plan) -> str:
    names = {line.name for line in (*page.lines, *page.imports)}
    original = _free("original", names)
    late = [line for line in page.lines if _is_late(line)]
    used = {
        _MAKERS[line.status] for line in page.lines if line.status in _MAKERS and not _is_late(line)
    } | ({"on_demand"} if late else set())
    is_root = page.module == plan.package
    tools = {name: _free(name, names) for name in used | {"mirrored"}}
    if is_root:
        tools["not_differentiable"] = _free("not_differentiable", names)
    head = [docstring_text(page, plan)]
    imports = "\n".join(_tool_imports(tools))
    inner = list(inner_imports(page, plan))
    if any(line.name not in page.exports for line in page.imports) or set(page.loaded) - {
        *page.exports
    }:
        head.append("# ruff: noqa: F401 - names are imported for others to find here")
    # Linters look for the names of __all__ only in modules that are no packages.
    is_init = page.is_package or is_root
    if any(line.name in page.exports for line in late) and not is_init:
        head.append("# ruff: noqa: F822 - classes and settings come when they are asked for")
    if any(line.name in page.exports for line in late):
        head.append("# pyright: reportUnsupportedDunderAll=false")
    blocks = ["\n".join([imports, *_spaced(inner)])]
    blocks.append("\n".join(all_text(page)))
    blocks.append(f'{original} = {tools["mirrored"]}("{page.module}", "{plan.version}")')
    functions = [line for line in page.lines if line.status in _MAKERS and not _is_late(line)]
    same = [line for line in page.lines if line.status not in _MAKERS and not _is_late(line)]
    if functions:
        blocks.append(
            "\n".join(_twin(line, original, tools[_MAKERS[line.status]]) for line in functions)
        )
    if same:
        blocks.append("\n".join(_same(line.name, original) for line in same))
    if late:
        blocks.append(_on_demand(late, original, tools["on_demand"]))
    if is_root:
        refusing = tools["not_differentiable"]
        blocks.append(f"__not_differentiable__ = {refusing}(__name__)")
    head = [head[0], *(["\n".join(head[1:])] if head[1:] else [])]
    return "\n\n".join(filter(None, [*head, *blocks])) + "\n"


def _tool_imports(tools: dict[str, str]) -> Iterator[str]:
    """Imports of our tools; those that give way to public names each for itself, as sorters do."""
    together = sorted(name for name, alias in tools.items() if name == alias)
    statements = [[f"{name} as {alias}"] for name, alias in tools.items() if name != alias]
    statements += [together] if together else []
    for names in sorted(statements):
        yield _import("backprop_lift.mirror.twins", names)


def _spaced(lines: list[str]) -> list[str]:
    return ["", *lines] if lines else []


def docstring_text(page: Page, plan: Plan) -> str:
    """The docstring of a module of the mirror."""
    what = page.doc.rstrip(".") if page.doc else ""
    title = f"`{page.module}` with gradients" + (f": {what}." if what else ".")
    title = title.replace("\\", "\\\\").replace('"""', "'''")
    title = textwrap.shorten(_one_line(title), _WIDTH - 3, placeholder="...")
    written = (
        f"{MARK} {plan.package}` from version {plan.version or '(none)'}; "
        "write it again rather than edit it."
    )
    return '"""' + title + "\n\n" + "\n".join(textwrap.wrap(written, _WIDTH)) + '\n"""'


def all_text(page: Page) -> list[str]:
    """The lines of ``__all__``."""
    names = sorted(dict.fromkeys(page.exports), key=_by_type)
    if not names:
        return ["__all__: list[str] = []"]
    one = f"__all__ = [{', '.join(map(_quoted, names))}]"
    if len(one) <= _WIDTH:
        return [one]
    return ["__all__ = [", *(f"    {_quoted(name)}," for name in names), "]"]


def _quoted(text: str) -> str:
    body = text.replace("\\", "\\\\").replace('"', '\\"')
    if '"' in text and "'" not in text:
        return "'" + text.replace("\\", "\\\\") + "'"
    return f'"{body}"'


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))


def _twin(line: Line, original: str, maker: str) -> str:
    """One line for one name."""
    given = [f"{original}.{line.name}"]
    if line.status in ("lifted", "composite"):
        given.append(_quoted(" ".join(line.differentiable)))
    elif line.status == "noGrad":
        given.append(_quoted(_one_line(line.reason)))
    return _call(f"{line.name} = {maker}", given)


def _on_demand(lines: list[Line], original: str, maker: str) -> str:
    """The block of what is made, or read, when it is asked for: classes and settings."""
    text = [f"__getattr__, __dir__ = {maker}(", "    __name__,"]
    for line in lines:
        if line.is_setting:
            text.append(f"    {line.name}={original},")
            continue
        given = [
            f"{original}.{line.name}",
            _quoted(" ".join(line.differentiable)),
            _quoted(" ".join(line.methods)),
        ]
        one = f"    {line.name}=({', '.join(given)}),"
        if len(one) <= _WIDTH and not line.refused:
            text.append(one)
            continue
        refused = [f"            {_quoted(n)}: {_quoted(_one_line(r))}," for n, r in line.refused]
        text += [f"    {line.name}=(", *(f"        {part}," for part in given)]
        text += ["        {", *refused, "        },"] if refused else []
        text.append("    ),")
    return "\n".join([*text, ")"])


def _same(name: str, original: str) -> str:
    """The line of a name that is as it is."""
    one = f"{name} = {original}.{name}"
    return one if len(one) <= _WIDTH else f"{name} = (\n    {original}.{name}\n)"


def _call(head: str, arguments: list[str]) -> str:
    """A call, broken as formatters break it."""
    one = f"{head}({', '.join(arguments)})"
    if len(one) <= _WIDTH:
        return one
    inner = f"    {', '.join(arguments)}"
    if len(inner) <= _WIDTH:
        return f"{head}(\n{inner}\n)"
    return "\n".join([f"{head}(", *(f"    {argument}," for argument in arguments), ")"])


def _import(module: str, names: list[str]) -> str:
    one = f"from {module} import {', '.join(names)}"
    if len(one) <= _WIDTH:
        return one
    return "\n".join([f"from {module} import (", *(f"    {name}," for name in names), ")"])


def inner_imports(
    page: Page, plan: Plan, *, stub: bool = False, borrowed: Iterable[tuple[str, str]] = ()
) -> Iterator[str]:
    """Imports from other modules of the mirror.

    Parameters
    ----------
    page : Page
    plan : Plan
    stub : bool, optional
        In a stub, a name that is imported for others is written ``name as name``.
    borrowed : iterable of (str, str), optional
        Modules, and names of theirs that are private here, with an underscore before them.
    """
    sources: dict[str, list[tuple[str, str]]] = {}
    for line in page.imports:
        home, _, name = line.home.rpartition(".")
        sources.setdefault(home, []).append((name, line.name))
    for name in page.loaded:
        sources.setdefault(page.module, []).append((name, name))
    private = {f"_{name}" for _, name in borrowed}
    for home, name in borrowed:
        sources.setdefault(home, []).append((name, f"_{name}"))
    for home, names in sorted(sources.items(), key=lambda item: _order(item[0], page, plan)):
        module = _relative(home, page, plan)
        as_they_are = {n for n, shown in names if n == shown and (not stub or n in page.exports)}
        statements = []
        if as_they_are:
            statements.append(sorted(as_they_are, key=_as_imported))
        for name, shown in sorted(set(names)):
            if stub and name != shown and shown not in {*page.exports, *private}:
                continue  # it would be no name of the stub's own
            if name != shown or name not in as_they_are:
                statements.append([f"{name} as {shown}"])
        statements.sort(key=lambda found: (_as_imported(found[0].partition(" ")[0]), found[0]))
        yield from (_import(module, found) for found in statements)


def _by_type(name: str) -> tuple[Any, ...]:
    """The order in which sorters put names: constants, classes, functions; 2 before 10."""
    kind = 0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2
    parts = re.split(r"(\d+)", name)
    return kind, [(0, int(p), "") if p.isdigit() else (1, 0, p) for p in parts if p], name


def _as_imported(name: str) -> tuple[Any, ...]:
    """The order of names in an import: as `_by_type`, but blind to case."""
    kind, _, _ = _by_type(name)
    return (kind, *_by_type(name.lower())[1:], name)


def _order(home: str, page: Page, plan: Plan) -> tuple[int, str]:
    relative = _relative(home, page, plan)
    dots = len(relative) - len(relative.lstrip("."))
    return (-dots, relative)


def _relative(home: str, page: Page, plan: Plan) -> str:
    """How a module names another: ``.core``, ``..numerics.arrays``."""
    package = (
        page.module.split(".")
        if page.is_package or page.module == plan.package
        else (page.module.split(".")[:-1])
    )
    target = home.split(".")
    shared = 0
    while shared < min(len(package), len(target)) and package[shared] == target[shared]:
        shared += 1
    return "." * (len(package) - shared + 1) + ".".join(target[shared:])


def _circles(plan: Plan) -> dict[str, set[str]]:
    """The modules that import themselves, directly or not, with those on the way back."""
    edges = {
        page.module: {
            *(_home_module(line) for line in page.imports),
            *(f"{page.module}.{name}" for name in page.loaded),
        }
        for page in plan.pages
    }
    reached = {module: _reached(module, edges) for module in edges}
    return {
        module: {other for other in found if module in reached.get(other, ())}
        for module, found in reached.items()
        if module in found
    }


def _home_module(line: Line) -> str:
    return line.home if line.kind == "module" else line.home.rpartition(".")[0]


def _reached(start: str, edges: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = list(edges.get(start, ()))
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            waiting += edges.get(module, ())
    return found


def _free(name: str, names: Iterable[str]) -> str:
    """A name for one of our tools that no public name takes."""
    while name in names:
        name += "_"
    return name

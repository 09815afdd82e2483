"""The stubs of a mirror: signatures and docstrings, for editors and type checkers. Pure."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from .annotations import (
    ANY,
    Imports,
    accepts,
    annotation_text,
    annotations_of,
    bvar_of,
    hints_of,
    is_numeric,
    widened,
)
from .clashes import without_clashes
from .class_stubs import Style, class_stub, joined
from .ledger import without_addresses
from .plan import Line, Page, Plan
from .render import all_text, docstring_text, inner_imports

__all__ = ["stub"]

_WIDTH: Final = 88


def stub(page: Page, plan: Plan) -> str:
    """The text of a module's stub."""
    borrowed: set[tuple[str, str]] = set()
    style = _style(page, plan, borrowed)
    body = list(_entries(page, plan, style))
    if page.module == plan.package:
        style.imports.add("from collections.abc import Mapping")
        body.append("__not_differentiable__: Mapping[str, str]")
    inner = list(inner_imports(page, plan, stub=True, borrowed=sorted(borrowed)))
    head = [docstring_text(page, plan)]
    classes = [line.value for line in page.lines if line.kind == "class"]
    if any(style.base_name(base) for cls in classes for base in cls.__bases__):
        head.append(_INHERITANCE)
    head += [*_import_blocks(style.imports, inner), "\n".join(all_text(page))]
    text = "\n\n".join(filter(None, [*head, joined(body)])) + "\n"
    return without_clashes(
        text, style.imports, [line.name for line in (*page.lines, *page.imports)]
    )


# Packages override methods as they like.
_INHERITANCE: Final = """
# mypy: disable-error-code="override"
# pyright: reportIncompatibleMethodOverride=false, reportIncompatibleVariableOverride=false
""".strip()


def _style(page: Page, plan: Plan, borrowed: set[tuple[str, str]]) -> Style:
    """How the stubs of a page are written; bases from other pages are noted in `borrowed`."""
    homes = {id(line.value): line.home for line in plan.lines() if line.kind == "class"}

    def base_name(cls: type) -> str:
        module, _, name = homes.get(id(cls), "").rpartition(".")
        if not name or module == page.module:
            return name
        borrowed.add((module, name))
        return f"_{name}"

    def docs_of(value: Any, reason: str) -> str:
        return _docs(value, reason, plan)

    return Style(Imports(base_name), _method, docs_of, base_name)


def _import_blocks(imports: Imports, inner: list[str]) -> Iterator[str]:
    """Imports as sorters put them: of Python, of others, of the mirror."""
    merged: dict[str, set[str]] = {}
    plain = set()
    for line in imports:
        if line.startswith("from "):
            _, module, _, name = line.split(" ", 3)
            merged.setdefault(module, set()).add(name)
        else:
            plain.add(line)
    lines = {m: f"from {m} import {', '.join(sorted(names))}" for m, names in merged.items()}
    for own in (True, False):
        chosen = [line for line in sorted(plain) if _is_stdlib(line) is own]
        chosen += [lines[m] for m in sorted(lines) if _is_stdlib(lines[m]) is own]
        yield "\n".join(chosen)
    yield "\n".join(inner)


def _is_stdlib(line: str) -> bool:
    return line.split()[1].partition(".")[0] in ("typing", "datetime", "collections", "enum")


def _entries(page: Page, plan: Plan, style: Style) -> Iterator[str]:
    """The entries of a stub; constants that follow each other stand together."""
    constants: list[str] = []
    for line in page.lines:
        found = list(_entry(line, plan, style))
        if line.kind == "constant":
            constants += found
            continue
        if constants:
            yield "\n".join(constants)
            constants = []
        yield from found
    if constants:
        yield "\n".join(constants)


def _entry(line: Line, plan: Plan, style: Style) -> Iterator[str]:
    if line.kind == "class":
        yield class_stub(line, style)
    elif line.kind == "constant":
        yield f"{line.name}: {_constant(line.value, style.imports)}"
    else:
        yield from _function(line, plan, style.imports)


def _constant(value: Any, imports: Imports) -> str:
    if value is None or isinstance(value, (bool, int, float, complex, str, bytes)):
        if type(value) in (bool, int, float, complex, str, bytes):
            return type(value).__name__
        return annotation_text(None, imports) if value is None else annotation_text(Any, imports)
    if isinstance(value, np.ndarray):
        return annotation_text(np.ndarray, imports)
    return annotation_text(Any, imports)


def _function(line: Line, plan: Plan, imports: Imports) -> Iterator[str]:
    called = line.value.pyfunc if isinstance(line.value, np.vectorize) else line.value
    try:
        signature = inspect.signature(called)
    except (ValueError, TypeError):
        signature = inspect.Signature(
            [
                inspect.Parameter("args", inspect.Parameter.VAR_POSITIONAL),
                inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD),
            ]
        )
    hints = {} if called is not line.value else hints_of(line.value)
    docs = _docs(line.value, line.reason if line.status == "noGrad" else "", plan)
    plain = annotations_of(signature, hints, imports)
    result = annotation_text(hints.get("return", Any), imports)
    needed = Imports()
    needed.add("from typing import overload")
    wide = {
        name: widened(text, needed) if name in line.differentiable else text
        for name, text in plain.items()
    }
    prefix = "async " if inspect.iscoroutinefunction(line.value) else ""
    if line.status not in ("lifted", "composite") or wide == plain:
        yield prefix + _definition(line.name, signature, plain, result, docs)
        return
    imports |= needed
    numeric = is_numeric(result)
    with_bvars = bvar_of(result, imports) if numeric else annotation_text(Any, imports)
    ignore = (
        "" if ANY in (result, with_bvars) else "  # type: ignore[overload-overlap, unused-ignore]"
    )
    first = _definition(line.name, signature, plain, result, "", ignore)
    second = _definition(line.name, signature, wide, with_bvars, docs)
    yield f"@overload\n{prefix}{first}\n@overload\n{prefix}{second}"


def _method(
    name: str, signature: inspect.Signature, annotations: dict[str, str], result: str, docs: str
) -> str:
    """The definition of a method, before it is indented."""
    return _definition(name, signature, annotations, result, docs, width=_WIDTH - 4)


def _definition(
    name: str,
    signature: inspect.Signature,
    annotations: dict[str, str],
    result: str,
    docs: str,
    comment: str = "",
    width: int = _WIDTH,
) -> str:
    parameters = list(_parameters(signature, annotations))
    tail = f") -> {result}:"
    body = f"\n{docs}" if docs else " ..."
    one = f"def {name}({', '.join(parameters)}{tail}"
    if len(one) + (0 if docs else 4) <= width:
        first, _, rest = one.partition("\n")
        return first + body + rest if docs else one + body + comment
    inner = "    " + ", ".join(parameters)
    if len(inner) <= width:
        return f"def {name}({comment}\n{inner}\n{tail}{body}"
    lines = [f"    {p}," for p in parameters]
    return "\n".join([f"def {name}({comment}", *lines, f"{tail}{body}"])


def _parameters(signature: inspect.Signature, annotations: dict[str, str]) -> Iterator[str]:
    last: Any = None
    for name, p in signature.parameters.items():
        if last is p.POSITIONAL_ONLY and p.kind is not last:
            yield "/"
        if p.kind is p.KEYWORD_ONLY and last not in (p.KEYWORD_ONLY, p.VAR_POSITIONAL):
            yield "*"
        last = p.kind
        star = "*" if p.kind is p.VAR_POSITIONAL else "**" if p.kind is p.VAR_KEYWORD else ""
        default = "" if p.default is p.empty else f" = {_default(p.default, annotations[name])}"
        annotation = f": {annotations[name]}" if annotations[name] else ""
        yield f"{star}{name}{annotation}{default}"
    if last is inspect.Parameter.POSITIONAL_ONLY:
        yield "/"


def _default(value: Any, annotation: str) -> str:
    """A default as it is written, ``...`` for what takes more than a word, or does not fit."""
    if not accepts(annotation, value):
        return "..."
    if type(value) in (bool, int, type(None)) and len(repr(value)) < 20:
        return repr(value)
    if type(value) is float and math.isfinite(value):
        return repr(value).replace("e+", "e")
    if type(value) is str and len(value) < 30 and value.isprintable():
        body = value.replace("\\", "\\\\")
        return f'"{body}"' if '"' not in body else "..."
    return "..."


def _docs(value: Any, reason: str, plan: Plan) -> str:
    """The docstring of an entry, indented; that of the original only where it may be copied."""
    own = inspect.getdoc(value) if plan.licence else ""
    text = without_addresses(inspect.cleandoc(own or "").strip())
    if reason:
        first = f"not differentiable: {' '.join(reason.split())}"
        text = f"{first}\n\n{text}" if text else first
    if not text:
        return ""
    text = "\n".join(part.rstrip() for part in text.expandtabs(4).split("\n"))
    text = text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    if text.endswith('"'):
        text = text[:-1] + '\\"'
    lines = text.split("\n")
    quoted = f'"""{lines[0]}' if len(lines) > 1 else f'"""{lines[0]}"""'
    body = [f"    {quoted}", *(f"    {part}" if part else "" for part in lines[1:])]
    if len(lines) > 1:
        body.append('    """')
    return "\n".join(body)

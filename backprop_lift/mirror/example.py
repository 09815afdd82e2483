"""An example of a gradient, taken from a docstring of the package itself. Pure."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator

from .plan import Line, Plan

__all__ = ["example_of"]

_PROMPT = re.compile(r"^\s*>>> (?:[\w, ]+ = )?(.+)$", re.M)
_WIDTH = 88


def example_of(plan: Plan) -> str:
    """Source that takes a gradient through a mirror; empty where no docstring has a fitting call.

    Parameters
    ----------
    plan : Plan
    """
    for line in sorted(plan.lines(), key=lambda line: (line.home.count("."), line.home)):
        if line.kind == "function" and line.status in ("composite", "lifted"):
            for call in _calls(line):
                return _source(line, plan, call)
    return ""


def _calls(line: Line) -> Iterator[tuple[str, str, str]]:
    """Calls that a docstring shows: the argument that moves, the call with it, its value."""
    try:
        parameters = list(inspect.signature(line.value).parameters)
    except (ValueError, TypeError):
        return
    for said in _PROMPT.findall(inspect.getdoc(line.value) or ""):
        call = _parsed(said, line.name)
        if call is None or len(call.args) > len(parameters):
            continue
        given = [*zip(parameters, call.args), *((k.arg, k.value) for k in call.keywords)]  # noqa: B905
        if not all(_is_written_out(value) for _, value in given):
            continue
        for name, value in given:
            if name in line.differentiable and _is_number(value):
                texts = [name if v is value else ast.unparse(v) for v in call.args]
                texts += [
                    f"{k.arg}={name if k.value is value else ast.unparse(k.value)}"
                    for k in call.keywords
                ]
                yield name, f"{line.name}({', '.join(texts)})", ast.unparse(value)


def _parsed(said: str, name: str) -> ast.Call | None:
    try:
        found = ast.parse(said.strip(), mode="eval").body
    except SyntaxError:
        return None
    if not isinstance(found, ast.Call) or any(k.arg is None for k in found.keywords):
        return None
    called = found.func.attr if isinstance(found.func, ast.Attribute) else ast.unparse(found.func)
    return found if called == name else None


def _is_written_out(value: ast.expr) -> bool:
    """Is an argument made of numbers, strings and containers of these, and of no names?"""
    return not any(isinstance(node, (ast.Name, ast.Call, ast.Starred)) for node in ast.walk(value))


def _is_number(value: ast.expr) -> bool:
    """Is it a real number, written with a point or calculated?"""
    numbers = [node.value for node in ast.walk(value) if isinstance(node, ast.Constant)]
    containers = (ast.List, ast.Tuple, ast.Dict, ast.Set)
    return (
        not any(isinstance(node, containers) for node in ast.walk(value))
        and all(type(number) in (int, float) for number in numbers)
        and (any(type(number) is float for number in numbers) or isinstance(value, ast.BinOp))
    )


def _source(line: Line, plan: Plan, call: tuple[str, str, str]) -> str:
    name, text, value = call
    module = plan.name + line.home.rpartition(".")[0].removeprefix(plan.package)
    gradient = f"grad_bp(lambda {name}: {text}, {value})"
    if len(gradient) > _WIDTH:
        inner = textwrap.indent(f"lambda {name}: {text},\n{value},", "    ")
        gradient = f"grad_bp(\n{inner}\n)"
    return f"from backprop_lift import grad_bp\nfrom {module} import {line.name}\n\n{gradient}"

"""The source of a rule's function as a syntax tree, and small changes to it.

A change is a mistake that a person might make: a term or a factor left out, a sign, a conjugate or
a transpose forgotten.
"""

from __future__ import annotations

import ast
import copy
import functools
import linecache
import math
import types
from collections.abc import Iterator
from typing import Any, Final

__all__ = ["MINE", "POISON", "broken_functions"]

# Expressions that are nan, and that cannot be evaluated.
POISON: Final[ast.expr] = ast.Constant(math.nan)
MINE: Final[ast.expr] = ast.BinOp(ast.Constant(1), ast.Div(), ast.Constant(0))

_UNWRAPPED: Final = {
    "conj": "a conjugate left out",
    "conjugate": "a conjugate left out",
    "swapaxes": "a transpose left out",
    "transpose": "a transpose left out",
    "matrix_transpose": "a transpose left out",
}


def broken_functions(
    function: Any, *, instead: ast.expr | None = None
) -> Iterator[tuple[str, str, Any]]:
    """Versions of a Python function with one mistake each.

    Parameters
    ----------
    function : function
    instead : ast.expr, optional
        To stand for what would be left out: `POISON` or `MINE`, to see whether it is used at all.

    Yields
    ------
    operator : str
        ``"term dropped"``, ``"factor dropped"``, ``"sign dropped"``, ``"conjugate dropped"`` or
        ``"transpose dropped"``.
    text : str
        What was left out, as source.
    broken : function
        With the original's globals, defaults and closure.

    Notes
    -----
    Yields nothing for a function whose source is not at hand.
    """
    node = _node_of(function)
    if node is None:
        return
    sites = [part for part in ast.walk(node) if _is_site(part)]
    for index, site in enumerate(sites):
        for operator, text, kept in _changes(site):
            changed = copy.deepcopy(node)
            there = [part for part in ast.walk(changed) if _is_site(part)][index]
            tree = _replaced(changed, there, kept if instead is None else lambda _: instead)
            try:
                yield operator, text, _compiled(tree, function)
            except (SyntaxError, ValueError, TypeError):
                continue


def _is_site(part: ast.AST) -> bool:
    return isinstance(part, (ast.BinOp, ast.UnaryOp, ast.Call, ast.Attribute))


def _changes(site: ast.AST) -> Iterator[tuple[str, str, Any]]:
    """Mistakes at one place, as (operator, text, function from the node to what is kept)."""
    if isinstance(site, ast.BinOp):
        if isinstance(site.op, (ast.Add, ast.Sub)):
            yield "term dropped", ast.unparse(site.right), lambda node: node.left
            yield "term dropped", ast.unparse(site.left), _right_signed
        elif isinstance(site.op, (ast.Mult, ast.Div)):
            yield "factor dropped", ast.unparse(site.right), lambda node: node.left
            if isinstance(site.op, ast.Mult):
                yield "factor dropped", ast.unparse(site.left), lambda node: node.right
    elif isinstance(site, ast.UnaryOp) and isinstance(site.op, ast.USub):
        if not isinstance(site.operand, ast.Constant):
            yield "sign dropped", ast.unparse(site), lambda node: node.operand
    elif isinstance(site, ast.Call) and isinstance(site.func, ast.Attribute):
        name = site.func.attr
        if name in _UNWRAPPED:
            operator = _UNWRAPPED[name].split()[1] + " dropped"
            of_module = isinstance(site.func.value, ast.Name) and site.func.value.id in (
                "np",
                "numpy",
            )
            if of_module and site.args:
                yield operator, ast.unparse(site), lambda node: node.args[0]
            elif not of_module:
                yield operator, ast.unparse(site), lambda node: node.func.value
    elif isinstance(site, ast.Attribute) and site.attr in ("T", "mT"):
        yield "transpose dropped", ast.unparse(site), lambda node: node.value


def _right_signed(node: ast.BinOp) -> ast.expr:
    if isinstance(node.op, ast.Sub):
        return ast.UnaryOp(ast.USub(), node.right)
    return node.right


def _replaced(tree: Any, site: ast.AST, kept: Any) -> Any:
    class Replace(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> Any:
            return kept(node) if node is site else self.generic_visit(node)

    return Replace().visit(tree)


@functools.lru_cache(maxsize=64)
def _functions_by_line(path: str, _: int) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    for node in ast.walk(ast.parse("".join(linecache.getlines(path)))):
        if isinstance(node, (ast.FunctionDef, ast.Lambda)):
            line = node.lineno
            if isinstance(node, ast.FunctionDef) and node.decorator_list:
                line = node.decorator_list[0].lineno
            found.setdefault(line, []).append(node)
    return found


def _node_of(function: Any) -> Any:
    if not isinstance(function, types.FunctionType):
        return None
    code = function.__code__
    lines = linecache.getlines(code.co_filename)
    if not lines:
        return None
    try:
        candidates = _functions_by_line(code.co_filename, len(lines)).get(code.co_firstlineno, [])
    except SyntaxError:
        return None
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    fitting = [
        node
        for node in candidates
        if tuple(a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs))
        == names
    ]
    return fitting[0] if len(fitting) == 1 else _at_columns(fitting, code)


def _at_columns(candidates: list[Any], code: types.CodeType) -> Any:
    """Of several functions on a line, the one whose body holds the instructions of a code object."""
    places = [
        (line, column)
        for line, _, column, _ in code.co_positions()
        if line is not None and column is not None and line >= code.co_firstlineno and column > 0
    ]
    for node in candidates:
        body = node.body if isinstance(node, ast.Lambda) else node
        start, end = (body.lineno, body.col_offset), (body.end_lineno, body.end_col_offset)
        if places and all(start <= place <= end for place in places[-3:]):
            return node
    return None


def _compiled(tree: Any, function: types.FunctionType) -> Any:
    """A function from a changed tree, in the surroundings of the original."""
    if isinstance(tree, ast.FunctionDef):
        tree.decorator_list = []
        tree.returns = None
        for argument in (*tree.args.posonlyargs, *tree.args.args, *tree.args.kwonlyargs):
            argument.annotation = None
        inner: list[ast.stmt] = [tree, ast.Return(ast.Name(tree.name, ast.Load()))]
    else:
        inner = [ast.Return(tree)]
    # Defaults are taken from the original, since their names may be gone.
    tree.args.defaults, tree.args.kw_defaults = [], [None] * len(tree.args.kwonlyargs)
    cells = function.__closure__ or ()
    free = function.__code__.co_freevars
    arguments = ast.arguments(
        posonlyargs=[],
        args=[ast.arg(name) for name in free],
        kwonlyargs=[],
        kw_defaults=[],
        defaults=[],
    )
    factory = ast.FunctionDef("_factory", arguments, inner, [], type_params=[])  # type: ignore[call-arg]
    module = ast.fix_missing_locations(ast.Module([factory], []))
    scope: dict[str, Any] = {}
    exec(  # noqa: S102 - a changed copy of a rule that is loaded already
        compile(module, function.__code__.co_filename, "exec"), function.__globals__, scope
    )
    made = scope["_factory"](*(cell.cell_contents for cell in cells))
    made.__defaults__ = function.__defaults__
    made.__kwdefaults__ = function.__kwdefaults__
    return made

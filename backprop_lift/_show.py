"""What one run recorded: a table of its nodes, and a picture."""

from __future__ import annotations

import dataclasses
import html
import linecache
import sys
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ._cotangent import Accumulator
from ._registry import dotted_name
from ._run import _recorded, _Run
from ._space import parts_of
from ._tape import CALL, EDGES, ITEM, Node, Tape, Token, call_site

__all__ = ["ShownNode", "ShownTape", "show_tape"]

_PACKAGE = __file__.rpartition("_show")[0]


@dataclasses.dataclass(slots=True)
class ShownNode:
    """One node of a tape.

    Attributes
    ----------
    at : int
        Its position.
    name : str
        The function, or ``input``.
    parents : tuple of int
        Positions of its arguments that are on the tape.
    value, gradient : object
        What it gave, and the cotangent that arrived there; None if none did.
    called : str
        File and line of the call.
    """

    at: int
    name: str
    parents: tuple[int, ...]
    value: Any
    called: str
    gradient: Any = None

    @property
    def shape(self) -> str:
        """The shape of an array, the type of anything else."""
        shape = np.shape(self.value) if hasattr(self.value, "shape") else None
        return str(shape) if shape else type(self.value).__name__


@dataclasses.dataclass(slots=True)
class ShownTape:
    """The nodes of one run. Its text is a table, and notebooks show it as a picture.

    Attributes
    ----------
    nodes : list of ShownNode
        In the order of their making.
    y : object
        The result.
    error : Exception or None
        What the sweep raised; the gradients of the nodes before are missing then.
    """

    nodes: list[ShownNode]
    y: Any
    error: Exception | None = None

    @property
    def not_finite(self) -> ShownNode | None:
        """The first node whose value is infinite or not a number."""
        return next((node for node in self.nodes if not _is_finite(node.value)), None)

    @property
    def gradient_not_finite(self) -> ShownNode | None:
        """The node at which the sweep first met an infinite gradient, or one that is no number."""
        backwards = reversed(self.nodes)
        return next((node for node in backwards if not _is_finite(node.gradient)), None)

    def __str__(self) -> str:
        heading = ("node", "function", "of", "shape", "value", "gradient", "called")
        rows = [heading, *map(_row, self.nodes)]
        widths = [max(len(row[i]) for row in rows) for i in range(len(heading))]
        lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
        return "\n".join([*lines, *self._remarks()])

    __repr__ = __str__

    def _remarks(self) -> Iterable[str]:
        if self.not_finite is not None:
            yield f"The first value that is not finite is node {_place(self.not_finite)}."
        if self.gradient_not_finite is not None:
            yield (
                "The first gradient that is not finite arrived at node "
                f"{_place(self.gradient_not_finite)}."
            )
        if self.error is not None:
            yield f"The sweep ended early: {str(self.error).splitlines()[0]}"

    def picture(self) -> str:
        """The nodes as a drawing, in SVG: arguments above what is made of them."""
        return _drawn(self.nodes)

    def _repr_svg_(self) -> str:
        return self.picture()


def show_tape(f: Callable[..., Any], *xs: Any, **settings: Any) -> ShownTape:
    """What a function records: one run, forward and back, with everything kept.

    Parameters
    ----------
    f, *xs, **settings
        As for `grad_bp`. Where the result is more than one number, the gradient is that of the
        sum.

    Returns
    -------
    ShownTape
        Prints as a table: for each node its function, arguments, shape, value, gradient and
        place in the source, and which value and gradient is the first that is not finite.

    Examples
    --------
    >>> from backprop_lift.derivatives import show_tape
    >>> shown = show_tape(lambda x: x * x + 1.0, 3.0)
    >>> [(node.name, node.value, node.gradient) for node in shown.nodes]
    [('input', 3.0, 6.0), ('mul', 9.0, 1.0), ('add', 10.0, 1.0)]
    """
    nodes: list[ShownNode] = []
    run = _recorded(f, settings, _Run(dotted_name(f), xs, _watched(nodes)))
    shown = ShownTape(nodes, run.y)
    del nodes[len(run.nodes) :]
    try:
        gradient = run.gradient(run.nodes, run.seed())
    except Exception as error:
        shown.error = error
    else:
        gradients = (gradient,) if len(xs) == 1 else gradient
        for node, dzdx in zip(nodes, gradients, strict=False):
            node.gradient = dzdx
    return shown


def _watched(nodes: list[ShownNode]) -> Tape:
    """A tape that remembers every value, place and cotangent.

    It interns no token, so that every operation takes the general path: it asks for a token of
    its result, and then appends a node.
    """
    result: Any = None

    def token(self: Tape, value: Any) -> Token:
        nonlocal result
        result = value
        return Token(self, value)

    def append(self: Tape, node: Node) -> None:
        if not node:  # asks whether the run is over
            return
        shown = ShownNode(len(self), "input", (), result, "")
        if node[0] == ITEM:
            _, p, key, token = node
            shown.name, shown.parents, shown.called = f"item {key!r}", (p,), _caller()
            scaled_grad: Any = lambda dzdy: (_put(token, key, dzdy),)
            node = (CALL, scaled_grad, ((p, token),), None, None)
        elif node[0] in (CALL, EDGES):
            if node[0] == EDGES:
                node = _at_once(node)
            _, scaled_grad, parents, rule, site = node
            shown.name, shown.parents = rule.name, tuple(p for p, _ in parents)
            shown.called = call_site(site) if site is not None else ""
        if node[0] == CALL:
            node = (CALL, _watching(shown, node[1]), *node[2:])
        nodes.append(shown)
        list.append(self, node)

    watched = type("WatchedTape", (Tape,), {"__slots__": (), "token": token, "append": append})
    return watched("show_tape")  # type: ignore[no-any-return]  # a Tape


def _at_once(node: Node) -> Node:
    """A node with a scaled gradient for each argument as one with one for all."""
    _, edges, rule, site = node
    scaled_grad = lambda dzdy: [each(dzdy, *given) for _, _, each, given in edges]
    return CALL, scaled_grad, tuple((p, token) for p, token, _, _ in edges), rule, site


def _watching(shown: ShownNode, scaled_grad: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def watching(dzdy: Any) -> Any:
        shown.gradient = dzdy
        return scaled_grad(dzdy)

    return watching


def _put(token: Token, key: Any, dzdpart: Any) -> Any:
    whole = Accumulator(token)
    whole.put(key, dzdpart)
    return whole.total()


def _caller() -> str:
    frame: Any = sys._getframe(2)
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    return "" if frame is None else f"{frame.f_code.co_filename}:{frame.f_lineno}"


# The table.


def _row(node: ShownNode) -> tuple[str, ...]:
    return (
        str(node.at),
        node.name,
        " ".join(map(str, node.parents)),
        node.shape,
        _brief(node.value),
        _brief(node.gradient),
        node.called,
    )


def _brief(value: Any) -> str:
    """A number, or the least and greatest of several."""
    if value is None:
        return "-"
    numbers = _numbers(value)
    if numbers.size == 0:
        return "-"
    if numbers.dtype.kind == "c" or numbers.size == 1:
        text = (
            f"{numbers[0] + 0.0:.4g}"
            if numbers.size == 1
            else f"{np.abs(numbers).max():.4g} at most"
        )
    else:
        text = f"{numbers.min() + 0.0:.4g} to {numbers.max() + 0.0:.4g}"
    return text


def _numbers(value: Any) -> Any:
    """All numbers in a value, in a row."""
    while hasattr(value.__class__, "_bvar_value"):
        value = value._bvar_value
    parts = parts_of(value)
    if parts is not None:
        found = [_numbers(part) for _, part in parts]
        return np.concatenate(found) if found else np.zeros(0)
    if isinstance(value, (bool, str, bytes)) or value is None:
        return np.zeros(0)
    try:
        numbers = np.asarray(value).ravel()
    except (TypeError, ValueError):
        return np.zeros(0)
    return numbers if numbers.dtype.kind in "fciu" else np.zeros(0)


def _is_finite(value: Any) -> bool:
    return value is None or bool(np.isfinite(_numbers(value)).all())


def _place(node: ShownNode) -> str:
    if not node.called:
        return f"{node.at}, {node.name}"
    file, _, line = node.called.rpartition(":")
    source = linecache.getline(file, int(line)).strip()
    return f"{node.at}, {node.name}, called in {node.called}" + (f": {source}" if source else "")


# The picture.

# In pixels.
_WIDTH, _HEIGHT, _GAP = 132, 34, 26


def _drawn(nodes: list[ShownNode]) -> str:
    depth: list[int] = []
    for node in nodes:
        depth.append(1 + max((depth[p] for p in node.parents), default=-1))
    column, filled = [], [0] * (max(depth, default=0) + 1)
    for d in depth:
        column.append(filled[d])
        filled[d] += 1
    left = [_GAP + c * (_WIDTH + _GAP) for c in column]
    top = [_GAP + d * (_HEIGHT + _GAP) for d in depth]
    width = _GAP + max(filled, default=0) * (_WIDTH + _GAP)
    height = _GAP + len(filled) * (_HEIGHT + _GAP)
    font = 'font-family="monospace" font-size="11" text-anchor="middle"'
    size = f'width="{width}" height="{height}"'
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" {size} {font}>']
    for i, node in enumerate(nodes):
        for p in node.parents:
            lines.append(
                f'<line x1="{left[p] + _WIDTH // 2}" y1="{top[p] + _HEIGHT}" '
                f'x2="{left[i] + _WIDTH // 2}" y2="{top[i]}" stroke="#888"/>'
            )
    box = f'width="{_WIDTH}" height="{_HEIGHT}" rx="5" stroke="#668"'
    for i, node in enumerate(nodes):
        ill = not _is_finite(node.value) or not _is_finite(node.gradient)
        title = html.escape(f"{node.name}: {_brief(node.value)}, gradient {_brief(node.gradient)}")
        name = node.name if len(node.name) <= 19 else f"{node.name[:18]}…"
        middle = left[i] + _WIDTH // 2
        lines += [
            f"<g><title>{title}</title>",
            f'<rect x="{left[i]}" y="{top[i]}" {box} fill="{"#fdd" if ill else "#eef"}"/>',
            f'<text x="{middle}" y="{top[i] + 14}">{i} {html.escape(name)}</text>',
            f'<text x="{middle}" y="{top[i] + 27}" fill="#666">{html.escape(node.shape)}</text></g>',
        ]
    return "\n".join([*lines, "</svg>"])

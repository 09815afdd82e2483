"""The sweep: one pass over a tape, from the output's own position down to the inputs.

Each node takes the cotangent out of its own slot and adds what follows from it to the slots of its
parents. Creation order is topological order: no sort, no visited set. The arithmetic is inlined,
since its cost is that of the interpreter.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from math import isfinite
from typing import Any, Final

import numpy as np

from . import _tape
from ._cotangent import Accumulator, fitted, shape_of
from ._space import ZERO, add, parts_of
from ._tape import CALL, EDGES, ITEM, Node, call_site

__all__ = ["power_slope", "sweep"]

# Above this size, sums of cotangents are made in place.
LARGE: Final = 1 << 15


def sweep(nodes: list[Node], seeds: Iterable[tuple[int, Any]], inputs: int) -> list[Any]:
    """Cotangents of the inputs, given cotangents of outputs.

    Parameters
    ----------
    nodes : list
        The tape up to the last output; emptied on the way, so that residuals are freed.
    seeds : iterable of (int, object)
        Positions on the tape and the cotangents there, each fitted to its value.
    inputs : int
        How many of the first entries are inputs.

    Returns
    -------
    list
        One slot an input: None (nothing reached it), a cotangent or an `Accumulator`.
    """
    slots: list[Any] = [None] * len(nodes)
    for position in range(inputs):
        token = nodes[position][1]
        if token.primal is not None or token.nbytes >= LARGE:
            slots[position] = Accumulator(token)
    for position, token in getattr(nodes, "given", ()):
        if position < len(slots):
            slots[position] = Accumulator(token)
    for position, seed in seeds:
        there = slots[position]
        if there is None and parts_of(seed) is not None:
            there = Accumulator(nodes[position][1]) if position < inputs else None
        slots[position] = seed if there is None else _sum(there, seed)
    with np.errstate(all="ignore"):
        if getattr(nodes, "careful", False):
            _sweep_carefully(nodes, slots, inputs)
            return slots
        next_node, next_slot = nodes.pop, slots.pop
        for _ in itertools.repeat(None, len(nodes) - inputs):
            g = next_slot()
            node = next_node()
            if g is None:
                continue
            code = node[0]
            if g.__class__ is Accumulator and code != ITEM:  # which hands it on as it is
                if not g.reached:
                    continue
                g = _total(g, node)
            if code == 0:  # MUL
                _, p, q, a, b = node
                o = slots[p]
                slots[p] = g * b if o is None else o + g * b
                o = slots[q]
                slots[q] = g * a if o is None else o + g * a
            elif code == 1:  # SCALE
                _, p, a = node
                o = slots[p]
                slots[p] = g * a if o is None else o + g * a
            elif code == 2:  # PASS
                p = node[1]
                o = slots[p]
                slots[p] = g if o is None else o + g
            elif code == 3:  # ADD
                _, p, q = node
                o = slots[p]
                slots[p] = g if o is None else o + g
                o = slots[q]
                slots[q] = g if o is None else o + g
            elif code == 4:  # SUB
                _, p, q = node
                o = slots[p]
                slots[p] = g if o is None else o + g
                o = slots[q]
                slots[q] = -g if o is None else o - g
            elif code == 5:  # NEG
                p = node[1]
                o = slots[p]
                slots[p] = -g if o is None else o - g
            elif code == 6:  # UNARY
                _, p, rule, a = node
                try:
                    d = g * rule.slope(a)
                except (ZeroDivisionError, OverflowError):
                    d = g * rule.slope(np.asarray(a)[()])  # infinite, as an array's would be
                o = slots[p]
                slots[p] = d if o is None else o + d
            elif code == 7:  # ITEM
                _, p, key, token = node
                o = slots[p]
                if o.__class__ is not Accumulator:
                    o = slots[p] = Accumulator(token, o)
                o.put(key, g)
            elif code == 8:  # EDGES
                _edges(node, g, slots, False)
            elif code == 9:  # DIV
                _, p, q, b, y = node
                d = g / b
                o = slots[p]
                slots[p] = d if o is None else o + d
                o = slots[q]
                slots[q] = -(d * y) if o is None else o - d * y
            elif code == 10:  # OVER
                _, p, a = node
                o = slots[p]
                slots[p] = g / a if o is None else o + g / a
            elif code == 11:  # UNDER
                _, p, b, y = node
                o = slots[p]
                slots[p] = -(g * y / b) if o is None else o - g * y / b
            elif code == 12:  # POWER
                _, p, a, n = node
                d = g * power_slope(a, n)
                o = slots[p]
                slots[p] = d if o is None else o + d
            else:  # CALL
                _call(node, g, slots, False)
    return slots


def _sum(there: Any, seed: Any) -> Any:
    return there + seed if there.__class__ is Accumulator else add(there, seed)


def _total(gathered: Accumulator, node: Node) -> Any:
    """The cotangent of a node's result, as its rule takes it."""
    return gathered.total(node[0] in (CALL, EDGES) and getattr(node[-2], "symbolic_zeros", False))


def _sweep_carefully(nodes: list[Node], slots: list[Any], inputs: int) -> None:
    """The sweep where a value was not finite: no zero is multiplied by an infinity."""
    while len(nodes) > inputs:
        g, node = slots.pop(), nodes.pop()
        if g is not None:
            if g.__class__ is Accumulator and node[0] != ITEM:
                if not g.reached:
                    continue
                g = _total(g, node)
            _step(node, g, slots)


def _step(node: Node, g: Any, slots: list[Any]) -> None:
    """One node of any kind, by its meaning."""

    def add_to(p: int, dzdx: Any) -> None:
        dzdx = flowing(dzdx, g)
        there = slots[p]
        slots[p] = dzdx if there is None else there + dzdx

    match node:
        case (_tape.MUL, p, q, a, b):
            add_to(p, g * b)
            add_to(q, g * a)
        case (_tape.SCALE, p, a):
            add_to(p, g * a)
        case (_tape.PASS, p):
            add_to(p, g)
        case (_tape.ADD, p, q):
            add_to(p, g)
            add_to(q, g)
        case (_tape.SUB, p, q):
            add_to(p, g)
            add_to(q, -g)
        case (_tape.NEG, p):
            add_to(p, -g)
        case (_tape.UNARY, p, rule, a):
            try:
                add_to(p, g * rule.slope(a))
            except (ZeroDivisionError, OverflowError):
                add_to(p, g * rule.slope(np.asarray(a)[()]))
        case (_tape.ITEM, p, key, token):
            if slots[p].__class__ is not Accumulator:
                slots[p] = Accumulator(token, slots[p])
            slots[p].put(key, g)
        case (_tape.DIV, p, q, b, y):
            add_to(p, g / b)
            add_to(q, -(g / b * y))
        case (_tape.OVER, p, a):
            add_to(p, g / a)
        case (_tape.UNDER, p, b, y):
            add_to(p, -(g * y / b))
        case (_tape.POWER, p, a, n):
            add_to(p, g * power_slope(a, n))
        case (_tape.EDGES, *_):
            _edges(node, g, slots, True)
        case _:
            _call(node, g, slots, True)


def flowing(dzdx: Any, dzdy: Any) -> Any:
    """`dzdx` without the nan of ``0 * inf``: where no cotangent arrives, none goes on.

    So an infinite slope in the branch that a `where` does not take does no harm.
    """
    cls = dzdx.__class__
    if cls is np.ndarray:
        if not isfinite(np.vdot(dzdx, dzdx).real):  # some item is nan or infinite
            return np.where((dzdy == 0) & np.isnan(dzdx), 0.0, dzdx)
    elif (cls is float or cls is np.float64) and dzdx != dzdx and dzdy == 0:
        return 0.0
    return dzdx


def power_slope(a: Any, n: Any) -> Any:
    """The derivative of ``a ** n`` by `a`, for a plain exponent; zero for n = 0."""
    if n.__class__ is int or n.__class__ is float:
        if n == 2:
            return 2 * a
        if n == 0:
            return a * 0.0
        try:
            return n * a ** (n - 1)
        except (ZeroDivisionError, OverflowError):
            return n * np.float64(a) ** (n - 1)
    if a.__class__ is float:
        a = np.float64(a)
    elif a.__class__ is int:
        n = n * 1.0
    return np.where(n == 0, 0.0, n * a ** np.where(n == 0, 1, n - 1))


def _call(node: Node, dzdy: Any, slots: list[Any], careful: bool) -> None:
    """Run the scaled gradient of a general node and add what it gives to the parents' slots."""
    _, scaled_grad, parents, rule, _ = node
    try:
        cotangents = scaled_grad(dzdy)
        for (p, token), dzdx in zip(parents, cotangents, strict=True):
            if dzdx is ZERO:
                continue
            if careful and shape_of(dzdx) == shape_of(dzdy):
                dzdx = flowing(dzdx, dzdy)
            dzdx = fitted(dzdx, token, dzdy, rule)
            if dzdx is ZERO:
                continue
            o = slots[p]
            if o is None:
                slots[p] = Accumulator(token, dzdx) if token.primal is not None else dzdx
            else:
                slots[p] = o + dzdx
    except Exception as error:
        _annotate(error, node)
        raise


def _edges(node: Node, dzdy: Any, slots: list[Any], careful: bool) -> None:
    """Run the scaled gradient of each argument of a node, and add what it gives to its slot."""
    try:
        for p, token, scaled_grad, given in node[1]:
            dzdx = scaled_grad(dzdy, *given)
            if careful and shape_of(dzdx) == shape_of(dzdy):
                dzdx = flowing(dzdx, dzdy)
            if (
                dzdx.__class__ is not np.ndarray
                or dzdx.dtype is not token.dtype
                or dzdx.shape != token.shape
            ):
                dzdx = fitted(dzdx, token, dzdy, node[2])
                if dzdx is ZERO:
                    continue
            o = slots[p]
            slots[p] = dzdx if o is None else o + dzdx
    except Exception as error:
        _annotate(error, node)
        raise


def _annotate(error: Exception, node: Node) -> None:
    rule, site = node[-2:]
    note = f"while the gradient of {getattr(rule, 'name', rule)} was computed"
    if getattr(rule, "where", None):
        note += f"\n  rule:   {rule.where}"
    if site is not None:
        note += f"\n  called: {call_site(site)}"
    if note not in getattr(error, "__notes__", ()):
        error.add_note(note)

"""Parts of BVars, at the end of a path: reading and replacing them.

Each function takes plain values as well, and then records nothing: what is constant stays so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

import numpy as np

from ._bvar import BVar, Named, innermost, operand_on, record, rooted, youngest
from ._bvar.assignment import frozen_key, plain_key, set_item
from ._bvar.collecting import collect
from ._bvar.items import item_of, read_part
from ._path import ITSELF, by_name, keys_of, steps_of
from ._space import ZERO, is_record, parts_of, rebuilt
from .errors import LiftError, PathError

__all__ = ["over_var", "part_of", "preview_var", "set_var", "to_list_of_var", "view_var"]


def view_var(v: Any, path: Any) -> Any:
    """The part of `v` that a path leads to.

    Parameters
    ----------
    v : BVar or object
    path : object or list of objects
        One step, or a list of them: an attribute name, a key, an index or slice; a type or a
        predicate of the plain value, which keep what matches; or ``...`` for every part.

    Returns
    -------
    BVar or object
        A part without numbers is plain, and so is a part of a plain value.

    Raises
    ------
    PathError
        If the path leads nowhere, or to several parts.

    Examples
    --------
    >>> from backprop_lift import grad_bp, view_var
    >>> grad_bp(lambda net: view_var(net, ["layers", 1]) ** 2, {"layers": [3.0, 4.0]})
    {'layers': [0.0, 8.0]}
    """
    found = to_list_of_var(v, path)
    if len(found) == 1:
        return found[0]
    raise PathError(
        f"view_var was given a path that leads to {len(found) or 'no'} parts.",
        "Use preview_var for a part that may be missing, to_list_of_var for several.",
        path=path,
    )


def preview_var(v: Any, path: Any) -> Any:
    """The first part of `v` that a path leads to, or None: a pattern match.

    Parameters
    ----------
    v, path
        As for `view_var`. Here a part that does not exist is one that does not match.

    Examples
    --------
    >>> from backprop_lift import preview_var
    >>> preview_var([1.0, "no"], [0, float]), preview_var([1.0, "no"], [1, float])
    (1.0, None)
    """
    return next(_parts_at(v, steps_of(path), lenient=True), None)


def to_list_of_var(v: Any, path: Any) -> list[Any]:
    """All parts of `v` that a path leads to, in order.

    Parameters
    ----------
    v, path
        As for `view_var`.

    Examples
    --------
    >>> from backprop_lift import grad_bp, to_list_of_var
    >>> grad_bp(lambda v: sum(to_list_of_var(v, [..., lambda x: x > 0])), [1.0, -2.0, 3.0])
    [1.0, 0.0, 1.0]
    """
    return list(_parts_at(v, steps_of(path)))


def set_var(v: Any, path: Any, w: Any) -> Any:
    """`v` with the part that a path leads to replaced by `w`.

    Parameters
    ----------
    v, path
        As for `view_var`. Several parts are all replaced; where a type or a predicate does not
        match, nothing is.
    w : BVar or object

    Returns
    -------
    BVar or object
        A new value. What is replaced gets no gradient, `w` gets that of its part.

    Raises
    ------
    PathError
        If the path leads nowhere, or its end cannot take `w`.

    Notes
    -----
    It stands for the assignment ``v.field = w``, which a BVar does not take: an AttributeError.

    Examples
    --------
    >>> from backprop_lift import grad_bp, set_var
    >>> grad_bp(lambda v, w: sum(set_var(v, 0, w)), [1.0, 2.0], 5.0)
    ([0.0, 1.0], 1.0)
    """
    return _over(v, steps_of(path), lambda read: w)


def over_var(v: Any, path: Any, f: Callable[[Any], Any]) -> Any:
    """`v` with a function applied to the part that a path leads to.

    Parameters
    ----------
    v, path
        As for `set_var`.
    f : callable
        From the part, a BVar, to what takes its place.

    Raises
    ------
    PathError
        If the path leads nowhere, its end cannot take what `f` gives, or `f` is not callable.

    Examples
    --------
    >>> from backprop_lift import grad_bp, over_var
    >>> grad_bp(lambda v: sum(over_var(v, 0, lambda x: x ** 2)), [3.0, 2.0])
    [6.0, 1.0]
    """
    if not callable(f):
        raise PathError(
            f"over_var was given {f!r} as the function to apply, which is not callable.",
            "Write over_var(v, path, f), or set_var(v, path, w) to replace the part by a value.",
            path=path,
        )
    return _over(v, steps_of(path), lambda read: f(read()))


def _parts_at(v: Any, steps: list[Any], *, lenient: bool = False) -> Iterator[Any]:
    if not steps:
        yield v
        return
    step, *rest = steps
    for key in list(keys_of(rooted(v), step, lenient=lenient)):
        yield from _parts_at(v if key is ITSELF else part_of(v, key), rest, lenient=lenient)


def _over(v: Any, steps: list[Any], f: Callable[[Callable[[], Any]], Any]) -> Any:
    """`v` with what `f` makes of the part at the end of a path, which it may read."""
    if not steps:
        return f(lambda: v)
    step, *rest = steps
    shell = rooted(v)
    changed = []
    for key in list(keys_of(shell, step)):
        read = partial(part_of, v, key) if key is not ITSELF else partial(_itself, v)
        changed.append((key, _over(read(), rest, f) if rest else f(read)))
    if step is ... and parts_of(shell) is not None:
        return collect(rebuilt(shell, changed))
    for key, part in changed:
        v = part if key is ITSELF else _replaced(v, key, part)
    return v


def _itself(v: Any) -> Any:
    return v


def part_of(v: Any, key: Any) -> Any:
    """The part of `v` at one key, as `parts_of` and paths have it."""
    root = innermost(v)
    if not by_name(root, key):
        return item_of(v, key) if v.__class__ is BVar else v[key]
    if v.__class__ is BVar and is_record(root) and key in dict(parts_of(root) or ()):
        return read_part(v, part_of(v._bvar_value, key), key, root)
    return getattr(v, key)


def _replaced(v: Any, key: Any, part: Any) -> Any:
    """`v` with the part at `key` replaced: one node, which reads none of the other parts."""
    part = collect(part)
    root = innermost(v)
    parts = parts_of(root)
    if parts is None and not by_name(root, key):
        return _with_item(v, key, part)
    if isinstance(root, (list, tuple)) and key.__class__ is slice:
        indices = range(*key.indices(len(root)))
        if len(indices) != len(innermost(part)):
            raise PathError(
                "set_var was given another number of parts than the slice has.",
                "A path replaces parts; it neither adds nor removes them.",
                expected=len(indices),
                got=len(innermost(part)),
            )
        for i, k in enumerate(indices):
            v = _replaced(v, k, part_of(part, i))
        return v
    if parts is None or key not in [k for k, _ in parts]:
        raise PathError(
            f"{key!r} of a {type(root).__name__} is computed, and cannot be replaced.",
            "Replace the fields that it is computed from.",
        )
    if v.__class__ is not BVar and part.__class__ is not BVar:
        return _with_part(v, key, part)
    tape = youngest((v, part))
    a, b = operand_on(v, tape), operand_on(part, tape)
    value = _replaced(a, key, b) if a.__class__ is BVar else collect(_with_part(a, key, b))
    keys = [k for k, _ in parts_of(root) or ()]

    def scaled_grad(dzdy: Any) -> list[Any]:
        dzdxs = []
        if a is not v:
            kept = [(k, ZERO if k == key else part_of(dzdy, k)) for k in keys]
            dzdxs.append(rebuilt(root, kept))
        if b is not part:
            dzdxs.append(part_of(dzdy, key))
        return dzdxs

    on = [x for x, there in ((v, a), (part, b)) if there is not x]
    parents = tuple((x._bvar_at, x._bvar_space) for x in on)
    return record(tape, value, scaled_grad, parents, _SET)


def _with_item(v: Any, key: Any, part: Any) -> Any:
    """An array with what `key` reads replaced."""
    try:
        return set_item(v, frozen_key(plain_key(key)), part)
    except LiftError:
        raise
    except (TypeError, ValueError) as error:
        raise PathError(
            f"set_var was given a value that the items at {key!r} cannot take: {error}.",
            "Give a number, or an array of the shape and kind of what is replaced.",
            expected=f"shape {np.shape(innermost(v)[key])}, {innermost(v).dtype}",
            got=f"{type(innermost(part)).__name__} of shape {np.shape(innermost(part))}",
        ) from None


_SET: Final = Named("set_var", symbolic_zeros=True)


def _with_part(value: Any, key: Any, part: Any) -> Any:
    return rebuilt(value, [(k, part if k == key else old) for k, old in parts_of(value) or ()])

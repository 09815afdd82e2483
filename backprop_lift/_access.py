"""Parts of BVars: reading, replacing, taking apart and putting together.

Each function takes plain values as well, and then records nothing: what is constant stays so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

from ._apply import applied
from ._bvar import (
    BVar,
    Named,
    _frozen_key,
    _item,
    _operand,
    _plain_key,
    _read,
    _root,
    collect,
    has_bvar,
    record,
    set_item,
    value_of,
    youngest,
)
from ._op import op_iso
from ._path import ITSELF, by_name, keys_of, steps_of
from ._space import ZERO, is_record, parts_of, rebuilt
from .errors import PathError

__all__ = [
    "coerce_var",
    "collect_var",
    "iso_var",
    "join_var",
    "over_var",
    "preview_var",
    "sequence_var",
    "set_var",
    "split_var",
    "to_list_of_var",
    "view_var",
]


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

    Examples
    --------
    >>> from backprop_lift import grad_bp, over_var
    >>> grad_bp(lambda v: sum(over_var(v, 0, lambda x: x ** 2)), [3.0, 2.0])
    [6.0, 1.0]
    """
    return _over(v, steps_of(path), lambda read: f(read()))


def _parts_at(v: Any, steps: list[Any], *, lenient: bool = False) -> Iterator[Any]:
    if not steps:
        yield v
        return
    step, *rest = steps
    for key in list(keys_of(_stepped(v), step, lenient=lenient)):
        yield from _parts_at(v if key is ITSELF else _part(v, key), rest, lenient=lenient)


def _over(v: Any, steps: list[Any], f: Callable[[Callable[[], Any]], Any]) -> Any:
    """`v` with what `f` makes of the part at the end of a path, which it may read."""
    if not steps:
        return f(lambda: v)
    step, *rest = steps
    shell = _stepped(v)
    changed = []
    for key in list(keys_of(shell, step)):
        read = partial(_part, v, key) if key is not ITSELF else partial(_itself, v)
        changed.append((key, _over(read(), rest, f) if rest else f(read)))
    if step is ... and parts_of(shell) is not None:
        return collect(rebuilt(shell, changed))
    for key, part in changed:
        v = part if key is ITSELF else _replaced(v, key, part)
    return v


def _itself(v: Any) -> Any:
    return v


def _stepped(v: Any) -> Any:
    """The plain value that a step is matched with."""
    while has_bvar(v):
        v = value_of(v)
    return v


def _part(v: Any, key: Any) -> Any:
    root = _root(v)
    if not by_name(root, key):
        return _item(v, key) if v.__class__ is BVar else v[key]
    if v.__class__ is BVar and is_record(root) and key in dict(parts_of(root) or ()):
        return _read(v, _part(v._bvar_value, key), key, root)
    return getattr(v, key)


def _replaced(v: Any, key: Any, part: Any) -> Any:
    """`v` with the part at `key` replaced: one node, which reads none of the other parts."""
    part = collect(part)
    root = _root(v)
    parts = parts_of(root)
    if parts is None and not by_name(root, key):
        return set_item(v, _frozen_key(_plain_key(key)), part)
    if isinstance(root, (list, tuple)) and key.__class__ is slice:
        indices = range(*key.indices(len(root)))
        if len(indices) != len(_root(part)):
            raise PathError(
                "set_var was given another number of parts than the slice has.",
                "A path replaces parts; it neither adds nor removes them.",
                expected=len(indices),
                got=len(_root(part)),
            )
        for i, k in enumerate(indices):
            v = _replaced(v, k, _part(part, i))
        return v
    if parts is None or key not in [k for k, _ in parts]:
        raise PathError(
            f"{key!r} of a {type(root).__name__} is computed, and cannot be replaced.",
            "Replace the fields that it is computed from.",
        )
    if v.__class__ is not BVar and part.__class__ is not BVar:
        return _with_part(v, key, part)
    tape = youngest((v, part))
    a, b = _operand(v, tape), _operand(part, tape)
    value = _replaced(a, key, b) if a.__class__ is BVar else collect(_with_part(a, key, b))
    keys = [k for k, _ in parts_of(root) or ()]

    def scaled_grad(dzdy: Any) -> list[Any]:
        dzdxs = []
        if a is not v:
            kept = [(k, ZERO if k == key else _part(dzdy, k)) for k in keys]
            dzdxs.append(rebuilt(root, kept))
        if b is not part:
            dzdxs.append(_part(dzdy, key))
        return dzdxs

    on = [x for x, there in ((v, a), (part, b)) if there is not x]
    parents = tuple((x._bvar_at, x._bvar_space) for x in on)
    return record(tape, value, scaled_grad, parents, _SET)


_SET: Final = Named("set_var", symbolic_zeros=True)


def _with_part(value: Any, key: Any, part: Any) -> Any:
    return rebuilt(value, [(k, part if k == key else old) for k, old in parts_of(value) or ()])


# --- whole values ------------------------------------------------------------------------------


def sequence_var(v: Any) -> Any:
    """A BVar of a container as a container of BVars, one for each part.

    Parameters
    ----------
    v : BVar or object
        A list, tuple, dict or record; an array gives the list of its items along the first axis.

    Returns
    -------
    object
        Of the type of the value; parts without numbers are plain in it.

    Examples
    --------
    >>> from backprop_lift import grad_bp, sequence_var
    >>> grad_bp(lambda v: sequence_var(v)[0], [1.0, 2.0, 3.0])
    [1.0, 0.0, 0.0]
    """
    root = _root(v)
    parts = parts_of(root)
    if parts is None:
        return [_part(v, i) for i in range(len(root))]
    return rebuilt(root, [(key, _part(v, key)) for key, _ in parts])


def collect_var(container: Any) -> Any:
    """A container of BVars, at any depth, as one BVar of a container: undoes `sequence_var`.

    Parameters
    ----------
    container : object
        A list, tuple, dict or record; plain parts are constants.

    Returns
    -------
    BVar or object
        The container itself, if there is no BVar in it.

    Examples
    --------
    >>> from backprop_lift import collect_var, grad_bp
    >>> grad_bp(lambda x: collect_var([x, x * x, 3.0]), 2.0)  # of the sum of the parts
    5.0
    """
    return collect(container)


def split_var(v: Any) -> Any:
    """A BVar of a record as a record of BVars: its fields, all at once.

    The same as `sequence_var`, under the name for values that are made of unlike parts.

    Examples
    --------
    >>> from backprop_lift import grad_bp, split_var
    >>> def f(pair):
    ...     a, b = split_var(pair)
    ...     return a * b
    >>> grad_bp(f, (2.0, 3.0))
    (3.0, 2.0)
    """
    return sequence_var(v)


def join_var(record: Any) -> Any:
    """A record of BVars as a BVar of a record: undoes `split_var`.

    The same as `collect_var`, under the name for values that are made of unlike parts.
    """
    return collect(record)


def iso_var(
    to: Callable[..., Any], back: Callable[[Any], Any], *xs: Any, check: bool = False
) -> Any:
    """An isomorphism applied to BVars; for constructors and other functions that move numbers.

    Parameters
    ----------
    to, back : callable
        The function, and its inverse: one value for one argument, a tuple for several.
    *xs : BVar or object
    check : bool, optional
        Compare ``back(to(*xs))`` with the arguments.

    Raises
    ------
    IsoError
        If `to` changes the numbers, since then the inverse is not the gradient; or if `check`
        finds that `back` is not the inverse.

    Examples
    --------
    >>> from backprop_lift import grad_bp, iso_var
    >>> grad_bp(lambda x, y: iso_var(lambda a, b: [a, b], tuple, x, y)[1], 2.0, 3.0)
    (0.0, 1.0)
    """
    return applied(op_iso(to, back, check=check), xs, {})


def coerce_var(v: Any, cls: type) -> Any:
    """`v` as a value of another class with the same parts.

    Parameters
    ----------
    v : BVar or object
        A container or record, or the only part of one.
    cls : type
        A class of lists or tuples, a record class with as many fields, a dict for a record; or
        the class of the only part of `v`.

    Returns
    -------
    BVar or object
        `v` itself if its value is of that class already.

    Raises
    ------
    PathError
        If the parts do not match.

    Examples
    --------
    >>> from backprop_lift import coerce_var, grad_bp
    >>> grad_bp(lambda v: sum(coerce_var(v, tuple)), [1.0, 2.0])
    [1.0, 1.0]
    """
    root = _root(v)
    if isinstance(root, cls):
        return v
    parts = parts_of(root)
    keys = None if parts is None else [key for key, _ in parts]
    held = [v] if keys is None else [_part(v, key) for key in keys]
    if len(held) == 1 and isinstance(_root(held[0]), cls):
        return held[0]
    try:
        return collect(_made(cls, keys, held))
    except TypeError as error:
        raise PathError(
            f"coerce_var cannot make a {cls.__name__} of the parts of a {type(root).__name__}.",
            "Both need the same parts; use iso_var where they are arranged differently.",
            parts=len(held),
            why=str(error),
        ) from error


def _made(cls: type, keys: list[Any] | None, held: list[Any]) -> Any:
    if issubclass(cls, dict):
        return cls(zip(keys or range(len(held)), held, strict=True))
    if issubclass(cls, tuple) and hasattr(cls, "_make"):
        return cls(*held)
    if issubclass(cls, (list, tuple)):
        return cls(held)
    if issubclass(cls, (int, float, complex)):
        raise TypeError(f"{cls.__name__} is a number")
    return cls(*held)

"""Views: BVars that share memory, as NumPy's arrays do.

What is assigned to one is seen by the others, or refused; never lost.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from .._tape import StaleTape, Token
from ..errors import TapeError
from . import BVar, innermost, twin_for
from .assignment import set_item

__all__ = ["VIEWING", "in_place", "is_linked", "link", "link_if_view", "move_on", "viewed"]


def link(base: BVar, view: BVar, read: Callable[[Any], Any] | None) -> None:
    """Remember that `view` is read from `base`: what is assigned to one is seen by the other.

    Without a way to read it, both are refused once one has been assigned to.
    """
    try:
        links = base._bvar_links
    except AttributeError:
        links = base._bvar_links = [None, None]
    if len(links) > 64:
        links[2:] = [ref for ref in links[2:] if ref() is not None]
    links.append(weakref.ref(view))
    view._bvar_links = [base, read]


def link_if_view(result: Any, arguments: list[BVar]) -> Any:
    """Refuse a result that shares an argument's memory once either has been assigned to."""
    value = innermost(result)
    if result.__class__ is BVar and value.__class__ is np.ndarray:
        for v in arguments:
            root = innermost(v)
            if root.__class__ is np.ndarray and np.may_share_memory(root, value):
                link(v, result, None)
                break
    return result


def is_linked(view: BVar) -> bool:
    """Is `view` known to share the memory of another BVar?"""
    try:
        return view._bvar_links[0] is not None
    except AttributeError:
        return False


# Functions whose result may share the memory of their argument.
VIEWING: Final = frozenset(
    {np.reshape, np.ravel, np.transpose, np.swapaxes, np.squeeze, np.moveaxis, np.rollaxis,
     np.expand_dims, np.atleast_1d, np.atleast_2d, np.atleast_3d, np.flip, np.fliplr, np.flipud,
     np.rot90, np.diagonal, np.real}
)  # fmt: skip


def viewed(read: Any, twin: Any, args: Any, kwargs: Any) -> Any:
    """Call a twin whose result may be a view of its first argument, and link it if it is."""
    base, *rest = args
    view = twin(base, *rest, **kwargs)
    value = innermost(base)
    if (
        view.__class__ is BVar
        and view is not base
        and value.__class__ is np.ndarray
        and np.may_share_memory(value, innermost(view))
    ):
        # of the parts of a complex array, only the real one can be written through
        known = innermost(view).dtype == value.dtype or read is np.real
        link(base, view, (lambda array: read(array, *rest, **kwargs)) if known else None)
    return view


def move_on(v: Any, to: Any) -> None:
    """Let a BVar stand for a new value.

    Slices taken before are refused from now on, but for those that lie apart from what changed.
    """
    try:
        links = v._bvar_links
    except AttributeError:
        links = None
    if links is not None and links[0] is not None and links[1] is None:
        _let_go(v)
    if links is not None and len(links) > 2:
        _make_views_stale(v, innermost(to))
        del links[2:]
    if to.__class__ is BVar:
        v._bvar_value, v._bvar_space, v._bvar_at = to._bvar_value, to._bvar_space, to._bvar_at
    if links is not None and links[0] is not None:
        base, read = links[:2]
        places = _places(base, read)
        others = [ref for ref in base._bvar_links[2:] if ref() is not None and ref() is not v]
        apart = [ref for ref in others if _lies_apart(ref(), base, places)]
        kept = set(map(id, apart))
        base._bvar_links[2:] = [ref for ref in others if id(ref) not in kept]
        move_on(base, _written_through(base, places, v))
        base._bvar_links += [*apart, weakref.ref(v)]


def _places(base: BVar, read: Callable[[Any], Any]) -> Any:
    """Which items of `base` a view of it reads, by their places in a row."""
    shape = innermost(base).shape
    return read(np.arange(innermost(base).size).reshape(shape))


def _lies_apart(view: BVar | None, base: BVar, places: Any) -> bool:
    """Does a view read none of these items?"""
    if view is None or view._bvar_links[1] is None:
        return False
    return not np.isin(_places(base, view._bvar_links[1]), places).any()


def _written_through(base: BVar, places: Any, view: BVar) -> Any:
    """`base` with the items at some places replaced by those of a view."""
    flat, items = twin_for(np.reshape)(base, -1), twin_for(np.reshape)(view, -1)
    if innermost(base).dtype.kind == "c" and innermost(view).dtype.kind != "c":
        items = items + 1j * twin_for(np.imag)(flat[places.ravel()])
    flat = set_item(flat, places.ravel(), items)
    return twin_for(np.reshape)(flat, innermost(base).shape)


def _let_go(view: BVar) -> None:
    """Take a view off the memory that it shares, of which nothing is known from now on."""
    base = view._bvar_links[0]
    base._bvar_links[2:] = [ref for ref in base._bvar_links[2:] if ref() is not view]
    view._bvar_links[0] = None
    while is_linked(base):
        base = base._bvar_links[0]
    _make_stale(base, _gone())


def _make_views_stale(base: BVar, value: Any) -> None:
    """Refuse the views of an array; of which plain values are read, as of one that moved on."""
    for view in [ref() for ref in getattr(base, "_bvar_links", ())[2:]]:
        if view is not None and view._bvar_links[0] is base:
            read = view._bvar_links[1]
            _make_stale(view, _gone() if read is None or value is _gone() else read(value))


def _make_stale(v: BVar, value: Any) -> None:
    _make_views_stale(v, value)
    tape = StaleTape()
    v._bvar_space = Token(tape, v._bvar_value, tape)
    v._bvar_value = value


class _Gone:
    """The value of an array that was changed in a way that is not known: whoever looks is refused."""

    @property  # type: ignore[misc]  # that of an object is a class
    def __class__(self) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride] - to be read only
        raise TapeError(*StaleTape.refusal)

    def __getattr__(self, name: str) -> Any:
        raise TapeError(*StaleTape.refusal)

    def _refuse(self, *_: Any) -> Any:
        raise TapeError(*StaleTape.refusal)

    __array__ = __bool__ = __contains__ = __float__ = __getitem__ = __int__ = __iter__ = _refuse
    __len__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse


@functools.cache
def _gone() -> Any:
    """The only one; behind a function, since tools look at what stands in a module."""
    return _Gone()


def in_place(v: Any, result: Any) -> Any:
    root = innermost(v)
    if root.__class__ is not np.ndarray:
        return result
    shape = np.shape(innermost(result))
    if shape != root.shape:
        raise ValueError(
            f"non-broadcastable output operand with shape {root.shape} "
            f"doesn't match the broadcast shape {shape}"
        )
    if innermost(result).dtype != root.dtype:
        result = result.astype(root.dtype)
    move_on(v, result)
    return v

"""Buffers: what array constructors give inside a composite, so that BVars can be stored in them.

A buffer is an array until a BVar is stored into it; from then on its contents are a BVar, which
moves on with every assignment. A slice of a buffer is its base and a way to read it, used at the
time of use, so that aliasing is NumPy's. A buffer that leaves the composite leaves as its
contents.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

import numpy as np

from .._bvar import BVar, has_bvar, is_complex, value_of
from .._bvar.assignment import set_item
from .._bvar.collecting import collect_array
from .._bvar.comparison import compare
from .._bvar.views import VIEWING, is_linked, viewed
from .._registry import registry
from .._space import parts_of, rebuilt
from ..errors import ConversionError

__all__ = ["Buffer", "call", "call_ufunc", "contents_of", "fresh", "into"]


def contents_of(value: Any) -> Any:
    """What a buffer holds at the moment, also inside containers; any other value as it is."""
    cls = value.__class__
    if cls is Buffer:
        return value._contents()
    if (cls is list or cls is tuple or cls is dict) and _has_buffer(value):
        return rebuilt(value, [(k, contents_of(part)) for k, part in parts_of(value) or ()])
    return value


def _has_buffer(value: Any) -> bool:
    cls = value.__class__
    if cls is Buffer:
        return True
    return (cls is list or cls is tuple or cls is dict) and any(
        _has_buffer(part) for _, part in parts_of(value) or ()
    )


def fresh(value: Any) -> Any:
    """A new array as a buffer, since BVars may be stored into it; any other value as it is."""
    if value.__class__ is np.ndarray and value.dtype.kind in "fc":
        return Buffer(value)
    if value.__class__ is tuple or value.__class__ is list:
        return rebuilt(value, [(i, fresh(part)) for i, part in enumerate(value)])
    return value


class Buffer:
    """An array made inside a composite; see the module.

    Parameters
    ----------
    contents : ndarray or BVar, optional
        Of a buffer of its own.
    base, read : Buffer and callable, optional
        Of a slice: ``read(contents of base)``.
    """

    __slots__ = ("_base", "_by_columns", "_held", "_read", "_shared")

    __hash__ = None  # type: ignore[assignment]  # an array has none either
    __array_priority__ = 2000

    def __init__(
        self,
        contents: Any = None,
        base: Buffer | None = None,
        read: Callable[[Any], Any] | None = None,
    ) -> None:
        self._held = contents
        self._base = base
        self._read = read
        self._shared = False
        # How the items lie in memory, which decides what NumPy gives a view of.
        self._by_columns = contents.__class__ is np.ndarray and contents.flags.fnc

    # Contents

    def _contents(self) -> Any:
        if self._base is None:
            return self._held
        assert self._read is not None
        return self._read(self._base._contents())

    def _root(self) -> Buffer:
        return self if self._base is None else self._base._root()

    def _top(self) -> Buffer:
        """The root, or the real or imaginary part of complex items that this is a slice of."""
        if self._base is None or self._read is _REAL or self._read is _IMAG:
            return self
        return self._base._top()

    def _positions(self, top: Buffer | None = None) -> Any:
        """Where each item lies in the flattened root, or in another buffer it is a slice of."""
        if self._base is None or self is top:
            shape = np.shape(value_of(self._contents()))
            numbers = np.arange(int(np.prod(shape))).reshape(shape)
            return np.asfortranarray(numbers) if self._by_columns else numbers
        assert self._read is not None
        numbers = self._base._positions(top)
        if self._read is _REAL or self._read is _IMAG:  # every other number in memory
            return np.stack([numbers, numbers], axis=-1)[..., 0]
        return self._read(numbers)

    def _share(self) -> Any:
        """The contents, about to be kept by a node: the next assignment copies them first."""
        self._root()._shared = True
        return self._contents()

    def _slice(self, read: Callable[[Any], Any]) -> Any:
        """A part read from the contents: a slice that aliases, where NumPy would give one."""
        part = read(self._contents())
        if isinstance(part, (np.ndarray, BVar)):
            positions = self._positions()
            places = read(positions)  # an array, of no dimensions too: a number is no view
            if places.__class__ is np.ndarray and np.may_share_memory(positions, places):
                return Buffer(base=self, read=read)
        if isinstance(part, BVar):
            return Buffer(part.copy()) if is_linked(part) else part
        return fresh(part)

    # Items

    def __getitem__(self, key: Any) -> Any:
        key = _key(key)
        if key.__class__ is int or (
            key.__class__ is tuple and all(k.__class__ is int for k in key)
        ):
            part = self._contents()[key]
            if part.__class__ is not np.ndarray and not np.ndim(value_of(part)):
                return part
        return self._slice(lambda contents: contents[key])

    def __setitem__(self, key: Any, value: Any) -> None:
        key = _key(key)
        value = contents_of(value)
        if value.__class__ is not BVar and has_bvar(value):
            value = collect_array(value)
        root = self._root()
        if root._held.__class__ is np.ndarray and value.__class__ is not BVar:
            if root._shared:
                root._held = root._held.copy()
                root._shared = False
            part = self._contents()
            if self._base is None or np.may_share_memory(part, root._held):
                part[key] = value
            else:
                places = self._positions()[key]
                root._held.flat[places.ravel()] = np.broadcast_to(value, places.shape).ravel()
        elif root is self:
            root._held = _stored(root._held, key, value)
        else:
            top = self._top()
            if is_complex(top._contents()) and not is_complex(self._contents()):
                raise ConversionError(
                    "A BVar was to be stored among the bytes of a complex array.",
                    "Store into its parts: a.real[...] and a.imag[...].",
                )
            shape = np.shape(value_of(top._contents()))
            flat = _reshaped(top._contents(), -1)
            whole = _reshaped(_stored(flat, self._positions(top)[key], value), shape)
            if top is root:
                root._held = whole
            else:
                setattr(top._base, "real" if top._read is _REAL else "imag", whole)

    def __iter__(self) -> Iterator[Any]:
        iter(value_of(self._contents()))
        return (self[i] for i in range(len(self)))

    def __len__(self) -> int:
        return len(self._contents())

    def __contains__(self, item: Any) -> bool:
        return bool(np.any(compare(operator.eq, self._contents(), contents_of(item))))

    def __bool__(self) -> bool:
        return bool(self._contents())

    def __float__(self) -> float:
        return float(self._contents())

    def __int__(self) -> int:
        return int(self._contents())

    def __complex__(self) -> complex:
        return complex(self._contents())

    def __index__(self) -> int:
        return operator.index(self._contents())

    def __repr__(self) -> str:
        return repr(self._contents())

    def __format__(self, spec: str) -> str:
        return format(self._contents(), spec)

    def __copy__(self) -> Buffer:
        return Buffer(self.copy())

    def __deepcopy__(self, memo: Any) -> Buffer:
        return Buffer(self.copy())

    # Attributes

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        contents = self._contents()
        if name in _SLICING_ATTRIBUTES:
            return self._slice(operator.attrgetter(name))
        if name in _SLICING_METHODS:
            return lambda *args, **kwargs: self._slice(
                lambda contents: getattr(contents, name)(*args, **kwargs)
            )
        if name in _IN_PLACE:
            return partial(_IN_PLACE[name], self)
        found = getattr(contents, name)
        if not callable(found):
            return found

        def method(*args: Any, **kwargs: Any) -> Any:
            out = kwargs.pop("out", None)
            contents = self._contents()
            result = getattr(contents, name)(
                *map(contents_of, args), **{k: contents_of(v) for k, v in kwargs.items()}
            )
            if result is contents:
                return self
            return fresh(result) if out is None else into(out, result)

        return method

    @property
    def real(self) -> Any:
        """Of the items; may be assigned to."""
        return Buffer(base=self, read=_REAL) if is_complex(self._contents()) else self[...]

    @real.setter
    def real(self, value: Any) -> None:
        contents = self._contents()
        self[...] = contents_of(value) + 1j * contents.imag if is_complex(contents) else value

    @property
    def imag(self) -> Any:
        """Of the items; may be assigned to where they are complex."""
        return (
            Buffer(base=self, read=_IMAG)
            if is_complex(self._contents())
            else fresh(np.zeros(self.shape))
        )

    @imag.setter
    def imag(self, value: Any) -> None:
        contents = self._contents()
        if not is_complex(contents):
            raise TypeError("array does not have imaginary part to set")
        self[...] = contents.real + 1j * contents_of(value)

    @property
    def shape(self) -> Any:
        """Of the array; may be assigned to."""
        return np.shape(value_of(self._contents()))

    @shape.setter
    def shape(self, shape: Any) -> None:
        if self._base is None:
            self._held = _reshaped(self._held, shape)
        else:
            base, read = self._base, self._read
            assert read is not None
            self._base, self._read = base, lambda contents: read(contents).reshape(shape)

    @property
    def flat(self) -> Any:
        """The items in a row; may be assigned to."""
        return Buffer(base=self, read=lambda contents: contents.reshape(-1))

    @flat.setter
    def flat(self, value: Any) -> None:
        value = contents_of(value)
        value = value if value.__class__ is BVar else collect_array(value)
        self[...] = registry[np.resize].twin(value, self.shape)

    # NumPy

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        contents = self._share()
        if contents.__class__ is BVar:
            return contents.__array__(dtype)
        contents = contents if dtype is None else contents.astype(dtype, copy=False)
        return contents.copy() if copy else contents

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method == "__call__":
            return call_ufunc(ufunc, inputs, kwargs)
        return call(getattr(ufunc, method), *inputs, **kwargs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return call(func, *args, **kwargs)


# Functions that write into their first argument; their twins assign to its items.
_WRITING: Final = frozenset(
    {np.copyto, np.put, np.putmask, np.place, np.fill_diagonal, np.put_along_axis}
)


def call(function: Any, *args: Any, **kwargs: Any) -> Any:
    """Call a function on the contents of buffers; new arrays come back as buffers."""
    original = getattr(function, "__wrapped__", function)
    if original.__hash__ and original in _WRITING and args[0].__class__ is Buffer:
        twin = registry[original].twin
        settings = {k: contents_of(v) for k, v in kwargs.items()}
        return twin(args[0], *map(contents_of, args[1:]), **settings)
    out = kwargs.pop("out", None)
    if original is np.nan_to_num and not kwargs.pop("copy", True):
        out = args[0]
    given = tuple(map(_shared, args))
    kwargs = {k: _shared(v) for k, v in kwargs.items()}
    if args and args[0].__class__ is BVar and original.__hash__ and original in VIEWING:
        return viewed(original, function, given, kwargs)
    result = function(*given, **kwargs)
    if out is not None:
        return into(out, result)
    buffers = [(i, arg) for i, arg in enumerate(args) if arg.__class__ is Buffer]
    if not buffers:
        return fresh(result)
    if result.__class__ is not list and result.__class__ is not tuple:
        return _sliced(result, buffers[:1], function, given, kwargs, lambda found: found)
    parts = [
        _sliced(part, buffers, function, given, kwargs, operator.itemgetter(i))
        for i, part in enumerate(result)
    ]
    return rebuilt(result, list(enumerate(parts)))


def _views(result: Any, buffer: Buffer) -> bool:
    """Does a result share the memory of a buffer?"""
    contents = buffer._contents()
    if result.__class__ is BVar:
        return contents.__class__ is BVar and is_linked(result)
    return (
        result.__class__ is np.ndarray
        and contents.__class__ is np.ndarray
        and np.may_share_memory(result, contents)
    )


def _sliced(
    part: Any, buffers: list[tuple[int, Buffer]], function: Any, given: Any, kwargs: Any, of: Any
) -> Any:
    """A part of a function's result: a slice of the buffer, if any, that it is a view of."""
    for i, buffer in buffers:
        if _views(part, buffer):

            def read(contents: Any, i: int = i) -> Any:
                return of(function(*given[:i], contents, *given[i + 1 :], **kwargs))

            return Buffer(base=buffer, read=read)
    return fresh(part)


def call_ufunc(ufunc: Any, inputs: Any, kwargs: dict[str, Any]) -> Any:
    """Call a ufunc with settings, among them perhaps buffers as ``out=``."""
    out = kwargs.pop("out", None)
    if isinstance(out, tuple) and len(out) == 1:
        (out,) = out
    result = ufunc(*map(_shared, inputs), **{k: contents_of(v) for k, v in kwargs.items()})
    if out is None:
        return fresh(result)
    where = contents_of(kwargs.get("where", True))
    if where is not True:
        result = registry[np.where].twin(where, result, contents_of(out))
    return into(out, result)


def _shared(value: Any) -> Any:
    return value._share() if value.__class__ is Buffer else contents_of(value)


def into(out: Any, result: Any) -> Any:
    """Write a result into what was given as ``out=``, and return that."""
    if isinstance(out, tuple) and len(out) == 1:
        (out,) = out
    if isinstance(out, tuple):
        return tuple(into(o, r) for o, r in zip(out, result, strict=True))
    if out.__class__ is not Buffer and has_bvar(result):
        if out.__class__ is BVar:
            out[...] = result
            return out
        raise ConversionError(
            "A BVar was to be written into a plain array of the caller.",
            "Leave out= away, or pass an array of BVars' kind made in the function.",
        )
    out[...] = result
    return out


def _key(key: Any) -> Any:
    key = contents_of(key)
    if key.__class__ is tuple:
        return tuple(map(_key, key))
    while key.__class__ is BVar:
        key = value_of(key)
    return key


def _stored(array: Any, key: Any, value: Any) -> Any:
    """The array with an item replaced, in the dtype of the array as NumPy's assignment."""
    kind = np.asarray(value_of(array)).dtype.kind if array.__class__ is not BVar else "f"
    if kind in "iub":
        raise ConversionError(
            "A BVar was to be stored into an array of integers, which would cut it off.",
            "Make the array with dtype=float.",
        )
    return set_item(array, key, value)


def _reshaped(array: Any, shape: Any) -> Any:
    return array.reshape(shape)


_REAL: Final = operator.attrgetter("real")
_IMAG: Final = operator.attrgetter("imag")
_SLICING_ATTRIBUTES: Final = frozenset({"T", "mT"})
_SLICING_METHODS: Final = frozenset(
    {"reshape", "ravel", "transpose", "swapaxes", "squeeze", "view", "diagonal"}
)


def _fill(buffer: Buffer, value: Any) -> None:
    buffer[...] = value


def _sort(buffer: Buffer, axis: int = -1, **settings: Any) -> None:
    buffer[...] = registry[np.sort].twin(contents_of(buffer), axis=axis, **settings)


def _put(buffer: Buffer, *args: Any, **settings: Any) -> None:
    call(np.put, buffer, *args, **settings)


_IN_PLACE: Final[dict[str, Callable[..., None]]] = {"fill": _fill, "sort": _sort, "put": _put}


def _binary_method(operation: Any, reflected: bool) -> Any:
    def method(self: Buffer, other: Any) -> Any:
        x, y = self._contents(), contents_of(other)
        if x.__class__ is BVar or has_bvar(y):
            x = self._share()
            if y.__class__ is not BVar and has_bvar(y):
                y = collect_array(y)
        result = operation(y, x) if reflected else operation(x, y)
        return fresh(result)

    return method


def _in_place_method(operation: Any) -> Any:
    def method(self: Buffer, other: Any) -> Buffer:
        self[...] = operation(self, other)
        return self

    return method


for _name in ("add", "sub", "mul", "truediv", "pow", "mod", "floordiv", "matmul", "divmod",
              "and_", "or_", "xor"):  # fmt: skip
    _operation = divmod if _name == "divmod" else getattr(operator, _name)
    _short = _name.rstrip("_")
    setattr(Buffer, f"__{_short}__", _binary_method(_operation, reflected=False))
    setattr(Buffer, f"__r{_short}__", _binary_method(_operation, reflected=True))
    if _name != "divmod":
        setattr(Buffer, f"__i{_short}__", _in_place_method(_operation))
for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    setattr(Buffer, f"__{_name}__", _binary_method(getattr(operator, _name), reflected=False))
for _name in ("neg", "pos", "abs", "invert"):
    _one = getattr(operator, _name)
    setattr(Buffer, f"__{_name}__", lambda self, _one=_one: fresh(_one(self._contents())))

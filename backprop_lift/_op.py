"""Op: a function together with its scaled gradient, and the algebra of Ops.

An Op is ``xs -> (y, dzdy -> dzdxs)`` and nothing else: it knows neither BVars nor tapes. `lift_op`
makes a function on BVars of one, and `bp_op` makes one of a function on BVars.
"""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from ._effect import comes_later
from ._space import ZERO, add, one, parts_of, rebuilt, zero
from .errors import CotangentError, NoGradientError, RuleError

__all__ = ["Op", "compose_op", "id_op", "op_const", "op_tup"]

Pullback = Callable[[Any], tuple[Any, ...]]

# What most scaled gradients return; anything else is asked whether it comes later.
_ORDINARY: Final = frozenset({float, tuple, np.ndarray, np.float64})


class Op:
    """A function with its scaled gradient.

    Parameters
    ----------
    f : callable
        ``f(*xs, **settings) -> (y, scaled_grad)``, where ``scaled_grad(dzdy)`` is one cotangent
        for one argument, a tuple of them for several, and `ZERO` where nothing flows.
        ``partial(backprop_with, h)`` is such a function, for any `h` on BVars.
    name : str, optional
        For errors; by default that of `f`.
    complex : bool, optional
        Whether the scaled gradient is right for complex values, in the convention
        ``dzdx = dzdy * conj(dy/dx)``. The lifted Op refuses them otherwise.

    Attributes
    ----------
    function : callable
        `f`.
    name, where : str
        For errors: how it is called, and the file and line of its definition.
    refusal : str or None
        Of an Op without gradient: the reason, which may be empty.

    Raises
    ------
    RuleError
        If `f` is not callable.

    Notes
    -----
    ``op + other``, ``-``, ``*``, ``/``, ``**`` and ``abs`` work on the results of two Ops of the
    same arguments, or of an Op and a constant. ``inner >> outer`` is `inner` followed by `outer`.

    Examples
    --------
    >>> from backprop_lift import Op
    >>> square = Op(lambda x: (x ** 2, lambda dzdy: dzdy * 2 * x))
    >>> square.eval(3.0), square.grad(3.0), square.grad_with(10.0, 3.0)
    (9.0, 6.0, 60.0)
    >>> (square + 3 * square).grad(3.0)
    24.0
    """

    __slots__ = ("complex", "function", "name", "refusal", "where")

    # NumPy's numbers and arrays leave ``array * op`` to us.
    __array_ufunc__ = None

    def __init__(
        self, f: Callable[..., Any], *, name: str | None = None, complex: bool = False
    ) -> None:
        if not callable(f):
            raise RuleError(
                f"Op was given {f!r}, which is not callable.",
                "Write Op(f) with f(*xs) -> (y, scaled_grad), or op_const(y).",
            )
        self.function = f
        self.name, self.where = name or name_of(f), place_of(f)
        self.complex = complex
        self.refusal: str | None = None

    @classmethod
    def no_grad(cls, f: Callable[..., Any], reason: str = "") -> Op:
        """An Op of a function whose gradient nobody has written.

        Parameters
        ----------
        f : callable
            The function itself: ``f(*xs) -> y``.
        reason : str, optional
            Shown in the error.

        Returns
        -------
        Op
            It runs, and refuses to be differentiated when a gradient is really asked for: not
            where its result is left unused, and not by a symbolic `ZERO`. A number 0 asks, since
            what it is multiplied by need not be finite.

        Examples
        --------
        >>> Op.no_grad(lambda x: -x).eval(2.0)
        -2.0
        """

        def run(*xs: Any, **settings: Any) -> Any:
            def refuse(dzdy: Any) -> Any:
                raise no_gradient(op)

            return f(*xs, **settings), refuse

        run.__wrapped__ = f  # type: ignore[attr-defined]  # its signature is that of f
        op = cls(run, name=name_of(f), complex=True)
        op.where, op.refusal = place_of(f), reason
        return op

    # Running

    def run(self, *xs: Any, **settings: Any) -> tuple[Any, Callable[[Any], Any]]:
        """The result at `xs`, and the scaled gradient there.

        Returns
        -------
        y : object
        scaled_grad : callable
            ``dzdy -> dzdx``, a tuple of cotangents for several arguments, each with the shape
            and structure of its argument. A `dzdy` that is not like `y` raises a `CotangentError`.
        """
        y, pulled = self.pulled(xs, settings)

        def scaled_grad(dzdy: Any) -> Any:
            dzdy = _like_result(dzdy, y, self)
            dzdxs = [
                _completed(_fitted(dzdx, x, dzdy, self), x)
                for dzdx, x in zip(pulled(dzdy), xs, strict=True)
            ]
            return dzdxs[0] if len(dzdxs) == 1 else tuple(dzdxs)

        return y, scaled_grad

    def eval(self, *xs: Any, **settings: Any) -> Any:
        """The result at `xs`."""
        return self.pulled(xs, settings)[0]

    def grad(self, *xs: Any, **settings: Any) -> Any:
        """The gradient at `xs`; of the sum of the result's numbers, where there are several."""
        y, scaled_grad = self.run(*xs, **settings)
        return scaled_grad(one(y))

    def grad_with(self, dzdy: Any, *xs: Any, **settings: Any) -> Any:
        """The scaled gradient at `xs` for one `dzdy`."""
        return self.run(*xs, **settings)[1](dzdy)

    def pulled(self, xs: tuple[Any, ...], settings: dict[str, Any]) -> tuple[Any, Pullback]:
        """The result, and the scaled gradient as it was written.

        Parameters
        ----------
        xs : tuple
        settings : dict

        Returns
        -------
        y : object
        pulled : callable
            From `dzdy` to a tuple of one cotangent for each argument, not yet fitted to it, and
            `ZERO` where nothing flows.
        """
        return self.opened(self.function(*xs, **settings), xs)

    def opened(self, found: Any, xs: tuple[Any, ...]) -> tuple[Any, Pullback]:
        """What `pulled` gives, from what the function gave.

        Parameters
        ----------
        found : object
            What `function` returned.
        xs : tuple
            What it was given.

        Raises
        ------
        CotangentError
            If it is no pair of a result and a function.
        """
        if not isinstance(found, tuple) or len(found) != 2 or not callable(found[1]):
            raise CotangentError(
                f"The op {self.name} did not return (y, scaled_grad).",
                "Return the result and a function dzdy -> cotangents.",
                **defined(self),
                got=type(found).__name__,
            )
        y, scaled_grad = found
        return y, lambda dzdy: self._counted(scaled_grad(dzdy), xs)

    def _counted(self, dzdxs: Any, xs: tuple[Any, ...]) -> tuple[Any, ...]:
        if dzdxs.__class__ not in _ORDINARY and comes_later(dzdxs):
            if inspect.iscoroutine(dzdxs):
                dzdxs.close()
            raise CotangentError(
                f"The scaled gradient of {self.name} has to be waited for, and the sweep waits "
                "for nothing.",
                "Wait for what it needs in the function itself, and return a plain function.",
                **defined(self),
                got=type(dzdxs).__name__,
            )
        if len(xs) == 1:
            wrapped = dzdxs.__class__ is tuple and len(dzdxs) == 1
            return dzdxs if wrapped and not isinstance(xs[0], tuple) else (dzdxs,)
        if not xs and dzdxs is None:
            return ()
        if isinstance(dzdxs, (tuple, list)) and len(dzdxs) == len(xs):
            return tuple(dzdxs)
        many = isinstance(dzdxs, (tuple, list))
        raise CotangentError(
            f"The op {self.name} did not return one cotangent for each argument.",
            "Return a tuple with one for each, ZERO where nothing flows.",
            **defined(self),
            expected=f"{len(xs)} cotangents",
            got=f"{len(dzdxs)} cotangents" if many else type(dzdxs).__name__,
        )

    # Algebra

    def __rshift__(self, after: Any) -> Any:
        return compose_op(after, self) if isinstance(after, Op) else NotImplemented

    def __add__(self, other: Any) -> Op:
        return _combined(operator.add, self, other)

    def __radd__(self, other: Any) -> Op:
        return _combined(operator.add, other, self)

    def __sub__(self, other: Any) -> Op:
        return _combined(operator.sub, self, other)

    def __rsub__(self, other: Any) -> Op:
        return _combined(operator.sub, other, self)

    def __mul__(self, other: Any) -> Op:
        return _combined(operator.mul, self, other)

    def __rmul__(self, other: Any) -> Op:
        return _combined(operator.mul, other, self)

    def __truediv__(self, other: Any) -> Op:
        return _combined(operator.truediv, self, other)

    def __rtruediv__(self, other: Any) -> Op:
        return _combined(operator.truediv, other, self)

    def __pow__(self, other: Any) -> Op:
        return _combined(operator.pow, self, other)

    def __rpow__(self, other: Any) -> Op:
        return _combined(operator.pow, other, self)

    def __neg__(self) -> Op:
        return compose_op(_operator(operator.neg), self)

    def __abs__(self) -> Op:
        return compose_op(_operator(operator.abs), self)

    def __repr__(self) -> str:
        return f"<Op {self.name}>"


def _unset(*args: Any) -> Any:
    raise AssertionError("backprop_lift._apply has not been imported")


# Set by the module that applies Ops to BVars, since both need the tape: what fits a cotangent to
# its primal, and an operator of Python as an Op.
_fitted: Callable[[Any, Any, Any, Op], Any] = _unset
_operator: Callable[[Any], Op] = _unset


def name_of(f: Any) -> str:
    """What a function is called, for errors."""
    f = getattr(f, "func", f)
    return str(getattr(f, "__qualname__", type(f).__qualname__))


def place_of(f: Any) -> str:
    """File and line where a function is defined; empty where that is not known."""
    code = getattr(getattr(f, "func", f), "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code is not None else ""


def defined(op: Op) -> dict[str, str]:
    """The fact of an error that says where an Op is defined."""
    return {"defined": op.where} if op.where else {}


def no_gradient(op: Op, at: str = "", called: str = "") -> NoGradientError:
    """The error of an Op without gradient that was asked for one."""
    known = {"at": at, "why": op.refusal, "declared": op.where, "called": called}
    return NoGradientError(
        f"{op.name} has no gradient, and one was asked for.",
        "Write Op(f) with f(*xs) -> (y, scaled_grad), or const_var(...) around its result where "
        "a constant is meant.",
        **{name: fact for name, fact in known.items() if fact},
    )


def _like_result(dzdy: Any, y: Any, op: Op) -> Any:
    """A cotangent that was given to an Op, complete and fitted to its result."""
    if dzdy is ZERO:
        return ZERO
    try:
        return _completed(_fitted(dzdy, y, None, op), y)
    except CotangentError as error:
        facts = {name: error.facts[name] for name in ("expected", "got") if name in error.facts}
        raise CotangentError(
            f"{op.name} was given a dzdy that is not like its result.",
            "Give it the structure of the result, with numbers and arrays of the same shapes.",
            **facts,
        ) from None


def _completed(dzdx: Any, x: Any) -> Any:
    """A cotangent without symbolic zeros in it, whose numbers are of Python where those of `x` are."""
    if dzdx is ZERO or dzdx is None:
        return zero(x)
    if (x.__class__ is float or x.__class__ is int) and isinstance(dzdx, np.generic):
        return dzdx.item()
    parts = parts_of(x)
    if parts is None or parts_of(dzdx) is None:
        return dzdx
    given = dict(parts_of(dzdx) or ())
    return rebuilt(x, [(key, _completed(given.get(key), part)) for key, part in parts])


def _combined(operation: Any, left: Any, right: Any) -> Op:
    return compose_op(_operator(operation), *map(_as_op, (left, right)))


def _as_op(value: Any) -> Op:
    return value if isinstance(value, Op) else op_const(value)


def only_op(op: Any, lifter: str) -> None:
    """Refuse what is no Op, in the name of a function that lifts Ops."""
    if not isinstance(op, Op):
        raise RuleError(
            f"{lifter} was given {op!r}, which is no Op.",
            f"Write {lifter.rpartition('.')[2]}(Op(f)) with f(*xs) -> (y, scaled_grad), or "
            "lifted(f) for a plain function.",
        )


def compose_op(outer: Op, *inner: Op) -> Op:
    """The composition of Ops: ``outer(inner0(*xs), inner1(*xs), ...)``.

    Parameters
    ----------
    outer : Op
        Takes as many arguments as there are inner Ops.
    *inner : Op
        All take the same arguments, whose gradients are summed.

    Returns
    -------
    Op

    Raises
    ------
    RuleError
        If one of them is no Op.

    Examples
    --------
    >>> from backprop_lift import Op, compose_op
    >>> square = Op(lambda x: (x ** 2, lambda dzdy: dzdy * 2 * x))
    >>> mul = Op(lambda u, v: (u * v, lambda dzdy: (dzdy * v, u * dzdy)))
    >>> compose_op(mul, square, square).grad(2.0)  # of x ** 4
    32.0
    """

    for op in (outer, *inner):
        only_op(op, "compose_op")

    def run(*xs: Any, **settings: Any) -> tuple[Any, Pullback]:
        runs = [op.pulled(xs, settings) for op in inner]
        middle = tuple(y for y, _ in runs)
        y, pulled = outer.pulled(middle, {})

        def scaled_grad(dzdy: Any) -> tuple[Any, ...]:
            totals = [ZERO] * len(xs)
            for op, (part, pulled_inner), dzdpart in zip(inner, runs, pulled(dzdy), strict=True):
                dzdpart = _fitted(dzdpart, part, dzdy, outer)
                if dzdpart is ZERO:
                    continue
                dzdpart = _completed(dzdpart, part)
                for i, dzdx in enumerate(pulled_inner(dzdpart)):
                    totals[i] = add(totals[i], _fitted(dzdx, xs[i], dzdpart, op))
            # of one argument, the cotangent itself
            return tuple(totals) if len(totals) != 1 else totals[0]  # type: ignore[return-value]

        return y, scaled_grad

    arguments = ", ".join(op.name for op in inner)
    return Op(
        run, name=f"{outer.name}({arguments})", complex=all(op.complex for op in (outer, *inner))
    )


def op_const(y: Any) -> Op:
    """The Op that gives `y` whatever its arguments are, and lets nothing flow to them."""

    def run(*xs: Any) -> tuple[Any, Pullback]:
        dzdxs = (ZERO,) * len(xs) if len(xs) != 1 else ZERO
        return y, lambda dzdy: dzdxs  # type: ignore[return-value]  # of one argument, itself

    return Op(run, name="op_const", complex=True)


id_op: Final = Op(lambda x: (x, lambda dzdy: dzdy), name="id_op", complex=True)


def _tuple_run(*xs: Any) -> tuple[Any, Callable[[Any], Any]]:
    return xs, lambda dzdy: dzdy[0] if len(xs) == 1 else tuple(dzdy)


op_tup: Final = Op(_tuple_run, name="op_tup", complex=True)

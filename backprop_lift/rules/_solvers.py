"""What the rules of `scipy.optimize` share: one call of a solver, on BVars and on plain values."""

from __future__ import annotations

import contextlib
import functools
import importlib
import inspect
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from .._registry import dotted_name
from ._implicit import (
    on_plain_values,
    plain,
    settled,
    without_gradient,
)

__all__ = ["NO_SAMPLES", "SolverCall", "elementwise", "solver_twin"]

elementwise: Any = None
with contextlib.suppress(ImportError):  # since scipy 1.15
    elementwise = importlib.import_module("scipy.optimize.elementwise")

_FUNCTIONS: Final = (
    "f", "func", "fun", "F", "fprime", "fprime2", "jac", "hess", "hessp", "callback", "Dfun"
)  # fmt: skip


class SolverCall:
    """One call of a solver: its function on BVars, and the solver on plain values.

    Attributes
    ----------
    arguments : dict
        As given, with defaults.
    args : tuple
        What the solver passes to the function after x.
    """

    def __init__(self, solver: Any, signature: inspect.Signature, args: Any, kwargs: Any) -> None:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        self.solver = solver
        self.signature = signature
        self.arguments = bound.arguments
        self.function = next(self.arguments[name] for name in _FUNCTIONS if name in self.arguments)
        more = self.arguments.get("args", ())
        self.args = tuple(more) if isinstance(plain(more), (tuple, list)) else (more,)
        self.kwargs = self.arguments.get("kwargs") or {}

    def solve(self, **changed: Any) -> Any:
        """What the solver finds on plain values."""
        bound = inspect.BoundArguments(self.signature, OrderedDict())
        for name, value in {**self.arguments, **changed}.items():
            if value is not self.signature.parameters[name].default:
                bound.arguments[name] = on_plain_values(value)
        return self.solver(*bound.args, **bound.kwargs)

    def at(self, x: Any) -> Any:
        """The function at x, first of several results where it gives its derivative too."""
        y = self.function(x, *self.args, **self.kwargs)
        with_slope = self.arguments.get("jac") is True or self.arguments.get("fprime") is True
        return settled(y[0]) if with_slope else settled(y)

    def unconverged(self, x: Any) -> Any:
        """`x`, which refuses to be differentiated."""
        return self.refused(x, "the solver did not converge", self.at(x))

    def refused(self, value: Any, reason: str, y: Any) -> Any:
        """A value that refuses to be differentiated where `y` has BVars."""
        return without_gradient(dotted_name(self.solver), reason, value, y)

    def doubt(self, x: Any, y: Any, slope: Any) -> tuple[str, str] | None:
        """Is `x` so far from the root that the solver's steps are all one sees of its derivative?

        Parameters
        ----------
        x, y : float or ndarray
            Where the solver stopped, and the function there.
        slope : float or ndarray
            The function's derivative, elementwise or as a matrix.
        """
        with np.errstate(all="ignore"):
            try:
                step = y / slope if np.ndim(slope) == np.ndim(y) else np.linalg.solve(slope, y)
            except np.linalg.LinAlgError:
                return dotted_name(self.solver), "the function's derivative is singular at the root"
            size = np.max(np.abs(x), initial=0.0) if np.ndim(slope) > np.ndim(y) else np.abs(x)
            far = np.abs(step) > 1e-6 * size + 1e-8
        if not np.any(far):
            return None
        distance = float(np.max(np.where(far, np.abs(step), 0.0)))
        reason = f"it stopped {distance:.1g} from the root; give it a smaller tolerance"
        return dotted_name(self.solver), reason

    def finished(self, found: Any, y: Any, *known: str) -> Any:
        """A result object, of whose numbers only the known ones can be differentiated."""
        for name, value in found.items():
            numeric = (
                isinstance(value, (float, np.ndarray)) and np.asarray(value).dtype.kind in "fc"
            )
            if name not in known and numeric:
                reason = f"only {' and '.join(known)} of its result can be differentiated"
                reason = reason if known else "it depends on the solver's steps"
                found[name] = self.refused(value, reason, y)
        return found


def solver_twin(original: Any, twin: Callable[[SolverCall], Any]) -> Any:
    """A twin that is given its call; it differentiates in what the function captured too."""
    signature = inspect.signature(original)

    @functools.wraps(original)
    def on_bvars(*args: Any, **kwargs: Any) -> Any:
        return twin(SolverCall(original, signature, args, kwargs))

    return on_bvars


# Of solvers whose result is an object with parts that are refused.
NO_SAMPLES: Final[list[tuple[Any, ...]]] = []

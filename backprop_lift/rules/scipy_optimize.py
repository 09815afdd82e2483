"""`scipy.optimize`: roots, by the implicit function theorem; see `_implicit`.

The original solver runs on plain values, so it converges, warns and raises as ever. Starting
points, brackets and tolerances are constants: a root does not depend on them. Minima stand in a
module of their own.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from scipy import optimize

from .._lift import lifted, locally_constant
from . import _scipy_minima  # noqa: F401 - it registers
from ._implicit import (
    elementwise_root,
    system_root,
)
from ._solvers import NO_SAMPLES, SolverCall, elementwise, solver_twin

__all__: list[str] = []


def _solver(original: Any, twin: Any, samples: Any, wrt: tuple[str, ...] = ("args",)) -> None:
    lifted(twin=solver_twin(original, twin), wrt=wrt, samples=samples)(original)


# Roots of one equation


def _with_root(call: SolverCall, found: tuple[Any, Any], full_output: Any) -> Any:
    x, info = found
    x = elementwise_root(call.at, x, True, call.doubt) if info.converged else call.unconverged(x)
    if not full_output:
        return x
    info.root = x
    return x, info


def _bracketed(call: SolverCall) -> Any:
    return _with_root(call, call.solve(full_output=True), call.arguments["full_output"])


def _newton(call: SolverCall) -> Any:
    full_output = call.arguments["full_output"]
    found = call.solve(full_output=True)
    if len(found) == 2:
        return _with_root(call, found, full_output)
    x = elementwise_root(call.at, found.root, found.converged, call.doubt)
    return found._replace(root=x) if full_output else x


def _root_scalar(call: SolverCall) -> Any:
    info = call.solve()
    x = info.root
    info.root = (
        elementwise_root(call.at, x, True, call.doubt) if info.converged else call.unconverged(x)
    )
    return info


def _find_root(call: SolverCall) -> Any:
    found = call.solve()
    x = found.x
    found.x = elementwise_root(call.at, x, found.success, call.doubt)
    found.f_x = 0.0 * found.x + found.f_x  # a root's value stays zero
    for name in ("bracket", "f_bracket"):
        parts = [call.refused(v, "it depends on the solver", call.at(x)) for v in found[name]]
        found[name] = tuple(parts)
    return found


def _cubic(x: Any, a: Any, b: Any) -> Any:
    return x**3 + a * x - b


def _cubic_slope(x: Any, a: Any, b: Any) -> Any:
    return 3 * x * x + a


_BRACKETED_SAMPLES: Final = [(_cubic, 0, 3, (1.3, 4.0)), (_cubic, -1, 2, (0.4, 0.7))]
for _original in (
    optimize.brentq, optimize.brenth, optimize.bisect, optimize.ridder, optimize.toms748
):  # fmt: skip
    _solver(_original, _bracketed, _BRACKETED_SAMPLES)
_solver(
    optimize.newton,
    _newton,
    [
        (_cubic, 1, _cubic_slope, (1.3, 4.0)),
        (_cubic, 1, None, (0.4, 0.7)),
        (_cubic, np.array([1, 2]), _cubic_slope, (np.array([1.3, 0.4]), np.array([4.0, 0.7]))),
    ],
)
_solver(optimize.root_scalar, _root_scalar, [(_cubic, (1.3, 4.0), "brentq", (0, 3))])

if elementwise is not None:
    _solver(elementwise.find_root, _find_root, NO_SAMPLES)
    for _original in (elementwise.bracket_root, elementwise.bracket_minimum):
        locally_constant(_original)


# Systems of equations


def _fsolve(call: SolverCall) -> Any:
    full_output = call.arguments["full_output"]
    found = call.solve(full_output=True)
    x, info, status, message = found
    if status == 1:
        x = system_root(call.at, x, call.doubt)
    elif not full_output:
        x = call.unconverged(call.solve())  # warns or raises
    else:
        x = call.unconverged(x)
    return (x, call.finished(info, call.at(x)), status, message) if full_output else x


def _root(call: SolverCall) -> Any:
    found = call.solve()
    x = found.x
    found.x = system_root(call.at, x, call.doubt) if found.success else call.unconverged(x)
    return call.finished(found, call.at(x), "x")


def _fixed_point(call: SolverCall) -> Any:
    return system_root(lambda x: call.at(x) - x, call.solve(), call.doubt)


def _nonlinear_solver(call: SolverCall) -> Any:
    return system_root(call.at, call.solve(), call.doubt)


def _circle(x: Any, r: Any, s: Any) -> Any:
    return [x[0] ** 2 + x[1] ** 2 - r, x[0] * np.exp(x[1]) - s]


def _decaying(x: Any, a: Any) -> Any:
    return np.exp(-a * x)


_solver(optimize.fsolve, _fsolve, [(_circle, [1, 1], (2.3, 1.4)), (_cubic, 1, (1.3, 4.0))])
_solver(optimize.root, _root, NO_SAMPLES)
_solver(
    optimize.fixed_point,
    _fixed_point,
    [(_decaying, 1, (0.8,)), (_decaying, np.array([1, 2]), (np.array([0.8, 1.3]),))],
)
for _original in (
    optimize.broyden1, optimize.broyden2, optimize.anderson, optimize.linearmixing,
    optimize.diagbroyden, optimize.excitingmixing, optimize.newton_krylov,
):  # fmt: skip
    _solver(_original, _nonlinear_solver, NO_SAMPLES)

"""Minima of `scipy.optimize`, and least squares: roots of a gradient.

They need the second derivatives of the function. A minimum that is not stationary (at a bound or
a constraint, or short of convergence) refuses to be differentiated.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from scipy import optimize

from .._bvar import has_bvar
from .._lift import lifted, locally_constant, no_grad
from .._registry import dotted_name
from .._run import backprop_with, grad_bp
from ._implicit import (
    elementwise_root,
    gradient_of,
    jacobian_of,
    plain,
    settled,
    system_root,
    with_value,
)
from ._solvers import NO_SAMPLES, SolverCall, elementwise, solver_twin

__all__: list[str] = []


def _solver(original: Any, twin: Any, samples: Any, wrt: tuple[str, ...] = ("args",)) -> None:
    lifted(twin=solver_twin(original, twin), wrt=wrt, samples=samples)(original)


def _minimum(call: SolverCall, x: Any, f: Any = None, bounds: Any = None) -> Any:
    """A stationary point of `f`, by default of the call's function."""
    name = dotted_name(call.solver)

    def doubt(x: Any, y: Any, slope: Any) -> Any:
        with np.errstate(all="ignore"):
            try:
                step = y / slope if np.ndim(slope) == 0 else np.linalg.solve(slope, y)
            except np.linalg.LinAlgError:
                return name, "the second derivatives of its function are singular there"
        if not np.all(np.abs(step) <= 1e-3 * (1 + np.abs(x))):
            return name, "it did not stop at a stationary point"
        return None

    f = call.at if f is None else f
    if not has_bvar(f(x)):
        return x
    if bounds is not None:
        low, high = plain(bounds)
        near = 1e-4 * np.minimum(np.subtract(high, low), 1 + np.abs(x))
        if np.any((x - low <= near) | (high - x <= near)):
            return call.refused(x, "it stopped at a bound", f(x))
    slope = gradient_of(f)
    found = system_root(slope, x, doubt)
    if not has_bvar(found):  # the gradient does not vary; it may not be zero
        y, size = np.reshape(plain(slope(x)), -1), np.size(x)
        reasons = doubt(np.reshape(x, -1), y, plain(jacobian_of(slope, x)).reshape(size, size))
        if reasons is not None:
            return call.refused(x, reasons[1], f(x))
    return found


def _value_at(call: SolverCall, x: Any, value: Any) -> Any:
    """The function's value at the minimum."""
    return call.at(x) if has_bvar(x) or has_bvar(call.at(x)) else value


def _minimize_scalar(call: SolverCall) -> Any:
    found = call.solve()
    x = found.x
    if not found.success:
        found.x = call.unconverged(x)
    else:
        found.x = _minimum(call, x, bounds=call.arguments["bounds"])
    found.fun = _value_at(call, found.x, found.fun)
    return call.finished(found, call.at(x), "x", "fun")


def _limits(bounds: Any) -> Any:
    """Lower and upper bounds, from what a solver takes for them."""
    if bounds is None:
        return None
    if isinstance(bounds, optimize.Bounds):
        return np.asarray(bounds.lb), np.asarray(bounds.ub)
    low, high = bounds
    return np.asarray(low, float), np.asarray(high, float)


def _limits_of_pairs(bounds: Any) -> Any:
    """The same from one pair for each parameter, with None for infinity."""
    if bounds is None or isinstance(bounds, optimize.Bounds):
        return _limits(bounds)
    low, high = zip(*bounds, strict=True)
    return (
        np.array([-np.inf if b is None else b for b in low], float),
        np.array([np.inf if b is None else b for b in high], float),
    )


def _minimize(call: SolverCall) -> Any:
    found = call.solve()
    x = found.x
    if not found.success:
        found.x = call.unconverged(x)
    elif len(np.atleast_1d(call.arguments["constraints"])):
        found.x = call.refused(x, "it has constraints", call.at(x))
    else:
        found.x = _minimum(call, x, bounds=_limits_of_pairs(plain(call.arguments["bounds"])))
    found.fun = _value_at(call, found.x, found.fun)
    return call.finished(found, call.at(x), "x", "fun")


def _fmin(call: SolverCall) -> Any:
    """Of minimizers that return x, or x and the value there and more."""
    found = call.solve()
    if not call.arguments["full_output"]:
        return _minimum(call, found)
    x, value, *rest = found
    y = call.at(x)
    for i, part in enumerate(rest):
        if isinstance(part, (np.ndarray, list)):
            rest[i] = call.refused(part, "it depends on the solver's steps", y)
    x = _minimum(call, x)
    return x, _value_at(call, x, value), *rest


def _fminbound(call: SolverCall) -> Any:
    found = call.solve(full_output=True)
    x, value, error, calls = found
    if error:
        x = call.unconverged(x)
    else:
        x = _minimum(call, x, bounds=(call.arguments["x1"], call.arguments["x2"]))
    return (x, _value_at(call, x, value), error, calls) if call.arguments["full_output"] else x


def _find_minimum(call: SolverCall) -> Any:
    found = call.solve()
    x = found.x
    found.x = elementwise_root(gradient_of(call.at), x, found.success)
    found.f_x = _value_at(call, found.x, found.f_x)
    for name in ("bracket", "f_bracket"):
        parts = [call.refused(v, "it depends on the solver", call.at(x)) for v in found[name]]
        found[name] = tuple(parts)
    return found


def _well(x: Any, a: Any, b: Any) -> Any:
    return np.exp(a * x) - b * x


def _bowl(x: Any, a: Any, b: Any) -> Any:
    return (x[0] - a) ** 2 + b * (x[1] - x[0] ** 2) ** 2 + np.exp(a * x[1])


def _bowl_slope(x: Any, a: Any, b: Any) -> Any:
    off = 2 * b * (x[1] - x[0] ** 2)
    return np.array([2 * (x[0] - a) - 2 * off * x[0], off + a * np.exp(a * x[1])])


_EXACT: Final = {"xtol": 1e-9, "ftol": 1e-13, "disp": 0}

_solver(
    optimize.minimize_scalar,
    _minimize_scalar,
    [
        (_well, None, None, (0.7, 1.3)),
        (_well, None, (-2, 3), (0.7, 1.3), "bounded", None, {"xatol": 1e-9}),
    ],
)
_solver(optimize.minimize, _minimize, NO_SAMPLES)
_solver(optimize.fminbound, _fminbound, [(_well, -2, 3, (0.7, 1.3), {"xtol": 1e-9})])
for _original in (optimize.brent, optimize.golden):
    _solver(_original, _fmin, [(_well, (0.7, 1.3))])
for _original in (optimize.fmin, optimize.fmin_powell):
    _solver(_original, _fmin, [(_bowl, [1, 0], (0.7, 1.3), _EXACT)])
for _original in (optimize.fmin_bfgs, optimize.fmin_cg):
    _solver(_original, _fmin, [(_bowl, [1, 0], _bowl_slope, (0.7, 1.3), {"gtol": 1e-9, "disp": 0})])
if elementwise is not None:
    _solver(elementwise.find_minimum, _find_minimum, NO_SAMPLES)


# Least squares


def _half_square(residuals: Any) -> Any:
    return 0.5 * np.sum(residuals * residuals)


def _least_squares(call: SolverCall) -> Any:
    found = call.solve()
    x, bounds = found.x, _limits(plain(call.arguments["bounds"]))
    if not found.success:
        found.x = call.unconverged(x)
    elif call.arguments["loss"] != "linear":
        found.x = call.refused(x, "its loss is not linear", call.at(x))
    else:
        found.x = _minimum(call, x, lambda x: _half_square(_residuals(call, x)), bounds)
        found.fun = np.atleast_1d(_value_at(call, found.x, found.fun))
        found.cost = _half_square(found.fun)
    return call.finished(found, call.at(x), "x", "fun", "cost")


def _residuals(call: SolverCall, x: Any) -> Any:
    return settled(call.function(x, *call.args, **call.kwargs))


def _covariance(call: SolverCall, residuals: Any, x: Any, value: Any, scaled: bool) -> Any:
    """The covariance of fitted parameters, ``inv(J.T @ J)``, times the variance of a residual.

    Its value is the solver's. The columns of J are derivatives of its transpose's products, which
    are linear in their cotangent, so that there are as many runs as parameters, not residuals.
    """
    y = residuals(x)
    if value is None or not has_bvar(y):
        return value
    if not np.all(np.isfinite(value)):
        return call.refused(value, "it is not finite", y)
    _, scaled_grad = backprop_with(residuals, x)
    zeros = np.zeros(np.shape(y))
    columns = [
        grad_bp(lambda dzdy, k=k: scaled_grad(dzdy)[k], zeros) for k in range(np.size(plain(x)))
    ]
    jacobian = np.stack(columns, axis=-1)
    found = np.linalg.inv(jacobian.T @ jacobian)
    if scaled:
        found = found * (np.sum(y * y) / (len(zeros) - len(columns)))
    return with_value(found, value, dotted_name(call.solver), rtol=1e-3)


def _with_residuals(call: SolverCall, info: Any, y: Any) -> Any:
    """What a solver tells of its last step: the residuals are known, the rest refuses."""
    if has_bvar(y):
        info["fvec"] = with_value(y, info["fvec"], dotted_name(call.solver), rtol=1e-3)
    return call.finished(info, y, "fvec")


def _leastsq(call: SolverCall) -> Any:
    full_output = call.arguments["full_output"]
    x, covariance, info, message, status = call.solve(full_output=True)
    if status not in (1, 2, 3, 4):
        covariance = call.refused(covariance, "the solver did not converge", call.at(x))
        x = call.unconverged(x)
    else:
        x = _minimum(call, x, lambda x: _half_square(_residuals(call, x)))
        if full_output:
            covariance = _covariance(call, lambda x: _residuals(call, x), x, covariance, False)
            info = _with_residuals(call, info, _residuals(call, x))
    return (x, covariance, info, message, status) if full_output else (x, status)


def _curve_fit(call: SolverCall) -> Any:
    given = call.arguments
    x, covariance, *rest = call.solve()
    ydata, sigma, scaled = given["ydata"], given["sigma"], not given["absolute_sigma"]

    def residuals(p: Any) -> Any:
        y = settled(call.function(given["xdata"], *p)) - settled(ydata)
        if sigma is None:
            return y
        spread = settled(sigma)
        if np.ndim(spread) < 2:
            return y / spread
        return np.linalg.solve(np.linalg.cholesky(spread), y)

    if given["kwargs"].get("loss", "linear") != "linear":
        y = residuals(x)
        parts = (call.refused(v, "its loss is not linear", y) for v in (x, covariance))
        return *parts, *rest
    x = _minimum(call, x, lambda p: _half_square(residuals(p)), _limits(plain(given["bounds"])))
    if rest:
        rest[0] = _with_residuals(call, rest[0], residuals(x))
    return x, _covariance(call, residuals, x, covariance, scaled), *rest


def _decay(x: Any, a: Any, b: Any) -> Any:
    return a * np.exp(-b * x)


def _decay_slopes(x: Any, a: Any, b: Any) -> Any:
    return np.stack([np.exp(-b * x), -a * x * np.exp(-b * x)], axis=-1)


def _fit_samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    x = np.linspace(0.1, 3, 8)
    y = 2.3 * np.exp(-0.7 * x) + 0.002 * rng.normal(size=8)
    exact = {"jac": _decay_slopes, "ftol": 1e-13, "xtol": 1e-13}
    return [(_decay, x, y, [2, 1], exact), (_decay, x, y, None, 0.1 + 0.05 * x, exact)]


def _misfit(p: Any, x: Any, y: Any) -> Any:
    return _decay(x, *p) - y


def _misfit_samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    (_, x, y, start, _), _ = _fit_samples(rng)
    return [(_misfit, start, (x, y))]


_solver(optimize.curve_fit, _curve_fit, _fit_samples, wrt=("xdata", "ydata", "sigma"))
_solver(optimize.leastsq, _leastsq, _misfit_samples)
_solver(optimize.least_squares, _least_squares, NO_SAMPLES)

locally_constant(optimize.linear_sum_assignment)
for _reason, _names in {
    "its minimum is found by search, not by the gradient": (
        "differential_evolution", "dual_annealing", "shgo", "basinhopping", "brute", "direct",
    ),
    "its minimum may lie on a constraint": (
        "linprog", "milp", "nnls", "lsq_linear", "isotonic_regression", "quadratic_assignment",
        "fmin_slsqp", "fmin_cobyla", "fmin_l_bfgs_b", "fmin_tnc",
    ),
    "it differentiates by finite steps": ("approx_fprime", "check_grad"),
    "it is one step of a solver": ("line_search", "bracket", "fmin_ncg"),
}.items():  # fmt: skip
    for _name in _names:
        no_grad(_reason)(getattr(optimize, _name))

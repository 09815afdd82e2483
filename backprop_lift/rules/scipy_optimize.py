"""`scipy.optimize`: roots and minima by the implicit function theorem; see `_implicit`.

The original solver runs on plain values, so it converges, warns and raises as ever. Starting
points, brackets and tolerances are constants: a root does not depend on them. A minimum is the
root of the gradient, which needs the second derivatives of the function; it is refused where it
is not stationary (at a constraint, or short of convergence).
"""

from __future__ import annotations

import functools
import inspect
from collections import OrderedDict
from collections.abc import Callable
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
    on_plain_values,
    plain,
    settled,
    system_root,
    with_value,
    without_gradient,
)

__all__: list[str] = []

_FUNCTIONS: Final = (
    "f", "func", "fun", "F", "fprime", "fprime2", "jac", "hess", "hessp", "callback", "Dfun"
)  # fmt: skip


class _Call:
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

    def finished(self, found: Any, y: Any, *known: str) -> Any:
        """A result object, of whose numbers only the known ones can be differentiated."""
        for name, value in found.items():
            numeric = isinstance(value, (float, np.ndarray)) and np.asarray(value).dtype.kind in "fc"
            if name not in known and numeric:
                reason = f"only {' and '.join(known)} of its result can be differentiated"
                found[name] = self.refused(value, reason, y)
        return found


def _twin(
    original: Any,
    twin: Callable[[_Call], Any],
    samples: Any,
    wrt: tuple[str, ...] = ("args",),
) -> None:
    """Register a twin of a solver; it differentiates in what its function captured too."""
    signature = inspect.signature(original)

    @functools.wraps(original)
    def on_bvars(*args: Any, **kwargs: Any) -> Any:
        return twin(_Call(original, signature, args, kwargs))

    lifted(twin=on_bvars, samples=samples, wrt=wrt)(original)


# Of solvers whose result is an object with parts that are refused.
_NO_SAMPLES: Final[list[tuple[Any, ...]]] = []


# Roots of one equation


def _with_root(call: _Call, found: tuple[Any, Any], full_output: Any) -> Any:
    x, info = found
    x = elementwise_root(call.at, x) if info.converged else call.unconverged(x)
    if not full_output:
        return x
    info.root = x
    return x, info


def _bracketed(call: _Call) -> Any:
    return _with_root(call, call.solve(full_output=True), call.arguments["full_output"])


def _newton(call: _Call) -> Any:
    full_output = call.arguments["full_output"]
    found = call.solve(full_output=True)
    if len(found) == 2:
        return _with_root(call, found, full_output)
    x = elementwise_root(call.at, found.root, found.converged)
    return found._replace(root=x) if full_output else x


def _root_scalar(call: _Call) -> Any:
    info = call.solve()
    x = info.root
    info.root = elementwise_root(call.at, x) if info.converged else call.unconverged(x)
    return info


def _find_root(call: _Call) -> Any:
    found = call.solve()
    x = found.x
    found.x = elementwise_root(call.at, x, found.success)
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
    _twin(_original, _bracketed, _BRACKETED_SAMPLES)
_twin(
    optimize.newton,
    _newton,
    [
        (_cubic, 1, _cubic_slope, (1.3, 4.0)),
        (_cubic, 1, None, (0.4, 0.7)),
        (_cubic, np.array([1, 2]), _cubic_slope, (np.array([1.3, 0.4]), np.array([4.0, 0.7]))),
    ],
)
_twin(optimize.root_scalar, _root_scalar, [(_cubic, (1.3, 4.0), "brentq", (0, 3))])

_elementwise: Any = None
try:
    from scipy.optimize import elementwise as _elementwise  # since scipy 1.15
except ImportError:
    _elementwise = None
if _elementwise is not None:
    _twin(_elementwise.find_root, _find_root, _NO_SAMPLES)
    for _original in (_elementwise.bracket_root, _elementwise.bracket_minimum):
        locally_constant(_original)


# Systems of equations


def _fsolve(call: _Call) -> Any:
    full_output = call.arguments["full_output"]
    found = call.solve(full_output=True)
    x, info, status, message = found
    if status == 1:
        x = system_root(call.at, x)
    elif not full_output:
        x = call.unconverged(call.solve())  # warns or raises
    else:
        x = call.unconverged(x)
    return (x, info, status, message) if full_output else x


def _root(call: _Call) -> Any:
    found = call.solve()
    x = found.x
    found.x = system_root(call.at, x) if found.success else call.unconverged(x)
    return call.finished(found, call.at(x), "x")


def _fixed_point(call: _Call) -> Any:
    return system_root(lambda x: call.at(x) - x, call.solve())


def _nonlinear_solver(call: _Call) -> Any:
    return system_root(call.at, call.solve())


def _circle(x: Any, r: Any, s: Any) -> Any:
    return [x[0] ** 2 + x[1] ** 2 - r, x[0] * np.exp(x[1]) - s]


def _decaying(x: Any, a: Any) -> Any:
    return np.exp(-a * x)


_twin(optimize.fsolve, _fsolve, [(_circle, [1, 1], (2.3, 1.4)), (_cubic, 1, (1.3, 4.0))])
_twin(optimize.root, _root, _NO_SAMPLES)
_twin(
    optimize.fixed_point,
    _fixed_point,
    [(_decaying, 1, (0.8,)), (_decaying, np.array([1, 2]), (np.array([0.8, 1.3]),))],
)
for _original in (
    optimize.broyden1, optimize.broyden2, optimize.anderson, optimize.linearmixing,
    optimize.diagbroyden, optimize.excitingmixing, optimize.newton_krylov,
):  # fmt: skip
    _twin(_original, _nonlinear_solver, _NO_SAMPLES)


# Minima


def _minimum(call: _Call, x: Any, f: Any = None, bounds: Any = None) -> Any:
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


def _value_at(call: _Call, x: Any, value: Any) -> Any:
    """The function's value at the minimum."""
    return call.at(x) if has_bvar(x) or has_bvar(call.at(x)) else value


def _minimize_scalar(call: _Call) -> Any:
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


def _minimize(call: _Call) -> Any:
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


def _fmin(call: _Call) -> Any:
    """Of minimizers that return x, or x and the value there and more."""
    found = call.solve()
    if not call.arguments["full_output"]:
        return _minimum(call, found)
    x, value, *rest = found
    x = _minimum(call, x)
    return x, _value_at(call, x, value), *rest


def _fminbound(call: _Call) -> Any:
    found = call.solve(full_output=True)
    x, value, error, calls = found
    if error:
        x = call.unconverged(x)
    else:
        x = _minimum(call, x, bounds=(call.arguments["x1"], call.arguments["x2"]))
    return (x, _value_at(call, x, value), error, calls) if call.arguments["full_output"] else x


def _find_minimum(call: _Call) -> Any:
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

_twin(
    optimize.minimize_scalar,
    _minimize_scalar,
    [
        (_well, None, None, (0.7, 1.3)),
        (_well, None, (-2, 3), (0.7, 1.3), "bounded"),
    ],
)
_twin(optimize.minimize, _minimize, _NO_SAMPLES)
_twin(optimize.fminbound, _fminbound, [(_well, -2, 3, (0.7, 1.3), {"xtol": 1e-9})])
for _original in (optimize.brent, optimize.golden):
    _twin(_original, _fmin, [(_well, (0.7, 1.3))])
for _original in (optimize.fmin, optimize.fmin_powell):
    _twin(_original, _fmin, [(_bowl, [1, 0], (0.7, 1.3), _EXACT)])
for _original in (optimize.fmin_bfgs, optimize.fmin_cg):
    _twin(_original, _fmin, [(_bowl, [1, 0], _bowl_slope, (0.7, 1.3), {"gtol": 1e-9, "disp": 0})])
if _elementwise is not None:
    _twin(_elementwise.find_minimum, _find_minimum, _NO_SAMPLES)


# Least squares


def _half_square(residuals: Any) -> Any:
    return 0.5 * np.sum(residuals * residuals)


def _least_squares(call: _Call) -> Any:
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


def _residuals(call: _Call, x: Any) -> Any:
    return settled(call.function(x, *call.args, **call.kwargs))


def _covariance(call: _Call, residuals: Any, x: Any, value: Any, scaled: bool) -> Any:
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


def _leastsq(call: _Call) -> Any:
    full_output = call.arguments["full_output"]
    x, covariance, info, message, status = call.solve(full_output=True)
    if status not in (1, 2, 3, 4):
        covariance = call.refused(covariance, "the solver did not converge", call.at(x))
        x = call.unconverged(x)
    else:
        x = _minimum(call, x, lambda x: _half_square(_residuals(call, x)))
        if full_output:
            covariance = _covariance(call, lambda x: _residuals(call, x), x, covariance, False)
    return (x, covariance, info, message, status) if full_output else (x, status)


def _curve_fit(call: _Call) -> Any:
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
    return x, _covariance(call, residuals, x, covariance, scaled), *rest


def _decay(x: Any, a: Any, b: Any) -> Any:
    return a * np.exp(-b * x)


def _decay_slopes(x: Any, a: Any, b: Any) -> Any:
    return np.stack([np.exp(-b * x), -a * x * np.exp(-b * x)], axis=-1)


def _fit_samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    x = np.linspace(0.1, 3, 8)
    y = 2.3 * np.exp(-0.7 * x) + 0.002 * rng.normal(size=8)
    exact = {"jac": _decay_slopes}
    return [(_decay, x, y, [2, 1], exact), (_decay, x, y, None, 0.1 + 0.05 * x, exact)]


def _misfit(p: Any, x: Any, y: Any) -> Any:
    return _decay(x, *p) - y


def _misfit_samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    (_, x, y, start, _), _ = _fit_samples(rng)
    return [(_misfit, start, (x, y))]


_twin(optimize.curve_fit, _curve_fit, _fit_samples, wrt=("xdata", "ydata", "sigma"))
_twin(optimize.leastsq, _leastsq, _misfit_samples)
_twin(optimize.least_squares, _least_squares, _NO_SAMPLES)

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

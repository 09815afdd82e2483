"""What the rules of scipy do where no sample can show it: captured BVars, objects, refusals."""

import warnings

import numpy as np
import pytest
from scipy import integrate, interpolate, optimize, special, stats
from scipy.optimize import elementwise

from backprop_lift import backprop, grad_bp, twin_of
from backprop_lift.errors import NoGradientError
from backprop_lift.gradcheck import check_grad

NODES = np.array([0.0, 0.7, 1.1, 2.0, 2.6, 3.5, 4.1])
DATA = np.array([0.3, -0.4, 1.1, 0.9, 2.0, 1.2, 1.9])
POINTS = np.array([0.2, 1.5, 3.9])


def cubic(x, a):
    return x**3 + a * x - 4


def solved(solver, *given, **settings):
    return twin_of(solver)(*given, **settings)


# Solvers


@pytest.mark.parametrize(
    "root",
    [
        lambda a: solved(optimize.brentq, lambda x: cubic(x, a), 0, 3),
        lambda a: solved(optimize.brentq, cubic, 0, 3, a),
        lambda a: solved(optimize.brentq, cubic, 0, 3 * a, (a,), full_output=True)[1].root,
        lambda a: solved(optimize.newton, lambda x: cubic(x, a), 1.0),
        lambda a: solved(optimize.newton, lambda x: cubic(x, a), np.array([1.0, 2.0]))[1],
        lambda a: solved(optimize.root_scalar, cubic, (a,), bracket=(0, 3)).root,
        lambda a: solved(optimize.root, lambda x: [cubic(x[0], a), x[1] - x[0]], [1, 1]).x[1],
        lambda a: solved(elementwise.find_root, cubic, (0.0, 3.0), args=(a,)).x,
        lambda a: solved(optimize.broyden1, lambda x: cubic(x, a), np.ones(2), f_tol=1e-12)[0],
    ],
)
def test_root_differentiates_in_what_its_function_depends_on(root):
    x = optimize.brentq(cubic, 0, 3, 1.3)

    y, gradient = backprop(root, 1.3)

    assert y == pytest.approx(x)
    assert gradient == pytest.approx(-x / (3 * x * x + 1.3), rel=1e-6)


def test_root_can_be_differentiated_twice():
    def root(a):
        return solved(optimize.brentq, lambda x: cubic(x, a), 0, 3)

    assert check_grad(lambda a: grad_bp(root, a), 1.3)


def test_root_refuses_to_be_differentiated_when_the_solver_did_not_converge():
    def root(a):
        return solved(optimize.brentq, cubic, 0, 3, a, maxiter=2, disp=False)

    with pytest.raises(NoGradientError, match="did not converge"):
        grad_bp(root, 1.3)


def test_root_raises_as_the_original_does_when_the_solver_does_not_converge():
    with pytest.raises(RuntimeError, match="Failed to converge"):
        grad_bp(lambda a: solved(optimize.newton, lambda x: x * x + a, 1.0), 1.3)


@pytest.mark.parametrize(
    "minimum",
    [
        lambda f: solved(optimize.minimize_scalar, f).x,
        lambda f: solved(optimize.minimize_scalar, f, bounds=(-5, 5), method="bounded").x,
        lambda f: solved(elementwise.find_minimum, f, (-3.0, 0.0, 3.0)).x,
    ],
)
def test_minimum_is_a_root_of_the_gradient(minimum):
    gradient = grad_bp(lambda a: minimum(lambda x: np.exp(a * x) - x), 1.3)

    # exp(a x) = 1 / a at the minimum
    assert gradient == pytest.approx((np.log(1.3) - 1) / 1.3**2, rel=1e-4)


def test_minimum_of_several_variables_is_a_root_of_the_gradient():
    def minimum(a):
        found = solved(
            optimize.minimize,
            lambda x: (x[0] - a) ** 2 + (x[1] - a * x[0]) ** 2,
            [0.0, 0.0],
        )
        return found.x[1] + found.fun

    assert grad_bp(minimum, 1.3) == pytest.approx(2 * 1.3, rel=1e-4)


@pytest.mark.parametrize(
    "minimum",
    [
        lambda a: solved(optimize.minimize_scalar, lambda x: abs(x - a)).x,
        lambda a: (
            solved(
                optimize.minimize_scalar, lambda x: (x - a) ** 2, bounds=(-1, 1), method="bounded"
            ).x
        ),
        lambda a: (
            solved(
                optimize.minimize,
                lambda x: np.sum((x - a) ** 2),
                [0.0, 0.0],
                bounds=[(0, 1), (0, 5)],
            ).x
        ),
        lambda a: (
            solved(
                optimize.minimize,
                lambda x: np.sum((x - a) ** 2),
                [0.0, 0.0],
                constraints={"type": "eq", "fun": lambda x: x[0] - 1},
            ).x
        ),
    ],
)
def test_minimum_refuses_to_be_differentiated_where_it_is_not_stationary(minimum):
    with pytest.raises(NoGradientError):
        grad_bp(lambda a: np.sum(minimum(a)), 1.3)


def test_result_object_refuses_parts_that_nobody_has_differentiated():
    with pytest.raises(NoGradientError, match="only x and fun"):
        grad_bp(
            lambda a: np.sum(solved(optimize.minimize, lambda x: np.sum((x - a) ** 2), [0.0]).jac),
            1.3,
        )


def test_fit_differentiates_in_its_data():
    x = np.linspace(0.0, 2.0, 9)
    y = 1.3 * np.exp(0.4 * x) + 0.01 * np.cos(9 * x)

    def growth(y):
        popt, pcov = solved(optimize.curve_fit, lambda x, a, b: a * np.exp(b * x), x, y, [1.0, 0.1])
        return popt[1] + 100 * pcov[0, 1]

    step = 1e-4 * np.sin(np.arange(9.0))
    with warnings.catch_warnings(action="ignore"):
        expected = (growth(y + step) - growth(y - step)) / 2

    assert grad_bp(growth, y) @ step == pytest.approx(expected, rel=1e-3)


# Integrals


@pytest.mark.parametrize(
    ("integral", "expected"),
    [
        (lambda a: solved(integrate.quad, lambda x: x * a, 0, 1)[0], 0.5),
        (lambda a: solved(integrate.quad, lambda x: x, a, 2 * a)[0], 3 * 0.7),
        (lambda a: solved(integrate.quad, lambda x: x, 2 * a, a)[0], -3 * 0.7),
        (lambda a: solved(integrate.quad, lambda x: np.exp(-a * x), 0, np.inf)[0], -1 / 0.49),
        (lambda a: solved(integrate.quad, lambda x: np.exp(x), -np.inf, a)[0], np.exp(0.7)),
        (lambda a: solved(integrate.quad, lambda x: x ** (a - 1), 0, 1)[0], -1 / 0.49),
        (lambda a: solved(integrate.dblquad, lambda y, x: a * y, 0, a, 0, 1)[0], 0.7),
    ],
)
def test_integral_differentiates_in_limits_and_captured_values(integral, expected):
    assert grad_bp(integral, 0.7) == pytest.approx(expected, rel=1e-6)


def test_integral_can_be_differentiated_twice():
    def integral(a):
        return solved(integrate.quad, lambda x: np.exp(-a * x) * x, a, a * a + 3)[0]

    assert check_grad(lambda a: grad_bp(integral, a), 0.7)


@pytest.mark.parametrize("method", ["RK23", "RK45", "DOP853"])
def test_solution_of_an_initial_value_problem_is_that_of_the_sensitivity(method):
    def end(a):
        found = solved(
            integrate.solve_ivp, lambda t, y: [-a * y[0]], (0, 2), [1.5], method,
            t_eval=[1.0, 2.0], rtol=1e-8, atol=1e-10,
        )  # fmt: skip
        return found.y[0, 1]

    assert grad_bp(end, 0.7) == pytest.approx(-2 * 1.5 * np.exp(-1.4), rel=1e-5)


def _slope(t, y):
    return -1.3 * y * np.cos(t) + 0.1 * t


PRECISE = {"rtol": 1e-11, "atol": 1e-12}
BETWEEN_TIMES = {
    "odeint": lambda start, end: solved(
        integrate.odeint, _slope, [1.5], np.linspace(start, end, 4), tfirst=True, **PRECISE
    ),
    "odeint at many times": lambda start, end: solved(
        integrate.odeint, _slope, [1.5], np.linspace(start, end, 300), tfirst=True, **PRECISE
    ),
    "span": lambda start, end: solved(
        integrate.solve_ivp, _slope, (start, end), [1.5], "RK45", **PRECISE
    ).y[0, -1],
    "backwards": lambda start, end: solved(
        integrate.solve_ivp, _slope, (end, start), [1.5], "RK45", **PRECISE
    ).y[0, -1],
    "wanted times": lambda start, end: solved(
        integrate.solve_ivp, _slope, (start, 2.0), [1.5], "DOP853", t_eval=[end, 1.5 * end],
        **PRECISE,
    ).y,
}  # fmt: skip


@pytest.mark.parametrize("state", BETWEEN_TIMES.values(), ids=BETWEEN_TIMES)
def test_solution_of_an_initial_value_problem_differentiates_in_its_times(state):
    def total(start, end):
        return np.sum(state(start, end))

    gradient, eps = grad_bp(total, 0.2, 0.9), 1e-5
    second = grad_bp(lambda end: grad_bp(lambda t: total(0.2, t), end), 0.9)

    assert gradient[0] == pytest.approx(
        (total(0.2 + eps, 0.9) - total(0.2 - eps, 0.9)) / (2 * eps), rel=1e-6
    )
    assert gradient[1] == pytest.approx(
        (total(0.2, 0.9 + eps) - total(0.2, 0.9 - eps)) / (2 * eps), rel=1e-6
    )
    slopes = [grad_bp(lambda t: total(0.2, t), 0.9 + sign * eps) for sign in (1, -1)]
    assert second == pytest.approx((slopes[0] - slopes[1]) / (2 * eps), rel=1e-6)


def test_implicit_solver_is_refused():
    with pytest.raises(NoGradientError, match="explicit"):
        grad_bp(
            lambda a: solved(integrate.solve_ivp, lambda t, y: -a * y, (0, 1), [1.0], "BDF").y[
                0, -1
            ],
            0.7,
        )


# Interpolants of data that are BVars

MAKERS = {
    "CubicSpline": lambda y: solved(interpolate.CubicSpline, NODES, y),
    "natural": lambda y: solved(interpolate.CubicSpline, NODES, y, bc_type="natural"),
    "PchipInterpolator": lambda y: solved(interpolate.PchipInterpolator, NODES, y),
    "hermite": lambda y: solved(interpolate.CubicHermiteSpline, NODES, y, y * y),
    "make_interp_spline": lambda y: solved(interpolate.make_interp_spline, NODES, y, 2),
    "interp1d": lambda y: solved(interpolate.interp1d, NODES, y),
    "interp1d cubic": lambda y: solved(interpolate.interp1d, NODES, y, "cubic"),
    "InterpolatedUnivariateSpline": lambda y: solved(
        interpolate.InterpolatedUnivariateSpline, NODES, y
    ),
    "KroghInterpolator": lambda y: solved(interpolate.KroghInterpolator, NODES, y),
    "BarycentricInterpolator": lambda y: solved(interpolate.BarycentricInterpolator, NODES, y),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_interpolant_differentiates_in_its_data_and_its_points(make):
    assert check_grad(lambda y, x: make(y)(x), DATA, POINTS)


@pytest.mark.parametrize("name", ["CubicSpline", "PchipInterpolator", "make_interp_spline"])
def test_interpolant_of_bvars_has_derivatives_and_antiderivatives(name):
    make = MAKERS[name]

    assert check_grad(lambda y, x: make(y).derivative()(x), DATA, POINTS)
    assert check_grad(lambda y, x: make(y).antiderivative()(x), DATA, POINTS)


def test_interpolant_of_bvars_is_an_instance_of_its_class():
    def is_instance(y):
        assert isinstance(MAKERS["CubicSpline"](y), interpolate.CubicSpline)
        return y[0]

    assert grad_bp(is_instance, DATA)[0] == 1.0


@pytest.mark.parametrize("use", [lambda f: f.c, lambda f: f.roots(), lambda f: f.integrate(0, 1)])
def test_interpolant_of_bvars_refuses_what_has_no_gradient(use):
    with pytest.raises(NoGradientError):
        grad_bp(lambda y: np.sum(use(MAKERS["CubicSpline"](y))), DATA)


def test_interpolant_of_plain_data_takes_bvars():
    f = solved(interpolate.CubicSpline, NODES, DATA)

    assert check_grad(lambda x: f(x), POINTS)
    assert np.array_equal(f(POINTS), interpolate.CubicSpline(NODES, DATA)(POINTS))


def test_interpolants_on_grids_differentiate_in_their_data():
    z = np.outer(DATA, NODES[:5] + 0.3)
    at = np.array([[0.2, 1.5], [3.9, 0.3]])

    assert check_grad(
        lambda z: solved(interpolate.RegularGridInterpolator, (NODES, NODES[:5]), z)(at), z
    )
    assert check_grad(
        lambda z: solved(interpolate.RectBivariateSpline, NODES, NODES[:5], z).ev(*at.T), z
    )


def test_knots_are_refused():
    tck = interpolate.splrep(NODES, DATA)

    with pytest.raises(NoGradientError, match="knots"):
        grad_bp(lambda t: solved(interpolate.splev, 1.3, (t, tck[1], tck[2])), tck[0])


# Distributions


@pytest.mark.parametrize(
    ("dist", "shapes"),
    [
        (stats.norm, ()), (stats.expon, ()), (stats.uniform, ()), (stats.gamma, (2.3,)),
        (stats.beta, (2.1, 1.4)), (stats.t, (3.4,)), (stats.chi2, (3.4,)), (stats.f, (3.4, 5.2)),
        (stats.lognorm, (0.7,)), (stats.weibull_min, (1.6,)), (stats.gumbel_r, ()),
        (stats.logistic, ()), (stats.laplace, ()), (stats.cauchy, ()), (stats.pareto, (2.6,)),
        (stats.rayleigh, ()), (stats.genextreme, (-0.1,)), (stats.genextreme, (0.0,)),
        (stats.genpareto, (0.1,)), (stats.pearson3, (-0.5,)), (stats.skewnorm, (1.3,)),
        (stats.truncnorm, (-0.4, 1.9)), (stats.triang, (0.3,)), (stats.invgamma, (3.1,)),
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["logpdf", "cdf", "logsf", "ppf"])
def test_method_of_a_distribution_differentiates_in_its_parameters(dist, shapes, name):
    method = twin_of(getattr(stats.rv_continuous, name))
    q = np.array([0.2, 0.6, 0.85])
    x = q if name == "ppf" else 0.2 + 1.3 * dist.ppf(q, *shapes)

    assert check_grad(lambda *given: method(dist, *given), x, *shapes, 0.2, 1.3)


def test_frozen_distribution_holds_bvars():
    cdf = twin_of(stats.distributions.rv_frozen.cdf)

    assert check_grad(lambda a: cdf(stats.gamma(a, scale=a * a), 0.7), 1.3)


def test_density_is_flat_outside_of_the_support():
    pdf = twin_of(stats.rv_continuous.pdf)

    gradient = grad_bp(lambda x: pdf(stats.beta, x, 2.0, 3.0), np.array([-0.5, 0.3, 1.5]))

    assert gradient[0] == gradient[2] == 0.0
    assert gradient[1] != 0.0


def test_count_of_a_discrete_distribution_is_refused():
    with pytest.raises(NoGradientError, match="count"):
        grad_bp(lambda n: twin_of(stats.rv_discrete.pmf)(stats.binom, 2, n, 0.4), 5.0)


# Special functions at points where a formula would cancel or divide by zero


@pytest.mark.parametrize(
    ("f", "given", "expected"),
    [
        (special.erfcx, (1e4,), -5.641895750849127e-09),
        (special.dawsn, (150.0,), -2.2223703868338367e-05),
        (special.log_ndtr, (-1e6,), 1e6),
        (special.rgamma, (-3.0,), -6.0),
        (special.spence, (1.0,), -1.0),
        (special.exprel, (0.0,), 0.5),
        (special.j1, (0.0,), 0.5),
        (special.ellipk, (0.0,), np.pi / 8),
        (special.ellipe, (0.0,), -np.pi / 8),
        (special.ellipkm1, (1e-10,), -4999999997.150195),
        (special.factorial, (-1.5,), 0.0),
    ],
)
def test_special_function_has_the_right_slope_at_the_edge(f, given, expected):
    assert grad_bp(f, *given) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("f", "given", "expected"),
    [
        (special.xlogy, (0.0, 0.0), (0.0, 0.0)),
        (special.kl_div, (0.0, 1.0), (-np.inf, 1.0)),
        (special.boxcox, (2.0, 0.0), (0.5, np.log(2) ** 2 / 2)),
        (special.boxcox, (0.0, 0.5), (np.inf, 4.0)),
        (special.pseudo_huber, (0.0, 2.0), (2.0, 0.0)),
        (special.agm, (2.0, 2.0), (0.5, 0.5)),
        (special.ellipkinc, (np.pi / 2, 0.3), (1 / np.sqrt(0.7), 0.5848582159226464)),
        (special.gammainc, (2.0, 0.0), (0.0, 0.0)),
        (special.stdtr, (3.0, 2.0), (0.015255481525655007, 0.06750966066389294)),
    ],
)
def test_special_function_of_two_arguments_has_the_right_slopes_at_the_edge(f, given, expected):
    assert grad_bp(f, *given) == pytest.approx(expected, rel=1e-9)


# What solvers tell beside their solution


T = np.linspace(0.1, 3.0, 8)


def decay(t, a, b):
    return a * np.exp(-b * t)


def misfit(p, y):
    return y - decay(T, *p)


def valley(p, a):
    return (p[0] - a) ** 2 + (p[1] - 0.3 * p[0]) ** 4 + p[1] ** 2


def line(p, a):
    return [p[0] + 0.5 * p[1] - a, p[0] ** 3 - p[1] - 0.3]


MEASURED = decay(T, 2.1, 1.3) + 0.001 * np.sin(9 * T)


@pytest.mark.parametrize(
    "residuals",
    [
        lambda y: solved(optimize.leastsq, misfit, [2.0, 1.0], (y,), full_output=True)[2]["fvec"],
        lambda y: solved(optimize.curve_fit, decay, T, y, [2.0, 1.0], full_output=True)[2]["fvec"],
    ],
)
def test_fit_differentiates_the_residuals_that_it_tells_of(residuals):
    assert check_grad(residuals, MEASURED).right


@pytest.mark.parametrize(
    ("told", "given"),
    [
        (lambda y: solved(optimize.leastsq, misfit, [2.0, 1.0], (y,), full_output=True)[2]["qtf"],
         MEASURED),
        (lambda y: solved(optimize.curve_fit, decay, T, y, [2.0, 1], full_output=True)[2]["fjac"],
         MEASURED),
        (lambda a: solved(optimize.fsolve, line, [1.0, 1], (a,), full_output=True)[1]["fjac"], 1.1),
        (lambda a: solved(optimize.fmin_bfgs, valley, [1.0, 1.0], None, (a,), full_output=True,
                          disp=False)[3], 1.1),
    ],
)  # fmt: skip
def test_solver_refuses_what_depends_on_its_steps(told, given):
    with pytest.raises(NoGradientError, match=r"depends on the solver|can be differentiated"):
        grad_bp(told, given)


# Splines beyond their ends


@pytest.mark.parametrize("der", [0, 1, 2])
@pytest.mark.parametrize("ext", [0, 1, 3])
def test_splev_differentiates_as_it_continues_beyond_the_ends(der, ext):
    tck = interpolate.splrep(NODES, DATA)

    report = check_grad(interpolate.splev, np.array([-0.5, 1.5, 4.9]), tck, der, ext)

    assert report.right


# Moments of arrays of distributions


@pytest.mark.parametrize("name", ["mean", "var", "std", "entropy"])
def test_moment_has_an_element_for_each_location(name):
    moment = twin_of(getattr(stats.rv_continuous, name))
    where = np.array([0.3, 0.4, 0.5])

    y, _ = backprop(lambda scale: moment(stats.norm, where, scale), 1.2)

    assert np.allclose(y, getattr(stats.norm, name)(where, 1.2))
    assert np.shape(y) == (3,)


# Scaled functions off the real axis


def test_scaled_airy_functions_differentiate_on_either_side_of_their_scale():
    z = np.array([1.3 + 0.5j, -1.0 + 2.0j, 2.0 - 1.0j, -1.0 - 0.5j])

    assert check_grad(special.airye, z).right


def test_simpsons_rule_is_refused_where_points_are_the_same():
    integral = twin_of(integrate.simpson)
    x = np.array([0.0, 0.0, 9.0])

    with pytest.raises(NoGradientError, match="two points of x are the same"):
        grad_bp(lambda y: integral(y, x=x), np.ones(3))

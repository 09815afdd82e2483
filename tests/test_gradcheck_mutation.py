"""The checker checked: right rules raise no alarm, rules broken on purpose are caught."""

import collections
import dataclasses
import itertools
import math

import numpy as np
import pytest
import scipy.special

from backprop_lift import Registry, lifted, registry
from backprop_lift.gradcheck import Sample, check, check_mutants
from backprop_lift.gradcheck.mutants import SHOWN_AS, mutants
from backprop_lift.gradcheck.rule_sources import broken_functions
from backprop_lift.gradcheck.variants import variants

mine = Registry()


def rule(**options):
    return lifted(into=mine, **options)


@dataclasses.dataclass
class Layer:
    w: np.ndarray
    b: float


# Rules of all kinds: scalars, arrays, records, several results, options, complex numbers.


@rule(derivative=lambda x, result: 2 * x * result, samples=[(0.7,), (-1.2,)])
def bell(x):
    return np.exp(x**2)


@rule(
    derivative={"t": lambda p: 1 / p, "p": lambda t, p: -t / p**2},
    samples=[(300.0, 1e5), (np.array([250.0, 270.0]), 9e4)],
)
def ratio(t, p):
    return t / p


@rule(
    grad=lambda dzdy, u, v: (dzdy * v, dzdy * u),
    samples=[(2.0, 5.0), (np.array([1.0, 2.0]), 3.0)],
)
def product(u, v):
    return u * v


@rule(
    grad={
        "q": lambda dzdy, q, rho: dzdy * (3 * q**2 / rho + np.sin(q)),
        "rho": lambda dzdy, q, rho: -dzdy * q**3 / rho**2,
    },
    samples=[(1.3, 2.7), (0.4, 0.9)],
)
def drag(q, rho):
    return q**3 / rho - np.cos(q)


@rule(
    grad=lambda dzdy, x, ddof: 2 * dzdy * (x - np.mean(x)) / (np.size(x) - ddof),
    samples=lambda rng: [(rng.normal(size=5),), (rng.normal(size=5), 1)],
)
def spread(x, ddof=0):
    return np.sum((x - np.mean(x)) ** 2) / (np.size(x) - ddof)


@rule(
    grad=lambda dzdy, result: result * (dzdy - np.sum(dzdy * result)),
    samples=lambda rng: [(rng.normal(size=4),)],
)
def softmax(x):
    return np.exp(x) / np.sum(np.exp(x))


@rule(
    grad=lambda dzdy, a, b: (dzdy @ np.conj(b).T, np.conj(a).T @ dzdy),
    complex=True,
    samples=lambda rng: [
        (rng.normal(size=(3, 3)), rng.normal(size=(3, 3))),
        (rng.normal(size=(2, 3)) + 1j * rng.normal(size=(2, 3)), rng.normal(size=(3, 2)) + 0j),
        (rng.normal(size=(2, 2)) + 1j * rng.normal(size=(2, 2)), 1j * rng.normal(size=(2, 2))),
    ],
)
def multiplied(a, b):
    return a @ b


@rule(
    grad=lambda dzdy, z: np.conj(2 * z) * dzdy,
    complex=True,
    samples=[(1 + 2j,), (np.array([0.5 - 1j, 2 + 0.3j]),)],
)
def squared(z):
    return z * z


@rule(
    grad=lambda dzdy, z, result: dzdy * z / result,
    complex=True,
    samples=[(1 + 2j,), (np.array([0.5 - 1j, 2 + 0.3j]),)],
)
def modulus(z):
    return np.abs(z)


@rule(
    grad=lambda dzdy, x, axis: np.expand_dims(dzdy, axis) * 2 * x,
    samples=lambda rng: [(rng.normal(size=(3, 3)),), (rng.normal(size=(3, 3)), 1)],
)
def lengths(x, axis=0):
    return np.sum(x**2, axis)


@rule(
    grad=lambda dzdy, x, y: (dzdy[0] + dzdy[1] * y, dzdy[1] * x - dzdy[0]),
    samples=[(2.0, 5.0), (0.3, -0.7)],
)
def both(x, y):
    return x - y, x * y


@rule(
    grad=lambda dzdy, p: {"a": dzdy * p["b"] ** 2, "b": 2 * dzdy * p["a"] * p["b"]},
    samples=[({"a": 2.0, "b": 3.0},)],
)
def of_dict(p):
    return p["a"] * p["b"] ** 2


@rule(
    grad=lambda dzdy, layer, x: (Layer(np.outer(dzdy, x), np.sum(dzdy)), layer.w.T @ dzdy),
    samples=lambda rng: [(Layer(rng.normal(size=(3, 3)), 0.5), rng.normal(size=3))],
)
def affine(layer, x):
    return layer.w @ x + layer.b


@rule(
    op=lambda x, y: (np.sin(x) * y, lambda dzdy: (dzdy * np.cos(x) * y, dzdy * np.sin(x))),
    samples=[(0.4, 1.7)],
)
def wave(x, y):
    return np.sin(x) * y


@rule(
    grad=lambda dzdy, xs: [dzdy * w for w in (1.0, 2.0, 3.0)],
    samples=[([0.3, 0.4, 0.5],)],
)
def weighted(xs):
    return xs[0] + 2 * xs[1] + 3 * xs[2]


@rule(derivative=lambda x: np.where(x > 0, 1.0, 0.1), samples=[(2.0,), (-1.0,), (0.0,)])
def leaky(x):
    return np.where(x > 0, x, 0.1 * x)[()]


@rule(derivative=lambda x: 1.5 * np.sqrt(x), samples=[(2.0,), (0.0,)])
def half_power(x):
    return np.sqrt(x) ** 3


NAMES = [
    "sin",
    "cos",
    "tan",
    "arcsin",
    "arctan",
    "sinh",
    "tanh",
    "exp",
    "expm1",
    "log",
    "log1p",
    "log2",
    "sqrt",
    "cbrt",
    "square",
    "reciprocal",
    "negative",
    "absolute",
    "add",
    "subtract",
    "multiply",
    "divide",
    "power",
    "hypot",
    "arctan2",
    "maximum",
    "minimum",
    "logaddexp",
    "sum",
    "mean",
    "std",
    "var",
    "prod",
    "cumsum",
    "max",
    "min",
    "sort",
    "clip",
    "where",
    "dot",
    "matmul",
    "outer",
    "inner",
    "kron",
    "cross",
    "trace",
    "einsum",
    "tensordot",
    "transpose",
    "reshape",
    "concatenate",
    "stack",
    "roll",
    "flip",
    "diff",
    "interp",
    "convolve",
    "linalg.inv",
    "linalg.solve",
    "linalg.det",
    "linalg.norm",
    "linalg.cholesky",
    "linalg.svd",
    "linalg.eigh",
    "linalg.qr",
    "linalg.slogdet",
    "linalg.pinv",
    "fft.fft",
    "fft.rfft",
    "nansum",
    "take",
    "diag",
    "tril",
]

OF_THE_LIBRARY = [
    entry
    for entry in (registry.find(f) for f in (_f for _f in (
        getattr(np.linalg if "linalg." in name else np.fft if "fft." in name else np,
                name.rpartition(".")[2]) for name in NAMES)))
    if entry is not None and entry.samples is not None
] + [registry[f] for f in (scipy.special.erf, scipy.special.gammaln, scipy.special.expit)]  # fmt: skip

RULES = [*mine, *OF_THE_LIBRARY]


def test_rules_of_many_kinds_are_at_hand():
    assert len(RULES) >= 80


@pytest.mark.parametrize("entry", mine, ids=lambda entry: entry.original.__name__)
def test_right_rule_raises_no_alarm_in_20_seeds(entry):
    reports = [check(entry.original, entry=entry, seed=seed) for seed in range(20)]

    assert all(report.right for report in reports), str(min(reports, key=lambda r: r.right))


@pytest.mark.parametrize("entry", OF_THE_LIBRARY, ids=lambda entry: entry.name)
def test_rule_of_the_library_raises_no_alarm_in_3_seeds(entry):
    reports = [check(entry.original, entry=entry, seed=seed) for seed in range(3)]

    assert all(report.right for report in reports), str(min(reports, key=lambda r: r.right))


# What survives gives the same gradient: a conjugate left out where all is real, for one.
@pytest.mark.parametrize("entry", [*mine, *OF_THE_LIBRARY[::4]], ids=lambda entry: entry.name)
def test_no_mutant_with_another_gradient_is_found_right(entry):
    report = check_mutants(entry.original, entry=entry, prove=False)

    assert report.caught or not list(mutants(entry))
    assert not report.missed, str(report)


@pytest.mark.parametrize("entry", mine, ids=lambda entry: entry.original.__name__)
def test_every_mutant_of_a_rule_with_good_samples_is_caught_or_proved_to_be_none(entry):
    report = check_mutants(entry.original, entry=entry)

    assert not report.unreached, str(report)
    # Without numbers that are cotangents of matrices, a transpose changes nothing in the samples.
    weak = [m for m, _ in report.weak if m.operator not in ("transposed", "reversed", "conjugated")]
    assert not weak, str(report)


def test_diagnosis_names_the_mistake_for_four_of_five_mutants():
    right, wrong = collections.Counter(), collections.Counter()

    for entry in mine:
        found = check_mutants(entry.original, entry=entry, diagnose=True, prove=False)
        for mutant, report in found.caught:
            kinds = {finding.kind for finding in report.findings}
            if report.verdict == "wrong" and not report.refusals:
                (right if kinds & SHOWN_AS[mutant.operator] else wrong)[mutant.operator] += 1

    assert right.total() >= 0.8 * (right.total() + wrong.total()), (right, wrong)


def test_mutants_of_a_dict_of_rules_name_the_argument():
    found = {(mutant.operator, mutant.argument) for mutant in mutants(mine[drag])}

    assert {("zero", "q"), ("zero", "rho"), ("term dropped", "q")} <= found


def test_mutants_leave_the_entry_itself_alone():
    before = mine[drag].rule.options["grad"]["q"]

    for mutant in mutants(mine[drag]):
        check(drag, entry=mutant.entry)

    assert mine[drag].rule.options["grad"]["q"] is before
    assert check(drag, entry=mine[drag]).right


def alone(f, **options):
    """Check the mutants of a function in a registry of its own."""
    own = Registry(parent=registry)
    lifted(f, into=own, **options)
    return check_mutants(f, entry=own[f])


def operators(found):
    return {mutant.operator for mutant, _ in found}


def test_mutants_of_a_composite_spoil_what_its_arguments_get():
    def body(x, y):
        return x * x + y

    report = alone(body, samples=[(np.array([1.0, 2.0, 4.0]), 3.0)])

    assert {"zero", "negated", "doubled", "reversed"} <= operators(report.caught)
    assert {mutant.argument for mutant, _ in report.caught} == {"x", "y"}
    assert not report.missed


def test_mutants_of_a_twin_by_hand_spoil_what_its_arguments_get():
    def body(x):
        return x * x

    report = alone(body, twin=lambda x: x**2, samples=[(1.5,)])

    assert {"zero", "negated", "doubled", "off by a thousandth"} == operators(report.caught)


def test_mutation_reports_a_mistake_that_no_sample_tells_with_a_call_that_would():
    def weak(x, ddof=0):
        return x**2 * (1 - ddof / 2)

    rule = lambda dzdy, x, ddof: dzdy * x * (2 - ddof)
    report = alone(weak, grad=rule, samples=[(1.5,)])

    would = {mutant.operator: sample for mutant, sample in report.weak}
    assert would["option ignored"].settings == {"ddof": 1}
    assert "no sample tells: option ignored, x, ddof; a call like" in str(report)


def test_mutation_reports_a_branch_that_no_call_reaches():
    def branching(x, far=None):
        return np.sin(x) if far is None else np.sin(x) + far

    def slope(x, far):
        return np.cos(x) if far is None else np.cos(x) * 2.0

    report = alone(branching, derivative=slope, wrt="x", samples=[(1.5,)])

    assert [mutant.operator for mutant, _ in report.unreached] == [
        "factor dropped", "factor dropped", "option ignored",
    ]  # fmt: skip
    assert "uses what is gone" in report.unreached[0][1]
    assert report.unreached[2][1] == "no call gives far"


def test_mutation_proves_that_a_factor_of_one_is_no_mistake():
    def sine(x):
        return np.sin(x)

    report = alone(sine, derivative=lambda x: 1.0 * np.cos(x), samples=[(1.5,)])

    proofs = {mutant.text: proof for mutant, proof in report.equivalent}
    assert proofs["1.0"].startswith("the same to 1e-16 in ")
    assert not report.unreached


def _half_angle_grad(dzdy, x):
    return dzdy * np.cos(x) if x < 30 * 0.1 else dzdy * (1 - 2 * np.sin(x / 2) ** 2)


def test_mutation_proves_that_what_chooses_between_equal_formulas_is_no_mistake():
    own = Registry()

    def sine(x):
        return np.sin(x)

    lifted(grad=_half_angle_grad, samples=[(0.7,), (5.1,)], into=own)(sine)

    report = check_mutants(sine, entry=own[sine])
    proofs = {mutant.text: proof for mutant, proof in report.equivalent}

    assert "calls that evaluate it" in proofs["30"]
    assert not report.missed


def test_mutation_proves_that_what_is_zero_cannot_be_wrong():
    report = alone(
        lambda x, y: x * 3.0,
        grad={"x": lambda dzdy: 3.0 * dzdy, "y": lambda dzdy: 0.0 * dzdy},
        samples=[(1.5, 2.0)],
    )

    proofs = {mutant.operator: why for mutant, why in report.equivalent if mutant.argument == "y"}
    assert proofs["negated"].startswith("the cotangent is zero, wherever there is one (")


def test_mutation_proves_that_another_slope_at_a_kink_is_no_mistake():
    def size(x):
        return np.abs(x)

    def slope(x):
        return np.sign(x) + 0.25 * np.equal(x, 0)

    report = alone(size, derivative=slope, samples=[(np.array([1.5, 0.0, -0.5]),)])

    proofs = {mutant.text: proof for mutant, proof in report.equivalent}
    assert proofs["0.25"].startswith("another slope between those of both sides, at the kinks of ")
    assert "np.sign(x)" not in proofs
    assert not report.missed


def test_mutation_tells_a_conjugate_by_complex_numbers_that_no_sample_has():
    def square(z):
        return z * z

    report = alone(square, derivative=lambda z: 2 * z, samples=[(1.5,)])

    (mutant, sample), *_ = report.weak
    assert mutant.operator == "conjugated"
    assert isinstance(sample.args[0], complex)


def test_mutation_finds_no_conjugate_where_complex_numbers_are_refused():
    def root(x):
        return math.sqrt(x)

    report = alone(root, derivative=lambda result: 0.5 / result, samples=[(1.5,)])

    proofs = {mutant.operator: proof for mutant, proof in report.equivalent}
    assert proofs["conjugated"].startswith("the cotangent is real: complex numbers are refused")


def test_variants_keep_to_the_structure_of_a_call():
    sample = Sample((np.array([1.0, 2.0]), 3.0), {"scale": 2.0}, "an example")
    rng = np.random.default_rng(0)

    made = list(variants(lambda x, y, *, scale=1.0, flag=False: x, sample, {}, rng))

    assert all(len(variant.args) == 2 for variant in made)
    assert {"flag": True, "scale": 2.0} in [variant.settings for variant in made]
    assert any(np.ndim(variant.args[0]) == 2 for variant in made)
    assert any(np.iscomplexobj(variant.args[0]) for variant in made)
    assert sample.args[0].tolist() == [1.0, 2.0]


def made(function, *args):
    return {
        (operator, text): broken(*args) for operator, text, broken in broken_functions(function)
    }


def test_broken_functions_leave_out_one_thing_each():
    scale = 3.0

    def function(x, y):
        return -(x + scale) * y

    assert made(function, 2.0, 5.0) == {
        ("factor dropped", "y"): -5.0,
        ("factor dropped", "-(x + scale)"): 5.0,
        ("sign dropped", "-(x + scale)"): 25.0,
        ("term dropped", "scale"): -10.0,
        ("term dropped", "x"): -15.0,
    }


def test_broken_functions_find_the_lambda_among_several_on_a_line():
    first, second = (lambda x: x + 1), (lambda x: x + 2)

    assert made(first, 10)[("term dropped", "x")] == 1
    assert made(second, 10)[("term dropped", "x")] == 2


def test_broken_functions_are_none_without_source():
    scope = {}
    exec("def f(x): return x + 1", scope)  # noqa: S102 - source that no file holds

    assert list(itertools.islice(broken_functions(scope["f"]), 1)) == []

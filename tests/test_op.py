"""Ops: running, algebra, lifting, and functions on BVars as one node."""

import math
import operator
import pickle
import tracemalloc
from fractions import Fraction

import numpy as np
import pytest

from backprop_lift import (
    ZERO,
    Op,
    backprop,
    bp_op,
    collect_var,
    compose_op,
    const_var,
    eval_bp,
    grad_bp,
    id_op,
    lift_op,
    lifted,
    no_grad,
    op_coerce,
    op_const,
    op_iso,
    op_lens,
    op_tup,
    registry,
    set_var,
    twin_of,
)
from backprop_lift.errors import (
    CotangentError,
    IsoError,
    NoGradientError,
    RuleError,
    TapeError,
    UnhandledParameterError,
)

SQUARE = Op(lambda x: (x**2, lambda dzdy: dzdy * 2 * x), name="square")
MUL = Op(lambda u, v: (u * v, lambda dzdy: (dzdy * v, u * dzdy)), name="mul")
SINE = Op(lambda x: (math.sin(x), lambda dzdy: dzdy * math.cos(x)), name="sine")


# Running


def test_op_runs_to_its_result_and_scaled_gradient():
    y, scaled_grad = MUL.run(2.0, 3.0)

    assert y == 6.0
    assert scaled_grad(1.0) == (3.0, 2.0)
    assert scaled_grad(10.0) == (30.0, 20.0)


def test_op_evaluates_and_takes_gradients():
    assert SQUARE.eval(3.0) == 9.0
    assert SQUARE.grad(3.0) == 6.0
    assert SQUARE.grad_with(10.0, 3.0) == 60.0


def test_op_of_one_argument_may_wrap_its_cotangent():
    wrapped = Op(lambda x: (2 * x, lambda dzdy: (2 * dzdy,)))

    assert wrapped.grad(3.0) == 2.0


def test_op_of_a_tuple_returns_the_cotangent_of_the_tuple():
    head = Op(lambda pair: (pair[0], lambda dzdy: (dzdy,)))

    assert head.grad((5.0,)) == (1.0,)


def test_op_fits_cotangents_to_broadcast_arguments():
    dzdu, dzdv = MUL.grad(2.0, np.ones(3))

    assert dzdu == 3.0
    assert type(dzdu) is float
    assert dzdv.tolist() == [2.0, 2.0, 2.0]


def test_op_completes_symbolic_zeros():
    first = Op(lambda x, y: (x, lambda dzdy: (dzdy, ZERO)))

    assert first.grad(1.0, [2.0, 3.0]) == (1.0, [0.0, 0.0])


def test_op_passes_settings_by_name():
    scale = Op(lambda x, factor=2.0: (factor * x, lambda dzdy: factor * dzdy))

    assert scale.grad(1.0, factor=7.0) == 7.0


def test_op_without_a_pair_is_refused():
    with pytest.raises(CotangentError, match=r"The op .* did not return \(y, scaled_grad\)"):
        Op(lambda x: x).eval(1.0)


def test_op_with_too_few_cotangents_is_refused():
    with pytest.raises(CotangentError, match="did not return one cotangent for each") as caught:
        Op(lambda x, y: (x, lambda dzdy: (dzdy,))).grad(1.0, 2.0)

    assert caught.value.facts["expected"] == "2 cotangents"


def test_op_with_a_cotangent_of_another_shape_is_refused():
    with pytest.raises(CotangentError, match="square"):
        Op(lambda x: (x.sum(), lambda dzdy: np.ones(2)), name="square").grad(np.ones(3))


# Algebra


@pytest.mark.parametrize(
    "operation", [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]
)
def test_arithmetic_on_ops_is_arithmetic_on_results(operation):
    combined = operation(MUL, MUL)

    expected = grad_bp(lambda u, v: operation(u * v, u * v), 1.5, 2.5)

    assert combined.eval(1.5, 2.5) == operation(3.75, 3.75)
    assert combined.grad(1.5, 2.5) == pytest.approx(expected)


@pytest.mark.parametrize(
    "operation", [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]
)
def test_arithmetic_of_ops_and_constants_works_on_either_side(operation):
    assert operation(SQUARE, 3.0).grad(1.5) == pytest.approx(
        grad_bp(lambda x: operation(x**2, 3.0), 1.5)
    )
    assert operation(3.0, SQUARE).grad(1.5) == pytest.approx(
        grad_bp(lambda x: operation(3.0, x**2), 1.5)
    )


def test_arithmetic_of_an_array_and_an_op_is_one_op():
    scaled = np.array([1.0, 2.0]) * SQUARE

    assert isinstance(scaled, Op)
    assert scaled.grad(3.0) == 18.0


def test_negation_and_size_of_ops():
    assert (-SQUARE).grad(3.0) == -6.0
    assert abs(-SQUARE).grad(3.0) == 6.0


def test_composition_runs_the_inner_ops_first():
    assert compose_op(MUL, SQUARE, SQUARE).eval(2.0) == 16.0


def test_composition_sums_the_gradients_of_shared_arguments():
    assert compose_op(MUL, SQUARE, SINE).grad(2.0) == pytest.approx(
        4 * math.sin(2.0) + 4.0 * math.cos(2.0)
    )


def test_composition_sums_broadcast_cotangents_before_passing_them_on():
    composed = compose_op(MUL, SQUARE, op_const(np.ones(3)))

    assert composed.grad(2.0) == 12.0


def test_shift_composes_from_left_to_right():
    assert (SQUARE >> SINE).eval(2.0) == math.sin(4.0)
    assert (SQUARE >> SINE).grad(2.0) == pytest.approx(4 * math.cos(4.0))


def test_op_const_lets_nothing_flow():
    assert op_const(5.0).run(1.0, np.ones(2))[0] == 5.0
    assert op_const(5.0).grad(1.0) == 0.0
    assert op_const(5.0).grad(1.0, [2.0]) == (0.0, [0.0])


def test_id_op_is_neutral_in_composition():
    assert (id_op >> SQUARE >> id_op).grad(3.0) == SQUARE.grad(3.0)


def test_op_tup_returns_its_arguments():
    y, scaled_grad = op_tup.run(1.0, 2.0, 3.0)

    assert y == (1.0, 2.0, 3.0)
    assert scaled_grad((4.0, 5.0, 6.0)) == (4.0, 5.0, 6.0)


def test_op_tup_of_one_argument_is_a_tuple_of_one():
    y, scaled_grad = op_tup.run((1.0,))

    assert y == ((1.0,),)
    assert scaled_grad(((4.0,),)) == (4.0,)


def test_op_iso_has_its_inverse_as_scaled_gradient():
    y, scaled_grad = op_iso(lambda a, b: {"a": a, "b": b}, lambda d: (d["a"], d["b"])).run(2.0, 3.0)

    assert y == {"a": 2.0, "b": 3.0}
    assert scaled_grad({"a": 5.0, "b": 7.0}) == (5.0, 7.0)


@pytest.mark.parametrize("to", [math.exp, lambda x: 2 * x, lambda x: x + 1, abs])
def test_op_iso_that_calculates_is_refused(to):
    with pytest.raises(IsoError, match="changes the numbers"):
        op_iso(to, lambda y: y).eval(-2.0)


def test_op_iso_may_convert_numbers():
    assert op_iso(np.float32, float).grad(0.1) == 1.0


def test_op_iso_checks_the_inverse_when_asked():
    swapped = op_iso(lambda a, b: (a, b), lambda pair: (pair[1], pair[0]), check=True)

    with pytest.raises(IsoError, match="does not lead back"):
        swapped.eval(1.0, 2.0)


def test_op_iso_of_equal_numbers_is_not_told_apart_by_numbers():
    assert op_iso(lambda a, b: (a, b), tuple, check=True).grad(2.0, 2.0) == (1.0, 1.0)


def test_op_lens_reads_a_part():
    op = op_lens(["w", 1])

    assert op.eval({"w": [2.0, 3.0]}) == 3.0
    assert op.grad({"w": [2.0, 3.0]}) == {"w": [0.0, 1.0]}


def test_op_coerce_changes_the_class():
    y, scaled_grad = op_coerce(tuple).run([1.0, 2.0])

    assert y == (1.0, 2.0)
    assert scaled_grad((5.0, 6.0)) == [5.0, 6.0]


# Lifting


def test_lifted_op_gives_gradients():
    mul = lift_op(MUL)

    assert grad_bp(mul, 2.0, 5.0) == (5.0, 2.0)
    assert grad_bp(lambda x: mul(x, 3.0), 2.0) == 3.0


def test_lifted_op_is_plain_on_plain_values():
    assert lift_op(MUL)(2.0, 5.0) == 10.0
    assert eval_bp(lift_op(MUL), 2.0, 5.0) == 10.0


def test_lifted_op_can_be_differentiated_twice():
    square = lift_op(SQUARE)

    assert grad_bp(lambda x: grad_bp(lambda y: square(y) * y, x), 3.0) == 18.0


def test_lifted_op_takes_containers_of_bvars():
    total = lift_op(Op(lambda xs: (sum(xs), lambda dzdy: [dzdy] * len(xs))))

    assert grad_bp(lambda x: total([x, x * x, 1.0]), 3.0) == 7.0


def test_lifted_op_refuses_a_bvar_as_setting():
    scale = lift_op(Op(lambda x, factor: (factor * x, lambda dzdy: factor * dzdy)))

    with pytest.raises(UnhandledParameterError, match="factor, which it takes as a setting"):
        grad_bp(lambda x: scale(x, factor=x), 3.0)


def test_lifted_op_refuses_complex_values_that_it_does_not_know():
    with pytest.raises(UnhandledParameterError, match="complex=True"):
        grad_bp(lambda z: abs(lift_op(SQUARE)(z)), 1 + 2j)


def test_lifted_op_takes_complex_values_that_it_knows():
    square = Op(lambda z: (z * z, lambda dzdy: dzdy * 2 * z.conjugate()), complex=True)

    found = grad_bp(lambda z: abs(lift_op(square)(z)), 1 + 2j)

    assert found == pytest.approx(grad_bp(lambda z: abs(z * z), 1 + 2j))


@pytest.mark.parametrize(
    ("op", "xs", "dzdy"),
    [
        (SQUARE, (2.0,), np.ones(3)),
        (SQUARE, (np.ones(2),), 1.0),
        (SQUARE, (np.ones(2),), np.ones(3)),
        (SQUARE, (2.0,), "one"),
        (op_tup, (1.0, 2.0), (1.0,)),
        (op_tup, (1.0, 2.0), 1.0),
    ],
)
def test_op_refuses_a_cotangent_that_is_not_like_its_result(op, xs, dzdy):
    with pytest.raises(CotangentError, match="was given a dzdy that is not like its result"):
        op.grad_with(dzdy, *xs)


def test_op_completes_the_cotangent_that_it_is_given():
    parts = Op(lambda x: ({"a": x, "b": 2 * x}, lambda dzdy: dzdy["a"] + 2 * dzdy["b"]))

    assert parts.grad_with({"b": 1.0}, 3.0) == 2.0
    assert SQUARE.grad_with(ZERO, 3.0) == 0.0


@pytest.mark.parametrize("ops", [(abs, SQUARE), (SQUARE, abs), (SQUARE, 3.0)])
def test_composition_wants_ops(ops):
    with pytest.raises(RuleError, match=r"compose_op was given .* which is no Op"):
        compose_op(*ops)


@pytest.mark.parametrize("name", ["not a name", "", "a..b", 3])
def test_lift_op_wants_a_name(name):
    with pytest.raises(RuleError, match="for a name, which is none"):
        lift_op(SQUARE, name=name)


def test_bp_op_wants_a_function():
    with pytest.raises(RuleError, match=r"bp_op was given 3.0, which is not callable"):
        bp_op(3.0)


def _assigned(v):
    v[0] = v[1] * 3
    return np.sum(v * v)


@pytest.mark.parametrize(
    ("f", "xs"),
    [
        (lambda x: (x * 2, x**2), (3.0,)),
        (lambda x: {"a": x * 2, "b": [x, 1.0, "text"]}, (3.0,)),
        (lambda x: 5.0, (3.0,)),
        (lambda x: x, (np.ones(2),)),
        (lambda x: x[1:], (np.arange(3.0),)),
        (lambda x, y: x * 2, (3.0, 4.0)),
        (lambda v: v[0] * v[1], ([2.0, 3.0],)),
        (lambda text, x: x * len(text), ("abc", 2.0)),
        (lambda n: n * 2.0, (3,)),
        (lambda x: np.sum(x * x), (np.ones(3, np.float32),)),
        (lambda z: abs(z) ** 2, (1 + 2j,)),
        (lambda v: np.sum(v), (np.zeros(0),)),
        (lambda x: x * x, (Fraction(1, 3),)),
        (lambda x: x * 2 if x > 0 else x * 5, (-3.0,)),
        (_assigned, (np.arange(3.0),)),
    ],
)
def test_bp_op_lifted_is_the_function_for_every_kind_of_value(f, xs):
    assert repr(backprop(lift_op(bp_op(f)), *xs)) == repr(backprop(f, *xs))


def test_lift_op_wants_an_op():
    with pytest.raises(RuleError, match="which is no Op"):
        lift_op(lambda x: x)


def test_lift_op_without_a_name_has_no_signature():
    with pytest.raises(RuleError, match="without a name"):
        lift_op(SQUARE, signature="x")


def test_lift_op_whose_signature_does_not_fit_is_refused(mine):
    with pytest.raises(RuleError, match="by which its Op cannot be called"):
        lift_op(MUL, name="mul", signature="x, y, z", into=mine)
    with pytest.raises(RuleError, match="unexpected keyword argument 'axis'"):
        lift_op(SQUARE, name="square", signature="x, axis=0", into=mine)


def test_op_of_no_function_is_refused():
    with pytest.raises(RuleError, match="not callable"):
        Op(3.0)


halved = lift_op(
    Op(lambda x, parts=2: (x / parts, lambda dzdy: dzdy / parts)),
    name="halved",
    samples=[(3.0,), (np.array([1.0, 2.0]), 5)],
)
lift_op(Op(lambda x, y: (x, lambda dzdy: (dzdy, ZERO))), name="ignored", signature="x, y=1.0")


def test_lift_op_with_a_name_registers():
    entry = registry.find(halved)

    assert entry.kind == "lifted only"
    assert entry.name == f"{__name__}.halved"
    assert entry.wrt == ("x",)
    assert twin_of(halved) is halved


def test_lift_op_with_a_name_has_a_signature():
    assert halved(3.0) == 1.5
    assert halved(x=3.0, parts=3) == 1.0
    assert grad_bp(halved, 3.0, parts=4) == 0.25
    assert grad_bp(lambda x: halved(parts=5, x=x), 3.0) == 0.2


def test_lift_op_with_a_name_is_pickled_by_it():
    assert pickle.loads(pickle.dumps(halved)) is halved


def test_lift_op_with_a_name_twice_is_two_functions(mine):
    first = lift_op(SQUARE, name="twice", into=mine)
    second = lift_op(SQUARE, name="twice", into=mine)

    assert first is not second


def test_lift_op_with_variadic_signature_gives_each_its_cotangent():
    weighted = lift_op(
        Op(lambda *xs: (xs[0] + 2 * xs[1], lambda dzdy: (dzdy, 2 * dzdy, ZERO))),
        name="weighted",
        signature="*xs",
    )

    assert grad_bp(weighted, 1.0, 2.0, 3.0) == (1.0, 2.0, 0.0)


def test_lift_op_serves_in_composites(mine):
    @lifted(into=mine)
    def f(x):
        out = np.zeros(3)
        out[1] = halved(x, parts=4)
        out[2] = lift_op(SQUARE)(x)
        return lift_op(Op(lambda v: (v.sum(), lambda dzdy: dzdy * np.ones(v.shape))))(out)

    assert grad_bp(mine[f].twin, 3.0) == 0.25 + 6.0


def test_lift_op_with_a_name_is_checked():
    from backprop_lift.gradcheck import check

    assert check(halved).verdict == "right"


# noGrad


def test_no_grad_op_runs_and_is_fine_unused():
    refusing = lift_op(Op.no_grad(lambda x: -x))

    assert refusing(2.0) == -2.0
    assert grad_bp(lambda x: (refusing(x), x * 3)[1], 1.0) == 3.0


def test_no_grad_op_refuses_when_asked():
    refusing = lift_op(Op.no_grad(np.sort, "not written yet"), name="sorting", signature="x")

    with pytest.raises(NoGradientError) as caught:
        grad_bp(lambda x: refusing(x).sum(), np.ones(3))

    assert "sorting has no gradient" in str(caught.value)
    assert caught.value.facts["why"] == "not written yet"
    assert caught.value.facts["at"] == "x"
    assert __file__ in caught.value.facts["called"]


def test_no_grad_op_says_all_that_is_known():
    def unknown(angle, length):
        return angle * length

    refusing = lift_op(Op.no_grad(unknown, "to be measured"))

    with pytest.raises(NoGradientError) as caught:
        grad_bp(lambda x: refusing(2.0, x) * 3, 5.0)

    defined, called = unknown.__code__.co_firstlineno, unknown.__code__.co_firstlineno + 6
    first, *facts, remedy = str(caught.value).splitlines()
    assert first.endswith("<locals>.unknown has no gradient, and one was asked for.")
    assert facts == [
        "  at:       length",
        "  why:      to be measured",
        f"  declared: {__file__}:{defined}",
        f"  called:   {__file__}:{called}",
    ]
    assert remedy.startswith("Write Op(f) with f(*xs) -> (y, scaled_grad), or const_var(...)")


def test_no_grad_op_names_arguments_by_the_signature(mine):
    summed = lift_op(Op.no_grad(lambda *xs: sum(xs)), name="summed", signature="*xs", into=mine)
    unnamed = lift_op(Op.no_grad(lambda *xs: sum(xs)))
    scaled = lift_op(
        Op.no_grad(lambda a, b, *, k=1.0: a * b * k), name="scaled", signature="u, v, *, k=2.0",
        into=mine,
    )  # fmt: skip

    for call, at in {
        lambda x: summed(1.0, x, x): "xs[1], xs[2]",
        lambda x: unnamed(1.0, x): "argument 2",
        lambda x: scaled(x, v=x, k=3.0): "u, v",
    }.items():
        with pytest.raises(NoGradientError) as caught:
            grad_bp(call, 2.0)
        assert caught.value.facts["at"] == at


def test_no_grad_op_is_asked_by_a_number_that_is_zero():
    refusing = lift_op(Op.no_grad(lambda x: -x))

    with pytest.raises(NoGradientError):
        grad_bp(lambda x: 0 * refusing(x), 2.0)


def test_no_grad_op_is_not_asked_through_what_does_not_vary():
    refusing = lift_op(Op.no_grad(lambda x: -x))

    assert grad_bp(lambda x: x * np.sign(refusing(x)), 2.0) == -1.0
    assert grad_bp(lambda x: x * const_var(refusing(x)), 2.0) == -2.0
    assert grad_bp(lambda x: x if refusing(x) < 0 else 0.0, 2.0) == 1.0
    assert grad_bp(lambda x: refusing(const_var(x)) * x, 2.0) == -2.0


def test_no_grad_op_is_not_asked_by_a_symbolic_zero():
    refusing = lift_op(Op.no_grad(lambda x: -x))
    drop = lift_op(Op(lambda x, y: (x, lambda dzdy: (dzdy, ZERO))))

    assert grad_bp(lambda x: drop(x, refusing(x)), 2.0) == 1.0


def test_no_grad_op_is_not_asked_by_a_structure_of_symbolic_zeros():
    refusing = lift_op(Op.no_grad(lambda x: (x, [x])))
    drop = lift_op(Op(lambda t, x: (x, lambda dzdy: ((ZERO, [ZERO]), dzdy))))

    assert grad_bp(lambda x: drop(refusing(x), x), 2.0) == 1.0


def test_no_grad_op_is_not_asked_by_parts_that_nothing_reached():
    refusing = lift_op(Op.no_grad(lambda x: (x, x)))

    assert grad_bp(lambda x: set_var(refusing(x), 0, x)[0], 2.0) == 1.0
    assert grad_bp(lambda x: collect_var([refusing(x), x])[1], 2.0) == 1.0


def test_no_grad_names_the_arguments_that_ask(mine):
    @no_grad("not yet", into=mine)
    def f(a, b=1.0, *rest, k=0.0):
        return a * b

    for call, at in {
        lambda x: mine[f].twin(2.0, x, k=x): "b, k",
        lambda x: mine[f].twin(x): "a",
        lambda x: mine[f].twin(1.0, 2.0, x): "argument 3",
    }.items():
        with pytest.raises(NoGradientError) as caught:
            grad_bp(call, 2.0)
        assert caught.value.facts["at"] == at


def test_no_grad_op_refuses_at_every_level():
    refusing = lift_op(Op.no_grad(lambda x: -x))

    with pytest.raises(NoGradientError):
        grad_bp(lambda x: grad_bp(lambda y: const_var(refusing(x * y)) * y, 1.0), 2.0)


def test_no_grad_op_refuses_without_a_tape():
    with pytest.raises(NoGradientError, match="has no gradient"):
        Op.no_grad(lambda x: -x).grad(2.0)


# One node


def test_bp_op_lifted_behaves_as_the_function():
    f = lambda x, y: np.sin(x) * y + x

    assert grad_bp(lift_op(bp_op(f)), 1.5, 2.5) == pytest.approx(grad_bp(f, 1.5, 2.5))
    assert lift_op(bp_op(f))(1.5, 2.5) == f(1.5, 2.5)


def test_bp_op_of_a_lifted_op_behaves_as_the_op():
    assert bp_op(lift_op(MUL)).grad(2.0, 5.0) == MUL.grad(2.0, 5.0)


def test_bp_op_is_one_node():
    from backprop_lift.derivatives import show_tape

    f = lift_op(bp_op(lambda x: ((x * x + 1.0) * x + 2.0) * x))

    assert len(show_tape(f, 3.0).nodes) == 2


def test_bp_op_runs_again_in_the_sweep():
    runs = []

    def f(x):
        runs.append(x)
        return x * x

    grad_bp(lift_op(bp_op(f)), 3.0)

    assert len(runs) == 2


def test_bp_op_nests_and_can_be_differentiated_twice():
    cube = lift_op(bp_op(lambda x: x**3))

    assert grad_bp(lambda x: grad_bp(lambda y: grad_bp(cube, y), x), 2.0) == pytest.approx(6.0)


def test_bp_op_takes_settings_and_records():
    f = lift_op(bp_op(lambda layer, factor=1.0: factor * layer["w"] * layer["b"]))

    assert grad_bp(f, {"w": 2.0, "b": 3.0}, factor=10.0) == {"w": 30.0, "b": 20.0}


def test_bp_op_runs_the_twin_of_an_original():
    @lifted(grad=lambda dzdy, x: dzdy * 100.0)
    def steep(x):
        return math.floor(x) + x

    assert grad_bp(lift_op(bp_op(steep)), 1.5) == 100.0


def test_bp_op_needs_less_memory():
    def chain(x):
        for _ in range(12):
            x = np.sin(x)
        return x

    def peak(step):
        tracemalloc.start()
        grad_bp(lambda x: np.sum(step(step(step(x)))), np.ones(100_000))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(lift_op(bp_op(chain))) < 0.6 * peak(chain)


@pytest.mark.parametrize("argument", [lambda x: 2.0 * x, lambda x: 2.0])
def test_bp_op_that_depends_on_another_bvar_is_refused(argument):
    with pytest.raises(TapeError, match="depends on a BVar that is not an argument"):
        grad_bp(lambda x: lift_op(bp_op(lambda y: y * x))(argument(x)), 3.0)


def test_bp_op_that_gives_another_value_is_refused():
    factors = iter([1.0, 2.0])
    f = lift_op(bp_op(lambda x: x * next(factors)))

    with pytest.raises(TapeError, match="another value when the sweep ran it again") as caught:
        grad_bp(f, 3.0)

    assert caught.value.facts["expected"] == "3.0"


def test_bp_op_refuses_effects():
    def numbers(x):
        yield x

    async def later(x):
        return x

    for f in (numbers, later):
        with pytest.raises(TapeError, match="has an effect"):
            grad_bp(lift_op(bp_op(f)), 3.0)


def test_bp_op_keeps_a_value_that_is_not_a_number():
    assert math.isnan(grad_bp(lift_op(bp_op(lambda x: x * math.nan)), 3.0))

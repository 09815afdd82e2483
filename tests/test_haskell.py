"""Every name of the Haskell originals has its row, and each of their defects its right answer."""

import math
import re
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from backprop_lift import (
    Op,
    add,
    bp_op,
    coerce_var,
    collect_var,
    const_var,
    explicit,
    grad_bp,
    iso_var,
    join_var,
    lift_op,
    lifted,
    one,
    op_lens,
    over_var,
    prelude,
    preview_var,
    sequence_var,
    set_var,
    split_var,
    to_list_of_var,
    twin_of,
    value_of,
    view_var,
)
from backprop_lift.derivatives import show_tape
from backprop_lift.errors import CotangentError, SpaceError

PAGE = Path(__file__).parent.parent / "cookbook" / "coming-from-haskell.md"

# What backprop 0.2.7.2 and hmatrix-backprop 0.1.3.0 export, by module, with the names that
# Numeric.LinearAlgebra.Static has and hmatrix-backprop leaves out. `Numeric.Backprop.Explicit`
# exports most names again; they are written with its name in front.
EXPORTS = [
    r"BVar",
    r"W",
    r"Reifies",
    r"Backprop",
    r"zero",
    r"add",
    r"one",
    r"ABP",
    r"runABP",
    r"NumBP",
    r"runNumBP",
    r"backprop",
    r"evalBP",
    r"gradBP",
    r"backpropWith",
    r"backprop2",
    r"evalBP2",
    r"gradBP2",
    r"backpropWith2",
    r"backpropN",
    r"evalBPN",
    r"gradBPN",
    r"backpropWithN",
    r"evalBP0",
    r"constVar",
    r"auto",
    r"coerceVar",
    r"viewVar",
    r"^^.",
    r"setVar",
    r".~~",
    r"overVar",
    r"%~~",
    r"sequenceVar",
    r"collectVar",
    r"previewVar",
    r"^^?",
    r"^^?!",
    r"toListOfVar",
    r"^^..",
    r"T2",
    r"T3",
    r"isoVar",
    r"isoVar2",
    r"isoVar3",
    r"isoVarN",
    r"splitBV",
    r"joinBV",
    r"BV",
    r"BVGroup",
    r"liftOp",
    r"liftOp1",
    r"liftOp2",
    r"liftOp3",
    r"Op",
    r"runOpWith",
    r"op1",
    r"op2",
    r"op3",
    r"op0",
    r"opConst",
    r"idOp",
    r"opCoerce",
    r"opTup",
    r"opIso",
    r"opIso2",
    r"opIso3",
    r"opIsoN",
    r"opLens",
    r"bpOp",
    r"noGrad",
    r"noGrad1",
    r"runOp",
    r"evalOp",
    r"gradOp",
    r"gradOpWith",
    r"composeOp",
    r"composeOp1",
    r"~.",
    r"Rec",
    r":&",
    r"RNil",
    r"+.",
    r"-.",
    r"*.",
    r"/.",
    r"**.",
    r"negateOp",
    r"absOp",
    r"signumOp",
    r"recipOp",
    r"expOp",
    r"logOp",
    r"sqrtOp",
    r"logBaseOp",
    r"sinOp",
    r"cosOp",
    r"tanOp",
    r"asinOp",
    r"acosOp",
    r"atanOp",
    r"sinhOp",
    r"coshOp",
    r"tanhOp",
    r"asinhOp",
    r"acoshOp",
    r"atanhOp",
    r"ZeroFunc",
    r"ZF",
    r"runZF",
    r"AddFunc",
    r"AF",
    r"runAF",
    r"OneFunc",
    r"OF",
    r"runOF",
    r"zfNum",
    r"afNum",
    r"ofNum",
    r"zfNums",
    r"afNums",
    r"ofNums",
    r"zeroFunc",
    r"addFunc",
    r"oneFunc",
    r"zeroFuncs",
    r"addFuncs",
    r"oneFuncs",
    r"zfFunctor",
    r"ofFunctor",
    r"RPureConstrained",
    r"explicit.backprop",
    r"explicit.gradBP",
    r"explicit.evalBP",
    r"explicit.backpropWith",
    r"explicit.liftOp",
    r"explicit.bpOp",
    r"explicit.viewVar",
    r"explicit.setVar",
    r"explicit.overVar",
    r"explicit.sequenceVar",
    r"explicit.collectVar",
    r"explicit.previewVar",
    r"explicit.toListOfVar",
    r"explicit.isoVar",
    r"explicit.splitBV",
    r"explicit.joinBV",
    r"Numeric.Backprop.Num",
    r"TapeNode",
    r"SomeTapeNode",
    r"BRef",
    r"Runner",
    r"InpRef",
    r"initWengert",
    r"insertNode",
    r"bvConst",
    r"forceBVar",
    r"forceInpRef",
    r"forceSomeTapeNode",
    r"forceTapeNode",
    r"fillWengert",
    r"bumpMaybe",
    r"initRunner",
    r"gradRunner",
    r"debugSTN",
    r"debugIR",
    r"zeroNum",
    r"addNum",
    r"oneNum",
    r"zeroVec",
    r"addVec",
    r"oneVec",
    r"zeroVecNum",
    r"oneVecNum",
    r"NumVec",
    r"runNumVec",
    r"zeroFunctor",
    r"oneFunctor",
    r"addIsList",
    r"addAsList",
    r"genericZero",
    r"genericAdd",
    r"genericOne",
    r"GZero",
    r"GAdd",
    r"GOne",
    r"sum",
    r"product",
    r"length",
    r"minimum",
    r"maximum",
    r"traverse",
    r"toList",
    r"mapAccumL",
    r"mapAccumR",
    r"foldr",
    r"foldl'",
    r"fmap",
    r"<$>",
    r"fmapConst",
    r"<$",
    r"$>",
    r"pure",
    r"liftA2",
    r"liftA3",
    r"fromIntegral",
    r"realToFrac",
    r"round",
    r"fromIntegral'",
    r"coerce",
    r"R",
    r"ℝ",
    r"L",
    r"Sq",
    r"ℂ",
    r"C",
    r"M",
    r"𝑖",
    r"Eigen",
    r"Normed",
    r"Disp",
    r"Domain",
    r"Diag",
    r"Sym",
    r"range",
    r"dim",
    r"eye",
    r"vec2",
    r"vec3",
    r"vec4",
    r"&",
    r"#",
    r"split",
    r"headTail",
    r"splitRows",
    r"splitCols",
    r"vector",
    r"matrix",
    r"linspace",
    r"row",
    r"col",
    r"unrow",
    r"uncol",
    r"tr",
    r"|||",
    r"===",
    r"diag",
    r"takeDiag",
    r"diagR",
    r"mul",
    r"<>",
    r"app",
    r"#>",
    r"dot",
    r"<.>",
    r"<·>",
    r"cross",
    r"outer",
    r"svd",
    r"svd_",
    r"eigensystem",
    r"eigenvalues",
    r"chol",
    r"det",
    r"inv",
    r"lndet",
    r"invlndet",
    r"norm_0",
    r"norm_1V",
    r"norm_1M",
    r"norm_InfM",
    r"norm_2V",
    r"norm_2M",
    r"norm_InfV",
    r"mean",
    r"meanL",
    r"cov",
    r"meanCov",
    r"sym",
    r"mTm",
    r"unSym",
    r"vmap",
    r"mmap",
    r"zipWithVector",
    r"vmap'",
    r"mmap'",
    r"zipWithVector'",
    r"dvmap",
    r"dmmap",
    r"dzipWithVector",
    r"toRows",
    r"toColumns",
    r"fromRows",
    r"fromColumns",
    r"konst",
    r"sumElements",
    r"extractV",
    r"extractM",
    r"create",
    r"toComplex",
    r"fromComplex",
    r"complex",
    r"real",
    r"imag",
    r"sqMagnitude",
    r"magnitude",
    r"svdTall",
    r"svdFlat",
    r"qr",
    r"her",
    r"linSolve",
    r"<\>",
    r"expm",
    r"sqrtm",
    r"build",
    r"blockAt",
    r"rand",
    r"randn",
    r"randomVector",
    r"gaussianSample",
    r"uniformSample",
    r"exactLength",
    r"exactDims",
    r"withVector",
    r"withMatrix",
    r"withRows",
    r"withColumns",
    r"withNullspace",
    r"withOrth",
    r"withCompactSVD",
    r"explicit.backprop2",
    r"explicit.evalBP2",
    r"explicit.gradBP2",
    r"explicit.backpropWith2",
    r"explicit.backpropN",
    r"explicit.evalBPN",
    r"explicit.gradBPN",
    r"explicit.backpropWithN",
    r"explicit.evalBP0",
    r"explicit.isoVar2",
    r"explicit.isoVar3",
    r"explicit.isoVarN",
    r"explicit.liftOp1",
    r"explicit.liftOp2",
    r"explicit.liftOp3",
    r"Prelude.Backprop.Num",
    r"Lift",
    r"XData",
    r"SField",
    r"Label",
]


def _rows():
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("| `"):
            names, ours, example = (cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1])
            yield re.findall(r"`([^`]+)`", names.replace("\\|", "|")), ours, example.strip("`")


@pytest.fixture(scope="module")
def page():
    """The namespace of the page, after its Python blocks."""
    module = types.ModuleType("page_coming_from_haskell")
    sys.modules[module.__name__] = module
    for block in re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.M | re.S):
        exec(block, vars(module))  # noqa: S102 - our own page
    yield vars(module)
    del sys.modules[module.__name__]


@pytest.mark.parametrize(
    ("names", "example"),
    [pytest.param(names, example, id=names[0]) for names, _, example in _rows()],
)
def test_row_of_the_page_holds(names, example, page):
    assert eval(example, page)


def test_page_has_a_row_for_every_export():
    rows = {name for names, _, _ in _rows() for name in names}

    assert [name for name in EXPORTS if name not in rows] == []


# D1: the seed goes to the output's own position.


@pytest.mark.parametrize(
    ("f", "x", "expected"),
    [
        (lambda x: 1.0 if x * 2 > 3 else 0.0, 3.0, 0.0),
        (lambda x: (lambda y: 0.0 if y < 0 else y)(x * 2), -3.0, 0.0),
        (lambda xs: next(iter(xs)), [1.0, 2.0, 3.0], [1.0, 0.0, 0.0]),
        (lambda xs: sequence_var(xs)[1], [1.0, 2.0, 3.0], [0.0, 1.0, 0.0]),
    ],
    ids=["constant", "relu", "head", "second"],
)
def test_seed_goes_to_the_result_and_not_to_the_last_node(f, x, expected):
    assert grad_bp(f, x) == expected


def test_seed_goes_to_an_earlier_node():
    def f(x, y):
        a = 10 * x
        z = a * y
        return a if z > 0 else y

    assert grad_bp(f, 2.0, 3.0) == (10.0, 0.0)


# D2: a result of another type than the last node.


def test_seed_does_not_mind_the_type_of_the_last_node():
    def f(x):
        pair = iso_var(lambda a, b: (a, b), tuple, x, x)
        return 5.0 if pair == pair else 6.0

    assert grad_bp(f, 1.0) == 0.0


# D3: nested gradients.


@pytest.mark.parametrize(
    ("f", "x", "expected"),
    [
        (np.sin, 1.0, -math.sin(1.0)),
        (np.exp, 1.0, math.e),
        (np.log, 2.0, -0.25),
        (np.sqrt, 4.0, -1 / 32),
        (lambda y: y * y * y, 2.0, 12.0),
    ],
    ids=["sin", "exp", "log", "sqrt", "cube"],
)
def test_gradient_of_a_gradient_is_the_second_derivative(f, x, expected):
    assert grad_bp(lambda x: grad_bp(f, x), x) == pytest.approx(expected)
    assert grad_bp(lambda x: 1 * grad_bp(f, x), x) == pytest.approx(expected)


# D4: vectors of unequal lengths.


def test_cotangents_of_unequal_lengths_are_refused():
    for x, y in [([1.0, 2.0, 3.0], [10.0] * 5), ([1.0], [1.0] * 4), ([], [1.0, 2.0])]:
        with pytest.raises(SpaceError):
            add(x, y)
        with pytest.raises(SpaceError):
            add(np.array(x), np.array(y))


def test_cotangents_of_unequal_lengths_are_padded_when_asked():
    assert explicit.PADDED.add([1.0, 2.0, 3.0], [10.0, 20.0, 30.0, 40.0, 50.0]) == [
        11.0, 22.0, 33.0, 40.0, 50.0,
    ]  # fmt: skip
    assert explicit.PADDED.add([], [1.0, 2.0]) == [1.0, 2.0]


# D5: one of a heterogeneous record.


def test_one_of_a_record_is_one_in_every_part():
    assert one((5.0, 6.0)) == (1.0, 1.0)
    assert grad_bp(lambda x: collect_var((x, 2 * x)), 3.0) == 3.0


# D6: product at zeros.


@pytest.mark.parametrize("product", [np.prod, lambda v: twin_of(math.prod)(list(v))])
@pytest.mark.parametrize(
    ("x", "expected"), [([0.0, 2.0, 3.0], [6, 0, 0]), ([0.0, 0.0, 3.0], [0, 0, 0])]
)
def test_product_is_right_at_zeros(product, x, expected):
    assert grad_bp(product, np.array(x)).tolist() == expected


# D7: no contribution is lost, and none depends on the order.


def test_short_cotangent_is_refused():
    head = lift_op(Op(lambda xs: (xs[0], lambda dzdy: [dzdy])))

    for f in (lambda xs: xs[-1] + head(xs), lambda xs: head(xs) + xs[-1]):
        with pytest.raises(CotangentError, match="does not fit"):
            grad_bp(f, [1.0, 2.0, 3.0])


def test_contributions_of_parts_and_of_the_whole_add_up_in_any_order():
    total = lift_op(Op(lambda xs: (sum(xs), lambda dzdy: [dzdy] * len(xs))))

    for f in (
        lambda xs: sequence_var(xs)[-1] + total(xs),
        lambda xs: total(xs) + to_list_of_var(xs, ...)[-1],
    ):
        assert grad_bp(f, [1.0, 2.0, 3.0]) == [1.0, 1.0, 2.0]


# D8: constants stay constants.


@pytest.mark.parametrize(
    "access",
    [
        lambda c: view_var(c, 0),
        lambda c: preview_var(c, 0),
        lambda c: sequence_var(c)[0],
        lambda c: collect_var([c[0]])[0],
        lambda c: set_var(c, 0, 5.0)[0],
        lambda c: to_list_of_var(c, ...)[0],
        lambda c: iso_var(lambda a: [a], lambda held: held[0], c[0])[0],
        lambda c: over_var(c, 0, lambda x: x * 2)[0],
        lambda c: coerce_var(c, tuple)[0],
        lambda c: join_var(split_var(c))[0],
        lambda c: lift_op(op_lens(0))(c),
        lambda c: lift_op(bp_op(sum))(c),
    ],
)
def test_access_to_constants_records_nothing(access):
    constant = [2.0, 3.0]

    shown = show_tape(lambda x: x * access(constant), 1.0)
    of_dropped = show_tape(lambda x: x[0] * access(const_var(x)), constant)

    assert [node.name for node in shown.nodes] == ["input", "mul"]
    assert [node.name for node in of_dropped.nodes] == ["input", "item 0", "mul"]


# D9: partial derivatives that nobody asked for are not computed.


def test_partials_of_constants_are_not_computed():
    asked = []

    @lifted(
        grad={
            "x": lambda dzdy, y: asked.append("x") or dzdy * y,
            "y": lambda dzdy, x: asked.append("y") or dzdy * x,
        }
    )
    def times(x, y):
        return x * y

    grad_bp(lambda x: twin_of(times)(x, 2.0), 3.0)

    assert asked == ["x"]


def test_power_by_a_constant_takes_no_logarithm():
    with np.errstate(all="raise"):
        assert grad_bp(lambda x: x**2, -2.0) == -4.0
        assert grad_bp(lambda x: x**2.0, np.array([-2.0, 0.0])).tolist() == [-4.0, 0.0]


# D10: tuples of BVars are taken apart completely.


def test_tuples_unpack_and_match():
    def f(pair):
        match value_of(pair):
            case (_, _):
                a, b = pair
                return a * b

    assert grad_bp(f, (2.0, 3.0)) == (3.0, 2.0)


# D11: linear algebra, by finite differences.

M33 = np.array([[4.0, 1.0, 0.5], [1.0, 3.0, -1.0], [0.5, -1.0, 5.0]])
TALL = np.array(
    [[1.0, 2.0, -1.0], [0.5, 1.0, 3.0], [2.0, -2.0, 0.0], [1.0, 1.0, 1.0], [0.0, 3.0, 2.0]]
)
WEIGHTS = np.array([[1.0, -2.0, 0.5], [3.0, 0.2, -1.0], [0.7, 1.1, 2.0]])  # not symmetric


def _differences(f, x, symmetric=False, step=1e-6):
    found = np.zeros(x.shape, x.dtype)
    for i in np.ndindex(x.shape):
        for unit in (1.0, 1j) if x.dtype.kind == "c" else (1.0,):
            e = np.zeros(x.shape, x.dtype)
            e[i] = unit
            if symmetric:
                e = (e + e.T) / 2
            found[i] += unit * (f(x + step * e) - f(x - step * e)) / (2 * step)
    return found


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (lambda m: np.sum(np.abs(np.linalg.eigh(m)[1]) * WEIGHTS), M33),
        (lambda m: np.sum(np.linalg.eigvalsh(m) * WEIGHTS[0]), M33),
        (lambda m: np.sum(np.linalg.cholesky(m) * WEIGHTS), M33),
    ],
    ids=["eigh vectors", "eigvalsh", "cholesky"],
)
def test_gradient_of_symmetric_matrices_is_right(f, x):
    dzdx = grad_bp(f, x)

    assert (dzdx + dzdx.T) / 2 == pytest.approx(_differences(f, x, symmetric=True), abs=1e-7)


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (lambda m: np.sum(np.cov(m, rowvar=False) * WEIGHTS), TALL),
        (lambda m: np.sum((m.T @ m) * WEIGHTS), TALL),
        (lambda v: np.mean(v) ** 2, np.array([1.0, 0.0, 3.0, 0.0])),
        (lambda m: np.linalg.det(m), np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [1.0, 0.0, 1.0]])),
        (lambda z: np.sum(np.abs(z @ (WEIGHTS[0] + 1j)) * WEIGHTS[1]), WEIGHTS + 1j * M33),
        (lambda z: np.abs(np.dot(z, WEIGHTS[1] - 2j)), WEIGHTS[0] + 0.5j),
        (lambda z: np.sum(np.abs(np.outer(z, WEIGHTS[1] - 2j)) ** 3), WEIGHTS[0] + 0.5j),
        (lambda z: np.sum(np.abs(z @ (M33 + 1j * WEIGHTS)) * WEIGHTS), WEIGHTS + 1j * M33),
    ],
    ids=["cov", "mTm", "mean with zeros", "det of a singular matrix", "complex app", "complex dot",
         "complex outer", "complex matmul"],
)  # fmt: skip
def test_gradient_of_linear_algebra_is_right(f, x):
    assert grad_bp(f, x) == pytest.approx(_differences(f, x), abs=1e-6)


def test_maximum_of_ties_is_a_subgradient_unless_asked_otherwise():
    assert grad_bp(np.max, np.array([1.0, 3.0, 3.0, 2.0])).tolist() == [0.0, 0.5, 0.5, 0.0]
    assert grad_bp(lambda v: prelude.max(v, ties="all"), [1.0, 3.0, 3.0, 2.0]) == [0, 1, 1, 0]


def test_norm_is_flat_at_zero():
    assert grad_bp(np.linalg.norm, np.zeros(3)).tolist() == [0.0, 0.0, 0.0]

"""Mirrors of functions that exist in lifted form only, and of functions that are waited for."""

import asyncio
import importlib
import sys
import textwrap

import pytest

from backprop_lift import eval_bp, grad_bp
from backprop_lift.__main__ import main
from backprop_lift.effects import grad_bp_async
from backprop_lift.errors import NoGradientError

SOURCE = '''
    """Functions without originals, and functions that wait."""

    import asyncio

    import numpy as np

    from backprop_lift import Op, lift_op, lifted

    halved = lift_op(
        Op(lambda x, parts=2: (x / parts, lambda dzdy: dzdy / parts)),
        name="halved",
        signature="x, parts=2",
        samples=[(3.0,), (np.array([1.0, 2.0]), 5)],
    )
    doubled = lift_op(  # wrong: three times
        Op(lambda x: (2 * x, lambda dzdy: 3 * dzdy)),
        name="doubled",
        signature="x",
        samples=[(3.0,)],
    )
    flipped = lift_op(
        Op.no_grad(lambda x: -x, "nobody knows"), name="flipped", signature="x", samples=[(3.0,)]
    )


    def five_halves(x):
        """
        >>> five_halves(4.0)
        10.0
        """
        return halved(x) * 5


    @lifted(grad=lambda dzdy, x: dzdy * 2 * x, samples=[(3.0,)])
    async def measured(x):
        await asyncio.sleep(0)
        return x * x


    async def cubed(x):
        """
        >>> asyncio.run(cubed(2.0))
        8.0
        """
        return x * await measured(x)


    async def _tripled(x):
        await asyncio.sleep(0)
        return 3 * x, lambda dzdy: 3 * dzdy


    tripled = lift_op(Op(_tripled), name="tripled", signature="x", samples=[(3.0,)])
'''


@pytest.fixture(scope="module")
def mirror(tmp_path_factory):
    """The mirror of a package with these functions."""
    folder = tmp_path_factory.mktemp("lifted_only")
    (folder / "awaiting").mkdir()
    (folder / "awaiting" / "__init__.py").write_text(textwrap.dedent(SOURCE).lstrip())
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.syspath_prepend(folder)
        assert main(["mirror", "awaiting"]) == 0
        yield importlib.import_module("awaiting.bp")
        for name in [name for name in sys.modules if f"{name}.".startswith("awaiting.")]:
            del sys.modules[name]


def test_mirror_has_what_exists_in_lifted_form_only(mirror):
    assert mirror.halved(3.0) == 1.5
    assert grad_bp(mirror.halved, 3.0, parts=4) == 0.25
    assert grad_bp(mirror.five_halves, 3.0) == 2.5


def test_mirror_refuses_what_is_lifted_wrongly(mirror):
    assert eval_bp(mirror.doubled, 3.0) == 6.0
    with pytest.raises(NoGradientError, match=r"doubled has no gradient"):
        grad_bp(mirror.doubled, 3.0)


def test_mirror_keeps_the_reason_of_an_op_without_gradient(mirror):
    assert mirror.__not_differentiable__["awaiting.bp.flipped"] == "nobody knows"
    with pytest.raises(NoGradientError, match="nobody knows"):
        grad_bp(mirror.flipped, 3.0)


@pytest.mark.parametrize(("name", "slope"), [("measured", 6.0), ("cubed", 27.0), ("tripled", 3.0)])
def test_mirror_of_a_function_that_waits_is_differentiable(mirror, name, slope):
    function = getattr(mirror, name)

    assert asyncio.run(grad_bp_async(function, 3.0)) == slope
    assert asyncio.run(function(3.0)) == asyncio.run(getattr(sys.modules["awaiting"], name)(3.0))

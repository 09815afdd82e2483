"""A mirror beside another version of its package than the one that was checked."""

import importlib
import sys
import textwrap

import pytest

from backprop_lift import grad_bp
from backprop_lift.__main__ import main
from backprop_lift.errors import MirrorError, NoGradientError

BEFORE = '''
    """Springs."""

    __version__ = "1.0"
    STIFFNESS = 3.0


    def energy(x):
        """
        >>> energy(2.0)
        6.0
        """
        return STIFFNESS / 2 * x**2


    def force(x):
        """
        >>> force(2.0)
        -6.0
        """
        return -STIFFNESS * x


    def period(mass):
        """
        >>> period(3.0)
        1.0
        """
        return (mass / 3.0) ** 0.5


    def frequency(mass):
        """
        >>> frequency(3.0)
        1.0
        """
        return 1.0 / _inner(mass)


    def _inner(mass):
        return (mass / 3.0) ** 0.5


    class Spring:
        def __init__(self, x):
            self.x = x

        def energy(self):
            return self.x**2


    class Damper:
        def __init__(self, x):
            self.x = x

        def loss(self):
            return self.x * 2
'''
AFTER = (
    BEFORE.replace('"1.0"', '"1.1"')
    .replace("return -STIFFNESS * x", "return STIFFNESS * -x")
    .replace("def period", "def duration")
    .replace(
        "return (mass / 3.0) ** 0.5\n\n\n    class", "return (mass / 4.0) ** 0.5\n\n\n    class"
    )
    .replace("self.x**2", "self.x**3")
)


@pytest.fixture(scope="module")
def springs(tmp_path_factory):
    """The mirror of the version before, with the version after installed."""
    root = tmp_path_factory.mktemp("springs")
    module = root / "springs_of_steel.py"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.syspath_prepend(root)
        module.write_text(textwrap.dedent(BEFORE))
        assert main(["mirror", "springs_of_steel", "--out", str(root)]) == 0
        module.write_text(textwrap.dedent(AFTER))
        for name in [m for m in sys.modules if m.startswith("springs_of_steel")]:
            del sys.modules[name]
        importlib.invalidate_caches()
        yield importlib.import_module("springs_of_steel_bp")


def test_a_function_that_is_the_same_is_differentiable_still(springs):
    assert grad_bp(springs.energy, 2.0) == 6.0


@pytest.mark.parametrize("name", ["force", "frequency"])
def test_a_function_that_changed_or_reaches_a_change_refuses(springs, name):
    changed = getattr(springs, name)

    assert isinstance(changed(2.0), float)
    with pytest.raises(NoGradientError, match="has changed since it was checked") as caught:
        grad_bp(changed, 2.0)
    assert (caught.value.facts["mirrored"], caught.value.facts["installed"]) == ("1.0", "1.1")


def test_a_function_that_is_gone_says_so_when_it_is_called(springs):
    with pytest.raises(MirrorError, match=r"springs_of_steel\.period is not there any more"):
        springs.period(3.0)


def test_a_class_that_is_the_same_is_differentiable_still(springs):
    assert grad_bp(lambda x: springs.Damper(x).loss(), 1.0) == 2.0


def test_a_class_that_changed_refuses_bvars_and_takes_numbers(springs):
    assert springs.Spring(2.0).energy() == 8.0
    with pytest.raises(NoGradientError, match="Spring was given a BVar"):
        grad_bp(lambda x: springs.Spring(x).energy(), 1.0)

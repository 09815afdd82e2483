"""A mirror of a package with one of each: all that packages show, and how its twin behaves."""

import asyncio
import importlib
import inspect
import pickle
import sys
import textwrap

import numpy as np
import pytest

from backprop_lift import grad_bp, twin_of
from backprop_lift.__main__ import main
from backprop_lift.errors import NoGradientError

ODD = {
    "__init__.py": '''
        """Odd things. The rest of them."""

        import sys
        import warnings
        from math import hypot as hypotenuse

        from numpy import add, sinc

        from . import parts, settings
        from ._private import Scale, from_private
        from .shapes import *

        print("hello")
        sys.stderr.write("noise")
        warnings.warn("deprecated")

        __version__ = "3.1"
        __all__ = [
            "Circle", "Helper", "Scale", "add", "from_private", "hypotenuse", "lazy", "parts",
            "lifted", "composite", "original", "mirrored", "no_grad", "on_demand",
            "not_differentiable", "settings", "sinc",
        ]


        def lifted(x):
            return x * 2.0


        def composite(x):
            return x * 3.0


        def original(x):
            return x * 4.0


        def mirrored(x):
            return x * 5.0


        def no_grad(x):
            return x * 6.0


        def on_demand(x):
            return x * 7.0


        def not_differentiable(x):
            return x * 8.0


        def __getattr__(name):
            if name == "lazy":
                from .parts.deep import lazy

                return lazy
            raise AttributeError(name)
    ''',
    "accelerated.py": """
        def doubled(x):
            return 2.0 * x


        def __getattr__(name):
            import accelerator_that_is_not_installed
    """,
    "_private.py": '''
        def from_private(x):
            """The square of a number."""
            return x * x


        class Scale:
            def __init__(self, k):
                self.k = k

            def __call__(self, x):
                return self.k * x

            def __getitem__(self, i):
                return self.k * i

            def __add__(self, other):
                return Scale(self.k + other.k)

            @property
            def double(self):
                return self.k * 2

            @staticmethod
            def thrice(x):
                return x * 3.0

            @classmethod
            def twice(cls, k):
                return cls(k * 2)
    ''',
    "shapes.py": '''
        import abc
        import ctypes
        import math

        __all__ = ["Circle", "Helper", "Shape", "Square"]


        class Shape(abc.ABC):
            @abc.abstractmethod
            def area(self): ...

            def twice(self):
                return 2 * self.area()


        class Circle(Shape):
            def __init__(self, r: float):
                self.r = r

            def area(self) -> float:
                """Its area."""
                return math.pi * self.r**2

            def scaled(self, k):
                return Circle(self.r * k)

            def through_c(self):
                """Through a number of C."""
                return ctypes.c_double(self.r).value * 1.0

            def __eq__(self, other):
                return isinstance(other, Circle) and other.r == self.r

            def __hash__(self):
                return hash(self.r)


        class Square(Shape):
            __slots__ = ("side",)

            def __init__(self, side):
                self.side = side

            def area(self):
                return self.side**2


        class Helper:
            """A class that C keeps for itself."""

            def __init__(self, x):
                self.x = ctypes.c_double(x).value * 1.0
    ''',
    "settings.py": '''
        FACTOR = 2.0


        def set_factor(factor):
            global FACTOR
            FACTOR = factor


        def scaled(x):
            """
            >>> scaled(3.0)
            6.0
            """
            return x * FACTOR
    ''',
    "parts/__init__.py": """
        from .deep import lazy as renamed

        import odd_originals


        def root(x):
            return x**0.5
    """,
    "parts/deep.py": '''
        import ctypes
        import dataclasses
        import enum
        import functools
        import math
        from collections import namedtuple

        import numpy as np


        class Colour(enum.Enum):
            RED = 1


        class BadShape(ValueError):
            """A shape that is none."""


        Point = namedtuple("Point", "x y")


        @dataclasses.dataclass
        class Record:
            a: float


        def lazy(x):
            return x * 11.0


        def _either(x, k):
            if x > 0:
                return x * k
            return -x


        either = np.vectorize(_either)


        @functools.lru_cache(maxsize=None)
        def cached(x, y=2.0):
            return x**y


        async def later(r):
            return math.pi * r * r


        def powers(x):
            for k in range(3):
                yield x**k


        def scaled(x: float, *, k: float = 2.0, mode: str = "a") -> float:
            if x < 0:
                raise BadShape(f"negative: {x}")
            return x * k


        def total(*xs):
            return sum(xs)


        class _Thing:
            def __init__(self, k):
                self.k = k

            def area(self, r):
                return r * r * self.k

            def __call__(self, r):
                return r * self.k


        thrice = functools.partial(scaled, k=3.0)
        bound = _Thing(3.0).area
        thing = _Thing(5.0)


        def name_of_the_unit():
            return "m"


        def through_c(x):
            return ctypes.c_double(x).value * 1.0


        def __getattr__(name):
            raise AttributeError(name)
    ''',
    "screens.py": "import a_toolkit_that_is_not_installed\n",
    "network.py": "import socket\n\nsocket.create_connection(('127.0.0.1', 9), timeout=1)\n",
    "leaving.py": "import sys\n\nsys.exit(3)\n",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder in which the package and its mirror stand."""
    root = tmp_path_factory.mktemp("odd")
    for path, text in ODD.items():
        (root / "odd_originals" / path).parent.mkdir(parents=True, exist_ok=True)
        (root / "odd_originals" / path).write_text(textwrap.dedent(text).lstrip())
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.syspath_prepend(root)
        assert main(["mirror", "odd_originals"]) == 0
        yield root / "odd_originals"
    for name in [m for m in sys.modules if f"{m}.".startswith("odd_originals.")]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def odd(folder):
    return importlib.import_module("odd_originals.bp")


@pytest.fixture(scope="module")
def deep(odd):
    return importlib.import_module("odd_originals.bp.parts.deep")


def test_a_package_may_print_and_warn_when_it_is_imported(folder):
    assert (folder / "bp" / "__init__.py").is_file()


@pytest.mark.parametrize("name", ["screens", "network", "leaving"])
def test_a_module_that_cannot_be_imported_has_no_twin(folder, name):
    assert not (folder / "bp" / f"{name}.py").exists()


def test_the_text_calls_tools_otherwise_where_a_public_name_is_theirs(folder, odd):
    text = (folder / "bp" / "__init__.py").read_text()

    names = ("lifted", "composite", "original", "mirrored", "no_grad", "not_differentiable")
    assert [grad_bp(getattr(odd, name), 1.0) for name in names] == [2.0, 3.0, 4.0, 5.0, 6.0, 8.0]
    assert "import composite as composite_\n" in text
    assert "original_ = mirrored_(" in text


def test_the_docstring_of_a_module_is_the_first_sentence_of_the_originals(odd):
    assert odd.__doc__.startswith("`odd_originals` with gradients: Odd things.\n")


def test_a_mirror_has_the_version_of_the_package(odd):
    assert odd.__version__ == "3.1"


def test_names_that_come_late_are_mirrored(odd):
    assert grad_bp(odd.lazy, 2.0) == 11.0


def test_a_module_that_imports_what_is_missing_when_it_is_asked_is_mirrored(odd):
    accelerated = importlib.import_module("odd_originals.bp.accelerated")

    assert grad_bp(accelerated.doubled, 2.0) == 2.0


def test_one_function_under_several_names_has_one_twin(odd, deep):
    assert odd.lazy is deep.lazy is odd.parts.renamed


def test_a_package_that_a_module_imports_as_a_tool_is_no_name_of_it(odd):
    assert not hasattr(odd.parts, "odd_originals")


def test_functions_of_others_that_a_package_lists_are_lifted(odd):
    assert grad_bp(lambda x: odd.hypotenuse(x, 4.0), 3.0) == pytest.approx(0.6)
    assert odd.add.reduce([1.0, 2.0]) == 3.0


def test_private_modules_show_what_others_list_of_them(odd):
    assert grad_bp(odd.from_private, 3.0) == 6.0
    assert odd.from_private.__module__ == "odd_originals.bp"


def test_a_setting_is_read_where_the_original_keeps_it(odd):
    original = importlib.import_module("odd_originals.settings")

    odd.settings.set_factor(5.0)

    assert odd.settings.FACTOR == original.FACTOR == 5.0
    assert grad_bp(odd.settings.scaled, 1.0) == 5.0
    original.set_factor(2.0)


def test_constants_exceptions_and_records_are_as_they_are(deep):
    original = importlib.import_module("odd_originals.parts.deep")

    for name in ("Colour", "BadShape", "Point", "Record"):
        assert getattr(deep, name) is getattr(original, name)


def test_a_function_without_arguments_is_as_it_is(deep):
    original = importlib.import_module("odd_originals.parts.deep")

    assert deep.name_of_the_unit is original.name_of_the_unit


# --- kinds of callables -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "slope"), [("thrice", 3.0), ("bound", 12.0), ("thing", 5.0), ("cached", 4.0)]
)
def test_partial_functions_methods_and_objects_are_differentiable(deep, name, slope):
    assert grad_bp(getattr(deep, name), 2.0) == slope


def test_a_function_called_item_by_item_is_differentiable(deep):
    gradient = grad_bp(lambda x: deep.either(x, 2.0).sum(), np.array([1.0, -1.0]))

    assert gradient.tolist() == [2.0, -1.0]
    assert deep.either.__name__ == "either"


def test_the_result_of_a_coroutine_is_differentiable(deep):
    assert asyncio.iscoroutinefunction(deep.later)
    assert grad_bp(lambda r: asyncio.run(deep.later(r)), 2.0) == pytest.approx(4 * np.pi)


def test_the_items_of_a_generator_are_differentiable(deep):
    assert grad_bp(lambda x: sum(deep.powers(x)), 2.0) == 5.0


def test_any_number_of_arguments_is_taken(deep):
    assert grad_bp(lambda x, y: deep.total(x, y, 1.0), 1.0, 2.0) == (1.0, 1.0)


def test_a_cache_stays_within_reach(deep):
    deep.cached.cache_clear()

    assert [deep.cached(2.0), deep.cached(2.0)] == [4.0, 4.0]
    assert deep.cached.cache_info().hits == 1


def test_a_twin_is_its_own_twin_and_goes_through_pickle(odd):
    assert twin_of(odd.lifted) is odd.lifted
    assert pickle.loads(pickle.dumps(odd.lifted)) is odd.lifted


def test_a_twin_has_the_signature_of_its_original(deep):
    assert (
        str(inspect.signature(deep.scaled))
        == "(x: float, *, k: float = 2.0, mode: str = 'a') -> float"
    )


# --- classes ------------------------------------------------------------------------------------


def test_objects_of_a_mirrored_class_may_be_made_of_bvars(odd):
    assert grad_bp(lambda r: odd.Circle(r).area(), 2.0) == pytest.approx(4 * np.pi)
    assert grad_bp(lambda r: odd.Circle(r).scaled(3.0).twice(), 2.0) == pytest.approx(72 * np.pi)
    assert grad_bp(lambda side: odd.shapes.Square(side).area(), 3.0) == 6.0


def test_methods_properties_and_operators_are_differentiable(odd):
    assert grad_bp(lambda k: odd.Scale(k)(3.0) + odd.Scale(k).double + odd.Scale(k)[4], 1.0) == 9.0


def test_operators_between_objects_are_differentiable(odd):
    assert grad_bp(lambda k: (odd.Scale(k) + odd.Scale(2 * k))(5.0), 1.0) == 15.0


def test_static_and_class_methods_are_differentiable(odd):
    assert grad_bp(odd.Scale.thrice, 1.0) == 3.0
    assert grad_bp(lambda k: odd.Scale.twice(k)(5.0), 1.0) == 10.0


def test_classes_know_each_others_objects(odd):
    original = importlib.import_module("odd_originals.shapes")

    assert isinstance(odd.Circle(1.0), original.Circle)
    assert isinstance(original.Circle(1.0), odd.Circle)
    assert isinstance(odd.Circle(1.0).scaled(2.0), odd.Circle)
    assert isinstance(odd.Circle(1.0), odd.shapes.Shape)
    assert issubclass(odd.Circle, odd.shapes.Shape)
    assert not isinstance(odd.shapes.Square(1.0), odd.Circle)


def test_a_subclass_of_a_mirrored_class_is_one_of_its_own(odd):
    class Double(odd.Circle):
        def area(self):
            return 2 * super().area()

    assert grad_bp(lambda r: Double(r).area(), 1.0) == pytest.approx(4 * np.pi)
    assert isinstance(Double(1.0), odd.Circle)
    assert not isinstance(odd.Circle(1.0), Double)


def test_a_method_that_was_not_found_right_refuses(odd):
    assert odd.Circle(2.0).through_c() == 2.0
    assert odd.Circle.through_c.__doc__.startswith("not differentiable: ")
    with pytest.raises(NoGradientError, match=r"Circle\.through_c has no gradient") as caught:
        grad_bp(lambda r: odd.Circle(r).through_c(), 2.0)
    assert caught.value.facts["called"].startswith(f"{__file__}:")


def test_a_refusal_says_where_the_stub_was_called(deep):
    with pytest.raises(NoGradientError, match="through_c has no gradient") as caught:
        grad_bp(deep.through_c, 2.0)
    assert caught.value.facts["called"].startswith(f"{__file__}:")


def test_a_class_that_was_not_found_right_refuses_bvars(odd):
    assert odd.Helper(2.0).x == 2.0
    with pytest.raises(NoGradientError, match="Helper was given a BVar"):
        grad_bp(lambda x: odd.Helper(x).x, 2.0)


def test_objects_compare_hash_and_pickle_as_the_originals_do(odd):
    circle = odd.Circle(2.0)

    assert circle == odd.Circle(2.0)
    assert hash(circle) == hash(2.0)
    assert pickle.loads(pickle.dumps(circle)) == circle
    assert odd.Circle.__name__ == "Circle"


# --- what is refused ----------------------------------------------------------------------------


def test_the_list_of_refusals_has_methods_and_modules_that_are_not_loaded(odd):
    refused = odd.__not_differentiable__

    assert "odd_originals.bp.shapes.Circle.through_c" in refused
    assert "odd_originals.bp.settings.set_factor" in refused
    assert "odd_originals.bp.lifted" not in refused


def test_the_text_gives_the_reason_beside_each_method_that_refuses(folder):
    text = (folder / "bp" / "shapes.py").read_text()

    assert '        {\n            "through_c": "' in text


# --- errors of a user's day ---------------------------------------------------------------------


def test_an_error_inside_an_original_says_who_was_given_what_and_where(deep):
    with pytest.raises(TypeError) as caught:
        grad_bp(lambda x: deep.scaled(x, k="a"), 1.0)

    note = caught.value.__notes__[0]
    assert note.startswith("while odd_originals.parts.deep.scaled ran, called with BVars as ")
    assert "\n  x: BVar of 1.0\n  k: 'a'\n" in note
    assert f"called: {__file__}:" in note


def test_an_exception_of_the_package_stays_what_it_is(deep):
    with pytest.raises(deep.BadShape, match=r"negative: -1\.0") as caught:
        grad_bp(deep.scaled, -1.0)

    assert "x: BVar of -1.0" in caught.value.__notes__[0]


def test_a_call_that_does_not_fit_the_signature_names_the_function(deep):
    with pytest.raises(TypeError, match=r"scaled\(\) got an unexpected keyword argument 'q'"):
        grad_bp(lambda x: deep.scaled(x, q=1.0), 1.0)
    with pytest.raises(TypeError, match=r"scaled\(\) takes 1 positional argument but 2 were given"):
        deep.scaled(1.0, 2.0)

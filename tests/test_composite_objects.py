"""Classes, objects and state inside composites."""

import abc
import collections
import contextlib
import dataclasses
import functools
import math
import types
import typing

import numpy as np
import pytest

from backprop_lift import BVar, backprop, grad_bp, lifted, twin_of
from backprop_lift.errors import LiftError

VECTOR = np.array([0.7, 1.9, 0.4])


class Holder:
    """Has functions and objects for attributes."""

    def __init__(self, f, inner=None):
        self.f = f
        self.table = {"f": f, "cos": math.cos}
        self.inner = inner

    def value(self, v):
        return self.f(v)

    def from_table(self, v):
        return self.table["f"](v) + self.table["cos"](v)

    def own(self, v):
        return math.sin(v) + (self.inner.own(v) if self.inner else 0.0)

    def __call__(self, v):
        return math.exp(v)

    def __getitem__(self, v):
        return math.exp(v)


HOLDER = Holder(math.sin, Holder(math.cos))
OF_LAMBDA = Holder(lambda v: math.sin(v))
HOLDERS = [HOLDER, OF_LAMBDA]
IN_ORDER = collections.OrderedDict(one=HOLDER, three=OF_LAMBDA)
BY_NAME = {"first": HOLDER, "nested": [(OF_LAMBDA,)]}


def by_object_of_the_module(x):
    return HOLDER.own(x) + HOLDER(x) + HOLDER[x]


def by_function_in_an_attribute(x):
    return HOLDER.value(x) + HOLDER.from_table(x) + HOLDER.f(x) + OF_LAMBDA.value(x)


def by_objects_in_an_ordered_dict(x):
    ordered = collections.OrderedDict(first=HOLDER, second=OF_LAMBDA)
    return total_of_objects(ordered, x) + total_of_objects(IN_ORDER, x)


def total_of_objects(ordered, x):
    return sum(len(name) * holder.value(x) for name, holder in ordered.items())


def by_objects_in_tables(x):
    found = HOLDERS[0].own(x) + BY_NAME["first"].own(x) + BY_NAME["nested"][0][0].value(x)
    return found + sum(holder.own(x) for holder in HOLDERS)


def capturing():
    holder = Holder(math.sin)
    return lambda x: holder.value(x) * holder.own(x)


by_captured_object = capturing()


class Lazy:
    def __init__(self, k):
        self.k = k

    @functools.cached_property
    def exponential(self):
        return math.exp(self.k)

    @functools.lru_cache  # noqa: B019 - as in real code
    def scaled(self, x):
        return math.sin(x) * self.k


def by_cached_property(x):
    lazy = Lazy(x)
    return lazy.exponential * lazy.exponential


def by_cached_method(x):
    return Lazy(x).scaled(x)


@functools.total_ordering
class Ordered:
    def __init__(self, v):
        self.v = math.exp(v)

    def __lt__(self, other):
        return self.v < other.v

    def __eq__(self, other):
        return self.v == other.v

    __hash__ = None


def by_total_ordering(x):
    return max(Ordered(x), Ordered(0.2)).v + (x if Ordered(x) >= Ordered(0.1) else 0.0)


class First:
    k = 2.0

    def __init__(self, v):
        self.v = math.sin(v)

    @classmethod
    def made(cls, v):
        return cls(v * cls.k)

    def __mul__(self, other):
        return type(self)(self.v * other.v)


class Second(First):
    def __init__(self, v):
        super().__init__(v)
        self.w = v

    @classmethod
    def made(cls, v):
        return super().made(v)

    @classmethod
    def made_otherwise(cls, v):
        return super(Second, cls).made(v)  # noqa: UP008 - as in older code

    def base(self, v):
        return super(Second, type(self)).made(v).v


def by_super(x):
    both = Second.made(x).v + Second.made_otherwise(x).w
    return both + (Second(x) * Second(x)).v + Second(0.3).base(x)


class Slotted:
    __slots__ = ("a",)

    def __init__(self, a):
        self.a = math.sin(a)

    def exponential(self, x):
        return math.exp(self.a * x)


SLOTTED = Slotted(0.3)


def by_slots(x):
    return Slotted(x).exponential(1.0) + SLOTTED.exponential(x)


class Meta(abc.ABCMeta):
    def __call__(cls, *args):
        return super().__call__(*args)


class WithMeta(metaclass=Meta):
    def __init__(self, a):
        self.a = math.sin(a)


class Hooked:
    known: typing.ClassVar[list] = []

    def __init_subclass__(cls):
        Hooked.known.append(cls)

    def sine(self, x):
        return math.sin(x)


def by_metaclass(x):
    return WithMeta(x).a


class WithDescriptor:
    class Sine:
        def __get__(self, owner, cls=None):
            return math.sin(owner.x)

    sine = Sine()

    def __init__(self, x):
        self.x = x

    def __getattr__(self, name):
        if name == "cosine":
            return math.cos(self.x)
        raise AttributeError(name)


def by_descriptor(x):
    return WithDescriptor(x).sine * WithDescriptor(x).cosine


class Number:
    """Converts itself."""

    def __init__(self, v):
        self.v = v

    def __add__(self, other):
        return Number(self.v + (other.v if isinstance(other, Number) else other))

    __radd__ = __add__

    def __float__(self):
        return float(self.v)

    def __array__(self, dtype=None, copy=None):
        return np.array([self.v])


def by_conversion(x):
    return float(Number(x) + 1.0) * math.sin(1.0 + Number(x)) + np.sum(np.asarray(Number(x)) * 2)


class Point(typing.NamedTuple):
    x: float
    f: typing.Callable = math.sin

    def sine(self, v):
        return math.sin(self.x * v)


POINTS = [Point(0.3), Point(0.7, math.cos)]


def by_named_tuple(x):
    return Point(x).sine(2.0) + sum(p.sine(x) * p.f(x) for p in POINTS)


def by_namespace(x):
    n = types.SimpleNamespace(a=x)
    n.b = math.sin(n.a)
    return n.b * n.a


def by_containers(x):
    counts = collections.Counter()
    counts["a"] += x
    d = {"a": x}
    d.update(b=x * x)
    d |= {"e": x}
    numbers = [x, 2.0, 3.0]
    del numbers[1]
    numbers.insert(0, x * x)
    numbers += [x]
    numbers.reverse()
    return counts["a"] + sum(d.values()) + d.pop("a") + numbers[0] * numbers[-1] + len(numbers) * x


@contextlib.contextmanager
def sine_of(x):
    yield math.sin(x)


def by_context_manager(x):
    with sine_of(x) as y:
        return y * 2


def made_by_exec():
    names = {"math": math}
    exec("def f(v): return math.sin(v) * 2", names)  # noqa: S102 - as factories do
    return names["f"]


by_exec = made_by_exec()


def by_exec_inside(x):
    names = {}
    exec("import math\ndef f(v): return math.sin(v) * 2", names)  # noqa: S102
    return names["f"](x) + eval("math.sin(x) * pow(x, 2)")


def by_globals(x):
    return globals().get("math").sin(x) * globals()["math"].cos(x) + ("absent" in globals())


@pytest.mark.parametrize(
    "f",
    [
        by_object_of_the_module,
        by_function_in_an_attribute,
        by_objects_in_tables,
        by_objects_in_an_ordered_dict,
        by_captured_object,
        by_cached_property,
        by_cached_method,
        by_total_ordering,
        by_super,
        by_slots,
        by_metaclass,
        by_descriptor,
        by_conversion,
        by_named_tuple,
        by_namespace,
        by_containers,
        by_context_manager,
        by_exec,
        by_exec_inside,
        by_globals,
    ],
    ids=lambda f: f.__name__,
)
def test_composite_with_objects_is_right(f, agrees):
    assert agrees(f, 0.83)


def test_objects_of_scipy_are_lifted_by_their_rules(agrees):
    stats = pytest.importorskip("scipy.stats")
    interpolate = pytest.importorskip("scipy.interpolate")
    norm, frozen = stats.norm, stats.norm(1.0, 2.0)
    spline = interpolate.CubicSpline([0.0, 1, 2, 3], [0.0, 1, 4, 2])

    assert agrees(lambda x: norm.cdf(x) + norm.pdf(x, 0.2, 1.5) + frozen.cdf(x), 0.83)
    assert agrees(lambda x: np.sum(spline(x) ** 2), VECTOR)


def test_class_that_hears_of_its_subclasses_hears_of_no_twin(agrees):
    assert agrees(lambda x: Hooked().sine(x), 0.83)
    assert Hooked.known == []


def test_view_of_an_object_is_equal_to_it(mine):
    table = {HOLDER: 2.0}

    def f(x):
        assert HOLDER in table
        assert HOLDER == HOLDERS[0]
        assert HOLDERS.index(OF_LAMBDA) == 1
        assert HOLDER is HOLDERS[0]
        assert type(HOLDER) is Holder
        return x * table[HOLDER]

    lifted(f, into=mine)

    assert grad_bp(twin_of(f, mine), 0.83) == 2.0


# State that outlives a call


class Counting:
    calls = 0
    seen: typing.ClassVar[list] = []

    def __init__(self, x):
        Counting.calls += 1
        type(self).calls += 1
        self.x = x


def test_class_attributes_are_those_of_the_original(mine):
    def f(x):
        return Counting(x).x * math.sin(x)

    lifted(f, into=mine)
    before = Counting.calls
    grad_bp(twin_of(f, mine), 0.83)

    assert Counting.calls == before + 2


CACHE = {}


def with_cached_array(x):
    if "weights" not in CACHE:
        CACHE["weights"] = np.linspace(0, 1, 5)
    return np.sum(CACHE["weights"] * x)


def with_cached_function(x):
    if "f" not in CACHE:
        CACHE["f"] = lambda v: math.sin(v)
    return CACHE["f"](x)


def with_cached_object(x):
    if "o" not in CACHE:
        CACHE["o"] = Lazy(2.0)
    return CACHE["o"].exponential * x


@pytest.mark.parametrize("f", [with_cached_array, with_cached_function, with_cached_object])
def test_what_is_kept_in_a_table_is_what_the_original_keeps(f, monkeypatch, agrees):
    monkeypatch.setitem(globals(), "CACHE", {})
    f(0.5)
    (expected,) = CACHE.values()
    CACHE.clear()

    assert agrees(f, 0.83)
    CACHE.clear()
    assert agrees(f, 0.83)
    (kept,) = CACHE.values()
    assert type(kept) is type(expected)
    assert getattr(kept, "__globals__", globals()) is globals()


class Remembering:
    def __init__(self):
        self.last = None
        self.all = []
        self.buffer = np.zeros(2)

    def scaled(self, x):
        self.last = math.exp(x)
        self.all.append(self.last)
        self.matrix = np.ones((2, 2))
        self.matrix[0, 0] = x
        return self.last * self.matrix[0, 0] + self.all[-1]


def test_object_given_from_outside_keeps_plain_values(mine):
    def f(x, o):
        return o.scaled(x)

    o = Remembering()
    lifted(f, into=mine)
    y, gradient = backprop(lambda x: twin_of(f, mine)(x, o), 0.83)

    assert y == pytest.approx(math.exp(0.83) * 1.83)
    assert gradient == pytest.approx(math.exp(0.83) * 2.83)
    assert type(o) is Remembering
    assert o.last == pytest.approx(math.exp(0.83))
    assert o.all == [o.last]
    assert type(o.matrix) is np.ndarray
    assert o.matrix[0, 0] == 0.83


def test_state_within_a_run_keeps_its_gradient(mine):
    def f(x, o):
        return o.scaled(x)

    lifted(f, into=mine)
    o = Remembering()

    def twice(x):
        twin_of(f, mine)(x, o)
        return twin_of(f, mine)(x, o) + o.all[0]

    assert grad_bp(twice, 0.83) == pytest.approx(math.exp(0.83) * 3.83)


def test_list_of_the_caller_is_filled_and_then_plain(mine):
    def f(x, found):
        found.append(math.sin(x))
        return found[-1] * x

    lifted(f, into=mine)
    found = []
    gradient = grad_bp(lambda x: twin_of(f, mine)(x, found) + found[0], 0.83)

    assert gradient == pytest.approx(math.sin(0.83) + math.cos(0.83) * 1.83)
    assert found == [math.sin(0.83)]


def test_list_of_objects_of_the_caller_is_changed_in_place(mine):
    def f(x, holders):
        holders.reverse()
        holders.append(Holder(math.exp))
        return holders[0].value(x)

    lifted(f, into=mine)
    holders = [HOLDER, OF_LAMBDA]
    grad_bp(lambda x: twin_of(f, mine)(x, holders), 0.83)

    assert holders[:2] == [OF_LAMBDA, HOLDER]
    assert [type(h) for h in holders[:2]] == [Holder, Holder]


def test_list_on_the_tape_that_is_changed_moves_on(mine):
    def f(xs):
        xs.sort()
        xs[0] = xs[0] * 3.0
        return xs[1]

    lifted(f, into=mine)

    def both(xs):
        return twin_of(f, mine)(xs) * 10.0 + xs[0]

    assert grad_bp(both, [0.9, 0.2]) == [10.0, 3.0]


def counting():
    total = 0.0

    def f(x):
        nonlocal total
        total = total + math.exp(x)
        return total

    return f, lambda: total


def test_closure_that_counts_counts_in_the_original(mine):
    f, total = counting()
    f(0.0)
    lifted(f, into=mine)

    assert grad_bp(twin_of(f, mine), 0.5) == pytest.approx(math.exp(0.5))
    assert total() == pytest.approx(1.0 + math.exp(0.5))
    assert f(0.0) == pytest.approx(2.0 + math.exp(0.5))
    assert grad_bp(twin_of(f, mine), 0.5) == pytest.approx(math.exp(0.5))
    assert total() == pytest.approx(2.0 + 2 * math.exp(0.5))


def remembering_itself(x):
    remembering_itself.last = math.exp(x)
    return remembering_itself.last * 2


def test_attribute_of_a_function_is_the_originals(mine):
    lifted(remembering_itself, into=mine)

    assert grad_bp(twin_of(remembering_itself, mine), 0.5) == pytest.approx(2 * math.exp(0.5))
    assert remembering_itself.last == pytest.approx(math.exp(0.5))
    assert not isinstance(remembering_itself.last, BVar)


def test_global_name_assigned_by_subscript_is_refused(mine):
    def f(x):
        globals()["NEVER"] = x
        return x

    lifted(f, into=mine)

    with pytest.raises(LiftError, match="NEVER"):
        grad_bp(twin_of(f, mine), 0.83)
    assert "NEVER" not in globals()


# Classes outside


class Rod:
    def __init__(self, length):
        self.length = length
        self.ends = np.zeros(2)
        self.ends[1] = math.sin(length)

    def points(self, k):
        found = np.zeros(3)
        found[0] = self.length * k
        found[1:] = self.ends
        return found

    def doubled(self):
        return self.points(2.0) * 2

    @property
    def size(self):
        return np.array([self.length, math.exp(self.length)])

    @staticmethod
    def twice(v):
        return np.asarray(v) * 2

    @classmethod
    def of_sine(cls, v):
        return cls(math.sin(v))


def test_methods_of_a_lifted_class_take_and_give_what_is_known_outside(mine):
    lifted(Rod, into=mine)
    twin = twin_of(Rod, mine)

    def f(x):
        rod = twin(x)
        parts = [rod.points(x), rod.doubled(), rod.size, twin.twice(x), rod.ends]
        kinds = {type(part).__name__ for part in parts}
        assert kinds <= {"BVar", "ndarray", "float64"}
        return np.sum(parts[0]) + np.sum(parts[1]) + parts[2][1] + twin.of_sine(x).length

    assert grad_bp(f, 0.3) == pytest.approx((f(0.3 + 1e-6) - f(0.3 - 1e-6)) / 2e-6)
    assert isinstance(twin(1.0), Rod)
    assert type(twin(1.0).points(2.0)) is np.ndarray
    assert type(twin(1.0).ends) is np.ndarray


def squared_sine(v, k=1.0):
    return math.sin(v * k) ** 2


def test_function_given_to_a_function_with_a_rule_is_rebound(agrees):
    integrate = pytest.importorskip("scipy.integrate")

    assert agrees(lambda x: integrate.quad(squared_sine, 0.0, 2.0, args=(x,))[0], 0.83)
    assert agrees(lambda x: integrate.quad(HOLDER.own, 0.0, x)[0], 0.83)


class Mark:
    """Has no methods, so that nothing is rebound."""


class Name(str):
    """Cannot be made by `object.__new__`."""


def test_objects_that_are_not_rebound_stay_the_same_ones(mine):
    marks = {"a": Mark(), "b": [Mark()], "c": Name("c")}
    before = [marks["a"], marks["b"][0], marks["c"]]

    def f(x):
        marks["d"] = x
        return x * len(marks)

    lifted(f, into=mine)

    assert grad_bp(twin_of(f, mine), 0.83) == 4.0
    assert [a is b for a, b in zip(before, marks.values(), strict=False)] == [True, False, True]
    assert marks["b"][0] is before[1]
    assert marks["d"] == 0.83


class Metal:
    """A base that tables and lineages are kept of."""

    def __init__(self, density):
        self.density = density

    def twice(self):
        return 2.0 * self.density


class Iron(Metal):
    """What is looked up."""


HARDNESS = {Metal: 2.0, Iron: 4.0}


@pytest.mark.parametrize(
    "factor",
    [
        lambda iron: HARDNESS.get(type(iron), 100.0),
        lambda iron: HARDNESS[iron.__class__],
        lambda iron: 3.0 if type(iron) in {Metal, Iron} else 5.0,
        lambda iron: sum(HARDNESS.get(cls, 0.0) for cls in type(iron).__mro__),
        lambda iron: len(type(iron).__mro__),
        lambda iron: 3.0 if Metal in type(iron).__bases__ else 5.0,
        lambda iron: 3.0 if type(iron).__base__ is Metal else 5.0,
    ],
)
def test_class_of_an_object_is_found_where_its_original_is_kept(factor, agrees):
    assert agrees(lambda x: factor(Iron(x)) * Iron(x).twice(), 0.83)


def test_subclasses_are_those_that_the_package_wrote(mine):
    def f(x):
        return x * len(Iron(x).__class__.__base__.__subclasses__())

    lifted(f, into=mine)

    assert grad_bp(twin_of(f, mine), 0.83) == 1.0


@dataclasses.dataclass(frozen=True)
class Area:
    """A record whose own methods name its class in a variable."""

    size: float

    def twice(self):
        return Area(2.0 * self.size)

    @property
    def side(self):
        return math.sqrt(self.size)


def test_what_a_method_of_a_frozen_record_gives_has_lifted_methods(mine):
    lifted(Area, into=mine)
    area = twin_of(Area, mine)

    assert math.isclose(grad_bp(lambda x: area(x).twice().side, 4.0), 0.5 / math.sqrt(2.0))


def test_frozen_record_made_of_bvars_stays_frozen(mine):
    lifted(Area, into=mine)

    def f(x):
        area = twin_of(Area, mine)(x)
        with pytest.raises(dataclasses.FrozenInstanceError):
            area.size = 1.0
        return area.side

    assert math.isclose(grad_bp(f, 4.0), 0.25)


class Curve:
    """An object that NumPy takes for an array."""

    def __init__(self, points):
        self.points = points

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.points, dtype)


def test_object_that_tells_its_array_is_taken_for_it(agrees):
    assert agrees(lambda x: np.sum(Curve(x * x)) + np.asarray(Curve(x)), np.array([0.7, 1.9]))

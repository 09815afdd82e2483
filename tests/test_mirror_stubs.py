"""What editors and type checkers see of a mirror."""

import dataclasses
import importlib.util
import inspect
import subprocess
import sys
import textwrap
from typing import Literal

import pytest

from backprop_lift.mirror import live
from backprop_lift.mirror.plan import Line, Page, Plan
from backprop_lift.mirror.stubs import stub


class Body:
    """A body."""

    def __init__(self, size: float) -> None:
        self.size = size

    def volume(self, factor: float = 2.0) -> float:
        """Its volume."""
        return factor * self.size

    @property
    def half(self) -> float:
        return self.size / 2

    @staticmethod
    def unit(name: str) -> str:
        return name

    @classmethod
    def of_two(cls, size: float) -> "Body":
        return cls(2 * size)

    def __len__(self) -> int:
        return 1

    def __add__(self, other: "Body") -> "Body":
        return Body(self.size + other.size)


class Ball(Body):
    """A ball."""


async def later(x: float) -> float:
    return x


def half(x: float, *, digits: int = 2) -> float:
    """Half of a number."""
    return round(x / 2, digits)


def many(xs: list[float | int], unit: Literal["m"] | float | None = None) -> list[float]:
    return xs


def quiet(x, y=None, /, *rest, **more):
    return x


LINES = (
    Line("Ball", "class", "m.Ball", "composite", ("size",), value=Ball),
    Line(
        "Body", "class", "m.Body", "composite", ("size",), value=Body,
        methods=("half", "of_two"), refused=(("volume", "its check failed"),),
    ),
    Line("half", "function", "m.half", "composite", ("x",), value=half),
    Line("later", "function", "m.later", "composite", ("x",), value=later),
    Line("many", "function", "m.many", "composite", ("xs", "unit"), value=many),
    Line("quiet", "function", "m.quiet", "noGrad", reason="no sample", value=quiet),
    Line("UNIT", "constant", "m.UNIT", "as it is", value="m"),
)  # fmt: skip


def _stub(*names, licence="MIT"):
    return _stub_of(*(line for line in LINES if line.name in names), licence=licence)


def _stub_of(*lines, licence="MIT"):
    page = Page("m", lines, (), tuple(line.name for line in lines), (), False, "")
    return stub(page, Plan("m", "m", "1.0", "m_bp", licence, (page,), {}))


def test_a_differentiable_argument_may_be_a_bvar():
    text = _stub("half")

    assert "def half(x: float, *, digits: int = 2) -> float: ..." in text
    assert "def half(x: float | BVar[float], *, digits: int = 2) -> BVar[float]:" in text
    assert '    """Half of a number."""' in text


def test_a_container_of_numbers_may_hold_bvars_or_be_one():
    assert "xs: list[Any] | BVar[list[float | int]]," in _stub("many")


def test_a_union_is_widened_by_its_numbers():
    assert 'unit: Literal["m"] | float | BVar[float] | None = None' in _stub("many")


def test_a_name_that_annotations_need_keeps_its_meaning_beside_one_of_the_module():
    lines = (
        *(line for line in LINES if line.name in ("half", "quiet")),
        Line("float", "function", "m.float", "composite", ("x",), value=half),
        Line("Any", "class", "m.Any", "as it is", value=Ball),
        Line("overload", "constant", "m.overload", "as it is", value=1),
    )

    text = _stub_of(*lines)

    assert "from typing import Any as _Any, overload as _overload" in text
    assert "from builtins import float as _float" in text
    assert "def half(x: _float | BVar[_float], *, digits: int = 2) -> BVar[_float]:" in text
    assert "def float(x: _float, *, digits: int = 2) -> _float: ..." in text
    assert "def quiet(x: _Any, y: _Any = None" in text
    assert "class Any:" in text
    assert "overload: int" in text


def test_an_async_function_is_one():
    assert "async def later(x: float | BVar[float]) -> BVar[float]: ..." in _stub("later")


def test_a_refusal_stands_in_the_first_line_of_the_docstring():
    assert '"""not differentiable: no sample"""' in _stub("quiet")


def test_a_signature_keeps_its_kinds_of_parameters():
    assert "def quiet(x: Any, y: Any = None, /, *rest: Any, **more: Any) -> Any:" in _stub("quiet")


def test_docstring_is_the_same_in_every_run():
    def half_or(x, by=lambda x: x / 2):
        return by(x)

    half_or.__doc__ = f"half_or(x, by={inspect.signature(half_or).parameters['by'].default})"
    line = Line("half_or", "function", "m.half_or", "composite", ("x",), value=half_or)

    text = _stub_of(line)

    assert "<lambda>>)" in text


def test_default_that_an_annotation_forgot_does_not_contradict_it():
    def spread(x: float = None, way: int = "mean", unit: Literal["m"] = "m"):  # noqa: RUF013 - so packages write it
        return x

    line = Line("spread", "function", "m.spread", "composite", ("x",), value=spread)

    text = _stub_of(line)

    assert "x: float | BVar[float] | None = None, way: int = ..." in text
    assert 'unit: Literal["m"] = "m"' in text


def test_a_constant_has_its_type():
    assert "UNIT: str" in _stub("UNIT")


def test_a_class_shows_methods_properties_and_operators():
    text = _stub("Body")

    assert "    def __init__(self, size: float | BVar[float]) -> None: ..." in text
    assert "    @property\n    def half(self) -> float | Any: ..." in text
    assert "    @staticmethod\n    def unit(name: str) -> str: ..." in text
    assert "    @classmethod\n    def of_two(cls, size: float | BVar[float]) -> Body: ..." in text
    assert "    def __len__(self) -> int | Any: ..." in text
    assert "    def __add__(self, other: Body) -> Body: ..." in text


def test_a_method_says_why_it_is_not_differentiable_and_what_it_does():
    text = _stub("Body")

    assert '        """not differentiable: its check failed\n\n        Its volume.\n' in text


def test_a_class_has_the_bases_that_the_mirror_has():
    assert "class Ball(Body):" in _stub("Ball", "Body")
    assert "class Ball:" in _stub("Ball")


def test_a_base_of_another_module_is_imported_under_a_private_name():
    ball = dataclasses.replace(LINES[0], home="m.balls.Ball")
    pages = (
        Page("m", (LINES[1],), (), ("Body",), (), True, ""),
        Page("m.balls", (ball,), (), ("Ball",), (), False, ""),
    )

    text = stub(pages[1], Plan("m", "m", "1.0", "m_bp", "MIT", pages, {}))

    assert "from . import Body as _Body\n" in text
    assert "class Ball(_Body):" in text


def test_docstrings_are_copied_only_where_there_is_a_licence():
    assert "Half of a number." not in _stub("half", licence="")


def test_a_stub_is_python():
    compile(_stub(*(line.name for line in LINES)), "m.pyi", "exec")


def test_a_users_script_passes_mypy_and_finds_its_mistakes(tmp_path):
    if importlib.util.find_spec("mypy") is None:
        pytest.skip("there is no mypy here")
    (tmp_path / "m_bp").mkdir()
    (tmp_path / "m_bp" / "__init__.pyi").write_text(_stub(*(line.name for line in LINES)))
    script = """
        import asyncio

        from backprop_lift import BVar, grad_bp

        import m_bp
        from m_bp import Ball, Body


        def loss(x: float) -> float:
            body: Body = Ball(m_bp.half(x)) + Body.of_two(x)
            return body.half + m_bp.half(x)


        async def waited(v: BVar) -> BVar[float]:
            return await m_bp.later(v)


        gradient: float = grad_bp(loss, 1.0)
        m_bp.half("a")
        m_bp.half(1.0, 2)
        m_bp.hlaf(1.0)
    """
    (tmp_path / "script.py").write_text(textwrap.dedent(script))

    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "script.py"]
    found = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    lines = [line.split(":")[1] for line in found.stdout.splitlines() if ": error:" in line]
    assert lines == ["20", "21", "22"], found.stdout


def test_a_mirror_without_files_is_like_one_with_files():
    colours = live("colorsys", "colours_with_gradients")

    assert dict(colours.__not_differentiable__) == {}
    assert colours.rgb_to_hls.__module__ == "colours_with_gradients"

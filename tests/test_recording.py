"""Recorded calls: any command, in any folder, which runs as it would without."""

import inspect
import itertools
import json
import sys
import textwrap
import traceback

import pytest

from backprop_lift.errors import MirrorError
from backprop_lift.gradcheck import Sample, read_samples
from backprop_lift.mirror.branches import covering
from backprop_lift.mirror.prologue import with_prologue
from backprop_lift.mirror.recording import recorded_while

_count = itertools.count()

LENSES = '''
    """Lenses."""

    import dataclasses

    @dataclasses.dataclass
    class Lens:
        focus: float

        def image(self, distance):
            return 1.0 / (1.0 / self.focus - 1.0 / distance)

    def power(lens, unit="dpt"):
        return 1.0 / lens.focus if unit == "dpt" else 1e-3 / lens.focus

    def bend(x, order=2):
        if x < 0.0:
            return -x
        return x**order

    def _hidden(x):
        return x
'''

TESTS = """
    import sys
    import numpy as np
    import {name} as lenses

    def test_power():
        lens = lenses.Lens(0.5)
        assert lenses.power(lens) == 2.0
        assert lenses.power(lens, unit="mm") == 0.002
        assert lens.image(1.0) == 1.0

    def test_bend():
        for k in range(500):
            lenses.bend(float(k) + 1.0)
        lenses.bend(np.array([1.0, 2.0]).sum())
        lenses.bend(-3.0, order=3)
        lenses._hidden(1.0)

    def test_fails():
        assert lenses.bend(7.0, order=3) == 0
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """The name of a package of lenses, in a folder beside its tests."""
    name = f"lenses{next(_count)}"
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / f"{name}.py").write_text(textwrap.dedent(LENSES).lstrip())
    tests = tmp_path / "tests"
    tests.mkdir()
    (tests / "test_lenses.py").write_text(textwrap.dedent(TESTS).replace("{name}", name).lstrip())
    yield name
    sys.modules.pop(name, None)


def recorded(name, path):
    return {f.rpartition(".")[2]: calls for f, calls in read_samples(path).items()}


def test_calls_are_recorded_while_tests_run_that_fail(package, tmp_path):
    path = tmp_path / "calls.jsonl"

    said = recorded_while(f"cd {tmp_path} && pytest tests -p no:cacheprovider", package, path)

    assert said.status == 1
    assert "1 failed, 2 passed" in str(said)
    found = recorded(package, path)
    assert "_hidden" not in found
    assert {(s.args[0].focus, s.args[1:]) for s in found["power"]} == {(0.5, ()), (0.5, ("mm",))}
    assert found["image"][0].args[0].focus == 0.5
    assert any("test_power" in sample.origin for sample in found["power"])


def test_calls_of_a_kind_are_kept_once_or_twice_and_every_branch(package, tmp_path):
    path = tmp_path / "calls.jsonl"

    recorded_while(f"cd {tmp_path} && pytest tests", package, path)

    bends = recorded(package, path)["bend"]
    assert len(bends) <= 12
    assert any(sample.args[0] < 0 for sample in bends)
    assert any(len(sample.args) > 1 or "order" in sample.settings for sample in bends)


def test_recorded_calls_are_plain_lines(package, tmp_path):
    path = tmp_path / "calls.jsonl"

    recorded_while(f"cd {tmp_path} && pytest tests", package, path)

    for line in path.read_text().splitlines():
        assert isinstance(json.loads(line), dict)


def test_a_program_is_recorded_in_a_process_of_its_own_process(package, tmp_path):
    inner = f"import {package} as lenses; lenses.bend(4.0)"
    outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}])"
    (tmp_path / "program.py").write_text(outer)
    path = tmp_path / "calls.jsonl"

    recorded_while(f"python {tmp_path / 'program.py'}", package, path)

    assert [sample.args for sample in recorded(package, path)["bend"]] == [(4.0,)]


def test_a_command_that_never_ends_is_stopped_and_what_it_did_is_kept(package, tmp_path):
    program = f"import time, {package} as lenses; lenses.bend(4.0); time.sleep(600)"
    path = tmp_path / "calls.jsonl"

    said = recorded_while(f'python -c "{program}"', package, path, seconds=6)

    assert said.stopped
    assert [sample.args for sample in recorded(package, path)["bend"]] == [(4.0,)]


def test_a_process_that_ends_at_once_loses_nothing(package, tmp_path):
    program = f"import os, {package} as lenses; lenses.bend(4.0); os._exit(9)"
    path = tmp_path / "calls.jsonl"

    said = recorded_while(f'python -c "{program}"', package, path)

    assert (said.calls, said.status) == (1, 9)


def test_a_command_without_calls_is_refused_with_what_it_said(package, tmp_path):
    path = tmp_path / "calls.jsonl"

    with pytest.raises(MirrorError, match="called no function") as error:
        recorded_while("echo nothing to do; exit 3", package, path)

    assert error.value.facts == {"status": 3, "said": "nothing to do"}
    assert not path.exists()


def test_the_command_sees_the_functions_that_it_would_see(package, tmp_path):
    program = textwrap.dedent(
        f"""
        import inspect, os, pickle, sys, threading
        import {package} as lenses

        assert sys.getprofile() is None and sys.gettrace() is None
        assert "numpy" in sys.modules
        own = os.path.dirname(os.__file__)  # where some systems have one
        paths = [p for p in sys.path if os.path.isdir(p) and p != own]
        assert not any("sitecustomize.py" in os.listdir(p) for p in paths)
        for k in range(80_000):
            assert lenses.bend(2.0) == 4.0
        assert pickle.loads(pickle.dumps(lenses.bend)) is lenses.bend
        assert inspect.getsource(lenses.bend).startswith("def bend(x, order=2):")
        assert type(lenses.__spec__.loader).__name__ == "SourceFileLoader"
        assert "exec_module" not in vars(lenses.__spec__.loader)
        try:
            lenses.bend("x")
        except TypeError as error:
            assert error.__traceback__.tb_next.tb_next is None
        else:
            raise SystemExit(5)
        if not hasattr(sys, "monitoring"):
            code = lenses.bend.__code__
            assert not any(callable(constant) for constant in code.co_consts)
        """
    )
    (tmp_path / "program.py").write_text(program)

    said = recorded_while(f"python {tmp_path / 'program.py'}", package, tmp_path / "calls.jsonl")

    assert said.status == 0, said.last


def test_a_command_without_the_package_imports_nothing_more(package, tmp_path):
    program = "import sys; print('numpy' in sys.modules, 'backprop_lift' in sys.modules)"

    with pytest.raises(MirrorError) as error:
        recorded_while(f'python -c "{program}"', package, tmp_path / "calls.jsonl")

    assert error.value.facts["said"] == "False False"


def test_covering_takes_a_call_of_every_way_and_failing_ones_last():
    def bent(x):
        if x < 0:
            return -x
        if x > 10:
            raise ValueError(x)
        return x * x

    samples = [Sample((x,)) for x in (1.0, 2.0, 11.0, 3.0, -1.0, 4.0)]

    assert covering(bent, samples, 2) == [0, 4]
    assert 2 not in covering(bent, samples, 5)


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="others have sys.monitoring")
def test_prologue_calls_at_the_beginning_and_changes_nothing_else():
    seen = []
    free = 2.0

    def tricky(x, *rest, key=1.0, **more):
        cell = [x]

        def inner():
            return cell[0] * free

        try:
            with pytest.raises(ZeroDivisionError):
                1 / 0
            for part in rest:
                x += part
            return inner() + x * key + sum(more.values()) / (x - 1.0)
        except ZeroDivisionError as error:
            return str(error)
        finally:
            cell.append(x)

    before = tricky.__code__
    expected = [tricky(3.0, 1.0, 2.0, key=4.0, z=5.0), tricky(1.0, z=1.0)]

    code = with_prologue(before, lambda: seen.append(sys._getframe(1).f_locals["x"]))
    tricky.__code__ = code

    assert [tricky(3.0, 1.0, 2.0, key=4.0, z=5.0), tricky(1.0, z=1.0)] == expected
    assert seen == [3.0, 1.0]
    lines = [line for *_, line in before.co_lines() if line]
    assert [line for *_, line in code.co_lines() if line] == lines
    assert inspect.getsource(tricky).lstrip().startswith("def tricky")


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="others have sys.monitoring")
def test_prologue_keeps_the_lines_of_tracebacks():
    def failing(x):
        try:
            return 1 / x
        except ZeroDivisionError:
            raise ValueError(x) from None

    def lines():
        try:
            failing(0)
        except ValueError as error:
            return [frame.lineno for frame in traceback.extract_tb(error.__traceback__)]

    before = lines()
    failing.__code__ = with_prologue(failing.__code__, lambda: None)

    assert lines() == before


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="others have sys.monitoring")
def test_prologue_leaves_generators_alone():
    def numbers():
        yield 1

    assert with_prologue(numbers.__code__, lambda: None) is None

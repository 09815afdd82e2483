"""Mirrors by their life cycle: outdated, written, up to date, source gone."""

import importlib
import itertools
import subprocess
import sys
import textwrap

import pytest

from backprop_lift import grad_bp
from backprop_lift.__main__ import main
from backprop_lift.errors import NoGradientError
from backprop_lift.mirror.survey import survey_of

_count = itertools.count()

SHAPES = {
    "__init__.py": '''
        """Volumes of bodies."""

        from .bodies import ball, box
        from .errors import ShapeError

        __version__ = "1.2"
        __all__ = ["PI", "ShapeError", "ball", "box", "faces"]

        PI = 3.0


        def faces(kind):
            """Number of faces.

            >>> faces("box")
            6
            """
            return {"box": 6}[kind]
    ''',
    "bodies.py": '''
        """Bodies."""

        import ctypes


        def ball(r, factor=4.0):
            """Volume of a ball.

            >>> ball(2.0)
            32.0
            """
            return factor * r**3


        def box(a, b, c=None):
            """Volume of a box.

            >>> box(2.0, 3.0)
            6.0
            """
            return a * b if c is None else a * b * c[0]


        def rounded(x):
            """Through an integer.

            >>> rounded(2.5)
            2.0
            """
            return ctypes.c_double(x).value * 1.0


        def faces_of(n):
            return open(n)
    ''',
    "errors.py": '''
        class ShapeError(ValueError):
            """A body that is none."""
    ''',
}


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A function that writes a package to disk, and gives its name and its folder."""
    before = set(sys.modules)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)

    def written(files=SHAPES):
        name = f"shapes{next(_count)}"
        folder = tmp_path / name
        folder.mkdir()
        for path, text in files.items():
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_text(textwrap.dedent(text).lstrip())
        return name, folder

    yield written
    for name in set(sys.modules) - before:
        if name.startswith("shapes"):
            del sys.modules[name]


@pytest.fixture
def forgotten():
    """A function that makes Python forget a package, so that its files are read again."""

    def forget(name):
        for module in [m for m in sys.modules if f"{m}.".startswith(f"{name}.")]:
            del sys.modules[module]
        importlib.invalidate_caches()

    return forget


def test_check_reports_what_is_missing_before_a_mirror_is_written(package, capsys):
    name, folder = package()

    status = main(["mirror", name, "--check"])

    assert status == 1
    assert "missing   __init__.py" in capsys.readouterr().out
    assert not (folder / "bp").exists()


def test_check_passes_once_the_mirror_is_written(package, capsys):
    name, folder = package()

    assert main(["mirror", name]) == 0
    assert main(["mirror", name, "--check"]) == 0

    assert (folder / "bp" / "bodies.py").is_file()
    assert "is up to date" in capsys.readouterr().out


def test_survey_finds_the_same_when_it_has_imported_all_submodules(package):
    name, _ = package({"__init__.py": "", "inner.py": "def twice(x):\n    return 2 * x\n"})

    first, second = survey_of(name), survey_of(name)

    assert first.modules[0].loaded == second.modules[0].loaded == ()


def test_check_reports_outdated_files_after_the_source_changed(package, forgotten, capsys):
    name, folder = package()
    main(["mirror", name])
    source = folder / "bodies.py"
    source.write_text(source.read_text().replace("factor * r**3", "factor * r * r"))
    forgotten(name)

    status = main(["mirror", name, "--check"])

    assert status == 1
    assert "outdated  bodies.py" in capsys.readouterr().out


def test_a_changed_function_is_checked_again_and_the_others_are_not(package, forgotten, capsys):
    name, folder = package()
    main(["mirror", name])
    before = (folder / "bp" / "ledger.txt").read_text()
    source = folder / "bodies.py"
    source.write_text(source.read_text().replace("factor * r**3", "factor * r * r"))
    forgotten(name)

    main(["mirror", name])

    after = (folder / "bp" / "ledger.txt").read_text()
    changed = {line.split("\t")[0] for line in set(after.split("\n")) ^ set(before.split("\n"))}
    assert changed == {f"{name}.bodies.ball"}


def test_a_file_whose_module_is_gone_is_stale_and_goes(package, forgotten, capsys):
    name, folder = package()
    (folder / "extra.py").write_text('def one(x):\n    """>>> one(2.0)"""\n    return x * x\n')
    main(["mirror", name])
    (folder / "extra.py").unlink()
    forgotten(name)

    assert main(["mirror", name, "--check"]) == 1
    assert "stale     extra.py" in capsys.readouterr().out
    main(["mirror", name])
    assert not (folder / "bp" / "extra.py").exists()


def test_the_same_package_gives_the_same_text_in_another_process(package):
    name, folder = package()
    main(["mirror", name])
    first = {p.name: p.read_text() for p in (folder / "bp").iterdir() if p.is_file()}

    command = [sys.executable, "-m", "backprop_lift", "mirror", name, "--recheck"]
    subprocess.run(command, check=True, capture_output=True, cwd=folder.parent)

    assert {p.name: p.read_text() for p in (folder / "bp").iterdir() if p.is_file()} == first


def test_a_mirror_gives_gradients_and_refusals(package):
    name, _ = package()
    main(["mirror", name])

    mirror = importlib.import_module(f"{name}.bp")

    assert mirror.ball(2.0) == 32.0
    assert grad_bp(mirror.ball, 2.0) == pytest.approx(48.0)
    assert grad_bp(lambda b: mirror.box(2.0, b), 3.0) == 2.0
    with pytest.raises(NoGradientError, match="rounded has no gradient"):
        grad_bp(mirror.bodies.rounded, 2.5)


def test_a_mirror_lists_its_stubs_with_their_reasons(package):
    name, _ = package()
    main(["mirror", name])

    mirror = importlib.import_module(f"{name}.bp")

    assert set(mirror.__not_differentiable__) == {
        f"{name}.bp.bodies.faces_of",
        f"{name}.bp.bodies.rounded",
    }
    assert mirror.bodies.rounded.__doc__.startswith("not differentiable: ")


def test_a_mirror_keeps_constants_and_exceptions_as_they_are(package):
    name, _ = package()
    main(["mirror", name])

    mirror, original = importlib.import_module(f"{name}.bp"), importlib.import_module(name)

    assert mirror.PI == 3.0
    assert mirror.ShapeError is original.ShapeError
    assert mirror.__all__ == ["PI", "ShapeError", "ball", "box", "faces"]


def test_a_mirror_refuses_a_gradient_by_an_argument_that_was_not_checked(package):
    name, _ = package()
    main(["mirror", name])
    mirror = importlib.import_module(f"{name}.bp")

    with pytest.raises(NoGradientError, match="box was checked for a, b, and not for c"):
        grad_bp(lambda c: mirror.box(c[0], 3.0, c), [1.0, 2.0])


def test_a_folder_with_files_of_others_is_left_alone(package, capsys):
    name, folder = package()
    (folder / "bp").mkdir()
    (folder / "bp" / "mine.py").write_text("x = 1\n")

    status = main(["mirror", name])

    assert status == 2
    assert "holds files that no mirror wrote" in capsys.readouterr().err
    assert [p.name for p in (folder / "bp").iterdir()] == ["mine.py"]


def test_an_interrupted_run_leaves_the_mirror_as_it_was(package, forgotten, monkeypatch, capsys):
    name, folder = package()
    main(["mirror", name])
    before = {p.name: p.read_bytes() for p in (folder / "bp").iterdir() if p.is_file()}
    (folder / "more.py").write_text('def two(x):\n    """>>> two(2.0)"""\n    return 2 * x\n')
    forgotten(name)

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("backprop_lift.mirror.write.os.replace", interrupted)
    status = main(["mirror", name])

    assert status == 130
    assert {p.name: p.read_bytes() for p in (folder / "bp").iterdir() if p.is_file()} == before
    assert [p.name for p in folder.iterdir() if p.name.startswith(".")] == []


def test_a_package_that_is_not_installed_is_refused_in_one_sentence(capsys):
    status = main(["mirror", "no_such_package_anywhere"])

    assert status == 2
    said = capsys.readouterr().err
    assert said.startswith("backprop-lift: no_such_package_anywhere is not installed here.")
    assert "Traceback" not in said


def test_a_package_whose_import_fails_is_refused_with_the_reason(package, capsys):
    name, _ = package({"__init__.py": "1 / 0\n"})

    status = main(["mirror", name])

    assert status == 2
    assert "ZeroDivisionError: division by zero" in capsys.readouterr().err


def test_why_explains_a_status_from_the_ledger(package, capsys):
    name, _ = package()
    main(["mirror", name])
    capsys.readouterr()

    assert main(["why", f"{name}.bodies.ball"]) == 0

    said = capsys.readouterr().out
    assert said.startswith(f"{name}.bodies.ball: composite; right in ")
    assert "r " in said


def test_a_function_that_ends_the_interpreter_costs_only_its_own_check(package):
    name, folder = package()
    (folder / "crash.py").write_text(
        'import os\n\n\ndef last(x):\n    """>>> last(1.0)"""\n    '
        "if x != 1.0:\n        os._exit(3)\n    return x\n"
    )

    assert main(["mirror", name]) == 0

    text = (folder / "bp" / "crash.py").read_text()
    assert "ended the interpreter" in text
    assert "composite(original.ball" in (folder / "bp" / "bodies.py").read_text()


def test_a_distribution_carries_what_makes_it_installable(package):
    name, folder = package()
    out = folder.parent / "out"

    assert main(["mirror", name, "--out", str(out), "--name", "shapes_with_gradients"]) == 0

    assert (out / "shapes_with_gradients" / "__init__.py").is_file()
    assert 'packages = ["shapes_with_gradients"]' in (out / "pyproject.toml").read_text()
    assert (
        main(["mirror", name, "--out", str(out), "--name", "shapes_with_gradients", "--check"]) == 0
    )


def test_a_file_that_somebody_made_their_own_stays(package):
    name, folder = package()
    out = folder.parent / "out"
    main(["mirror", name, "--out", str(out)])
    (out / "README.md").write_text("# Mine\n")

    main(["mirror", name, "--out", str(out)])

    assert (out / "README.md").read_text() == "# Mine\n"


def test_a_package_without_licence_gives_no_docstrings_to_its_stubs(package):
    name, folder = package()
    main(["mirror", name])

    stub = (folder / "bp" / "bodies.pyi").read_text()

    assert "Volume of a ball." not in stub
    assert "def ball(r: Any, factor: Any = 4.0) -> Any: ..." in stub


def test_the_mirror_of_numpy_financial_differentiates_a_loan(tmp_path, monkeypatch):
    pytest.importorskip("numpy_financial")
    monkeypatch.syspath_prepend(tmp_path)

    assert main(["mirror", "numpy_financial", "--out", str(tmp_path)]) == 0

    npf = importlib.import_module("numpy_financial_bp")
    slope = grad_bp(lambda rate: npf.pmt(rate, 360, 300000.0), 0.004)
    step = 1e-7
    sides = [npf.pmt(0.004 + s, 360, 300000.0) for s in (step, -step)]
    assert slope == pytest.approx((sides[0] - sides[1]) / (2 * step), rel=1e-6)
    assert npf.__not_differentiable__ == {}

"""The registry: which original has which twin."""

import math
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import numpy as np
import pytest

import backprop_lift
from backprop_lift import (
    BVar,
    Registry,
    eval_bp,
    grad_bp,
    lifted,
    locally_constant,
    no_grad,
    registry,
    twin_of,
)
from backprop_lift.errors import RegistrationError, UnknownTwinError


def square(x):
    """A function of this module, to be looked up by name."""
    return x * x


class Polynomial:
    def __init__(self, c):
        self.c = c

    def at(self, x):
        return self.c * x * x

    @classmethod
    def monic(cls, x):
        return x * x

    @staticmethod
    def cube(x):
        return x**3

    def __call__(self, x):
        return self.c * x


def in_new_process(source, *flags):
    """What a script prints in an interpreter of its own."""
    done = subprocess.run(
        [sys.executable, *flags, "-c", textwrap.dedent(source)],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_registry_holds_what_is_registered(mine):
    lifted(derivative=lambda x: 2 * x, into=mine)(square)

    assert square in mine
    assert f"{__name__}.square" in mine
    assert mine[square].original is square
    assert mine[f"{__name__}.square"] is mine[square]
    assert [entry.original for entry in mine] == [square]
    assert len(mine) == 1
    assert repr(mine) == "<Registry of 1>"


def test_separate_registry_is_not_the_librarys(mine):
    lifted(derivative=lambda x: 2 * x, into=mine)(square)

    assert square not in registry
    assert np.sin in mine  # found in the parent
    assert np.sin not in Registry()


def test_entry_tells_what_it_is(mine):
    lifted(derivative=lambda x: 2 * x, into=mine, samples=[(1.0,)])(square)
    entry = mine[square]

    assert entry.kind == "rule"
    assert entry.name == f"{__name__}.square"
    assert entry.where.startswith(__file__)
    assert entry.samples == [(1.0,)]
    assert entry.wrt == ("x",)
    assert "square" in repr(entry)


@pytest.mark.parametrize("mark", [no_grad, locally_constant])
def test_marks_are_registered_too(mine, mark):
    marked = mark(into=mine)(square)

    assert marked is square
    assert mine[square].kind == {"no_grad": "no grad"}.get(mark.__name__, "locally constant")


def test_unknown_name_has_no_twin(mine):
    with pytest.raises(UnknownTwinError, match=r"no\.such\.function"):
        mine["no.such.function"]
    assert "no.such.function" not in mine
    assert "" not in mine


def test_unknown_function_has_no_twin_and_is_told_how_to_get_one():
    with pytest.raises(UnknownTwinError, match=r"lifted\(square\)") as caught:
        twin_of(square)

    assert isinstance(caught.value, LookupError)


@pytest.mark.parametrize("original", [[], {}, np.ones(2)], ids=["list", "dict", "array"])
def test_what_is_not_hashable_is_simply_not_there(original):
    assert original not in registry
    with pytest.raises(UnknownTwinError):
        twin_of(original)


def test_second_registration_names_both_places(mine):
    lifted(derivative=lambda x: 2 * x, into=mine)(square)

    with pytest.raises(RegistrationError, match="replace=True") as caught:
        lifted(derivative=lambda x: 3 * x, into=mine)(square)

    first, second = caught.value.facts["first"], caught.value.facts["second"]
    assert first.startswith(__file__)
    assert second.startswith(__file__)
    assert first != second


def test_second_registration_replaces_when_told_to(mine):
    lifted(derivative=lambda x: 2 * x, into=mine)(square)
    lifted(derivative=lambda x: 30 * x, into=mine, replace=True)(square)

    assert grad_bp(twin_of(square, mine), 1.0) == 30.0


def test_failed_registration_changes_nothing(mine):
    lifted(derivative=lambda x: 2 * x, into=mine)(square)
    before = mine[square]

    with pytest.raises(RegistrationError):
        no_grad(into=mine)(square)

    assert mine[square] is before


def test_object_that_is_not_hashable_cannot_be_registered(mine):
    class Callable:
        __hash__ = None

        def __call__(self, x):
            return x

    with pytest.raises(RegistrationError, match="hashable"):
        lifted(derivative=lambda x: 1.0, into=mine)(Callable())


def test_twin_is_made_once(mine):
    lifted(derivative=lambda x: 2 * x, into=mine)(square)

    assert twin_of(square, mine) is twin_of(square, mine)


def test_twin_of_a_bound_method_is_bound(mine):
    lifted(grad=lambda dzdy, self, x: dzdy * 20 * self.c * x, wrt="x", into=mine)(Polynomial.at)
    twin = twin_of(Polynomial(3.0).at, mine)

    assert twin(2.0) == 12.0
    assert grad_bp(twin, 2.0) == 120.0


def test_twin_of_a_ufunc_is_found_by_its_name():
    assert registry["numpy.sin"].original is np.sin
    assert registry["math.sin"].original is math.sin
    assert registry["numpy.linalg.solve"].original is np.linalg.solve


def test_twin_of_a_twin_is_an_error_or_the_twin(mine):
    lifted(derivative=lambda x: 2 * x, into=mine)(square)
    twin = twin_of(square, mine)

    with pytest.raises(UnknownTwinError):
        twin_of(twin, mine)


def own_entries():
    """What the library itself registers."""
    rules = str(Path(backprop_lift.__file__).parent)
    return [entry for entry in registry if entry.where.startswith(rules)]


def test_every_original_of_the_library_is_found_by_its_own_name():
    wrong = [
        entry.name for entry in own_entries() if registry[entry.name].original is not entry.original
    ]

    assert wrong == []


def test_names_of_the_registry_are_unique():
    names = [entry.name for entry in own_entries()]

    assert len(names) > 500
    assert sorted({name for name in names if names.count(name) > 1}) == []


def test_registering_from_many_threads_loses_nothing(mine):
    functions = [eval(f"lambda x: x * {k}") for k in range(200)]

    def register(part):
        for f in part:
            lifted(derivative=lambda x: 1.0, into=mine)(f)

    threads = [threading.Thread(target=register, args=(functions[k::8],)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(mine) == 200


def test_first_look_up_may_come_from_many_threads_at_once():
    got = in_new_process("""
        import threading, numpy as np
        from backprop_lift import grad_bp
        found = []
        def work():
            try:
                found.append(grad_bp(lambda x: np.sum(np.sin(x) * np.linalg.norm(x)), np.ones(3))[0])
            except BaseException as error:
                found.append(repr(error))
        threads = [threading.Thread(target=work) for _ in range(8)]
        [t.start() for t in threads]; [t.join() for t in threads]
        print(len(set(map(str, found))), found[0])
    """)

    assert got.split()[0] == "1", got


def test_import_of_the_package_imports_no_rules_and_no_scipy():
    loaded = in_new_process("""
        import sys, numpy, backprop_lift
        print(*[m for m in sys.modules if m.startswith(("backprop_lift.rules.", "scipy", "rich"))])
    """)

    assert loaded == ""


def test_rules_of_a_package_load_when_it_is_imported_later():
    got = in_new_process("""
        import sys
        from backprop_lift import grad_bp, registry
        import numpy as np
        grad_bp(np.sin, 1.0)
        assert "scipy" not in sys.modules
        import scipy.special
        print(scipy.special.erf in registry, round(grad_bp(scipy.special.erf, 0.0), 6))
    """)

    assert got == "True 1.128379"


def test_rules_of_a_package_load_when_it_was_imported_before():
    got = in_new_process("""
        import scipy.special
        from backprop_lift import grad_bp
        print(round(grad_bp(scipy.special.erf, 0.0), 6))
    """)

    assert got == "1.128379"


def test_rules_for_a_package_that_is_not_installed_do_no_harm(mine):
    mine.when_imported("no_such_package_at_all", lambda: 1 / 0)

    assert square not in mine


def test_rules_are_registered_for_a_package_not_imported_yet(tmp_path):
    (tmp_path / "late_package.py").write_text("def f(x):\n    return x * 2.0\n")
    got = in_new_process(f"""
        import sys
        sys.path.insert(0, {str(tmp_path)!r})
        from backprop_lift import grad_bp, lifted, registry

        def load():
            import late_package
            lifted(derivative=lambda x: 30.0)(late_package.f)

        registry.when_imported("late_package", load)
        assert "late_package" not in sys.modules
        import late_package
        print(grad_bp(late_package.f, 1.0))
    """)

    assert got == "30.0"


def test_rules_that_fail_to_load_say_so_and_can_be_tried_again(mine):
    calls = []

    def load():
        calls.append(1)
        if len(calls) == 1:
            raise ImportError("broken rules")
        lifted(derivative=lambda x: 2 * x, into=mine)(square)

    mine.when_imported("sys", load)

    with pytest.raises(ImportError, match="broken"):
        mine.find(square)
    assert mine.find(square) is not None


@pytest.mark.parametrize("target", ["their_rules", "their_rules:load"], ids=["module", "function"])
def test_every_entry_point_of_rules_is_loaded(tmp_path, target):
    info = tmp_path / "other_rules-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other-rules\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[backprop_lift.rules]\ntheirs = {target}\n")
    (tmp_path / "theirs.py").write_text("def f(x):\n    return x\n")
    (tmp_path / "their_rules.py").write_text(
        "def load():\n"
        "    import theirs\n"
        "    from backprop_lift import lifted\n"
        "    lifted(derivative=lambda x: 7.0)(theirs.f)\n"
        + ("load()\n" if target == "their_rules" else "")
    )
    got = in_new_process(f"""
        import sys
        sys.path.insert(0, {str(tmp_path)!r})
        import theirs
        from backprop_lift import grad_bp
        print(grad_bp(theirs.f, 1.0))
    """)

    assert got == "7.0"


def test_runners_do_not_see_separate_registries(mine):
    lifted(derivative=lambda x: 30 * x, into=mine)(square)

    assert grad_bp(square, 2.0) == 4.0
    assert grad_bp(twin_of(square, mine), 2.0) == 60.0


def test_composites_see_their_registry(mine):
    lifted(derivative=lambda x: 30 * x, into=mine)(square)

    @lifted(into=mine)
    def twice(x):
        return square(x) * 2.0

    assert grad_bp(twin_of(twice, mine), 2.0) == 120.0


def test_public_names_are_those_of_all():
    missing = [name for name in backprop_lift.__all__ if not hasattr(backprop_lift, name)]

    assert missing == []
    assert "noGrad" in backprop_lift.__all__
    assert BVar is backprop_lift.BVar
    assert eval_bp is backprop_lift.eval_bp


def test_rule_of_ones_own_replaces_one_that_has_not_been_loaded_yet():
    code = """
        import math
        from backprop_lift import grad_bp, lifted

        lifted(derivative=lambda x: 7.0, replace=True)(math.sin)
        print(grad_bp(math.sin, 1.0), grad_bp(math.cos, 0.0))
    """

    said = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
    )

    assert said.stdout.split() == ["7.0", "-0.0"]

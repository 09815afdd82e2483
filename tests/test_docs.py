"""Every public name is documented, in numpydoc's form."""

import importlib
import inspect
import pkgutil

import numpydoc.validate
import pytest

import backprop_lift

# The errors of numpydoc's validation that count: a summary, its form, and sections that agree with
# the signature. Extended summaries, examples and "See Also" stand where they say something.
COUNTED = {
    "GL01", "GL02", "GL03", "GL05", "GL06", "GL07", "GL08", "GL09", "GL10",
    "SS01", "SS02", "SS04",
    "PR01", "PR02", "PR03", "PR04", "PR05", "PR10",
    "RT02", "YD01",
}  # fmt: skip

PUBLIC_MODULES = ["backprop_lift"] + [
    f"backprop_lift.{module.name}"
    for module in pkgutil.iter_modules(backprop_lift.__path__)
    if not module.name.startswith("_") and module.name != "rules"
]


def public_names():
    for module_name in PUBLIC_MODULES:
        module = importlib.import_module(module_name)
        for name in getattr(module, "__all__", ()):
            thing = getattr(module, name)
            if callable(thing) and not isinstance(thing, type(pytest)):
                yield f"{module_name}.{name}"


def public_methods():
    for full in public_names():
        module_name, _, name = full.rpartition(".")
        cls = getattr(importlib.import_module(module_name), name)
        if inspect.isclass(cls):
            for attribute, member in vars(cls).items():
                inner = getattr(member, "fget", getattr(member, "__func__", member))
                if not attribute.startswith("_") and inspect.isfunction(inner):
                    yield f"{full}.{attribute}"


@pytest.mark.parametrize("module_name", PUBLIC_MODULES)
def test_public_module_lists_its_names(module_name):
    module = importlib.import_module(module_name)

    assert module.__doc__
    assert sorted(module.__all__, key=str.casefold) == sorted(set(module.__all__), key=str.casefold)
    assert all(hasattr(module, name) for name in module.__all__)


@pytest.mark.parametrize("name", [*public_names(), *public_methods()])
def test_public_name_is_documented(name):
    found = numpydoc.validate.validate(name)
    problems = [f"{code}: {text}" for code, text in found["errors"] if code in COUNTED]

    assert problems == []


@pytest.mark.parametrize("module_name", PUBLIC_MODULES)
def test_public_function_names_the_errors_that_it_raises_by_itself(module_name):
    module = importlib.import_module(module_name)
    for name in module.__all__:
        thing = getattr(module, name)
        if inspect.isfunction(thing) and thing.__module__.startswith("backprop_lift"):
            source = inspect.getsource(thing)
            raised = {word.partition("(")[0] for word in source.split("raise ")[1:]}
            raised = {word for word in raised if word.endswith("Error")}
            assert all(error in (thing.__doc__ or "") for error in raised), (name, raised)

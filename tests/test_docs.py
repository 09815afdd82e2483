"""Every public name is documented, in numpydoc's form."""

import importlib
import inspect
import pkgutil
import re

import numpydoc.validate
import pytest

import backprop_lift

# What numpydoc's validation finds, of which we count: form, a summary, and sections that agree
# with the signature. Sections stand where they say more than the signature does, so their absence
# is no mistake; nor is one entry for several parameters.
COUNTED = {
    "GL03", "GL05", "GL06", "GL07", "GL08", "GL09", "GL10",
    "SS01", "SS02", "SS04",
    "PR02", "PR05", "PR10",
    "YD01",
}  # fmt: skip

PUBLIC_MODULES = ["backprop_lift"] + [
    f"backprop_lift.{module.name}"
    for module in pkgutil.iter_modules(backprop_lift.__path__)
    if not module.name.startswith("_") and module.name != "rules"
]


def thing_of(name):
    """What a dotted name of a module's attribute, or of a class's, stands for."""
    module_name, _, attribute = name.rpartition(".")
    try:
        return getattr(importlib.import_module(module_name), attribute)
    except ImportError:
        return getattr(thing_of(module_name), attribute)


def public_names():
    for module_name in PUBLIC_MODULES:
        module = importlib.import_module(module_name)
        for name in getattr(module, "__all__", ()):
            thing = getattr(module, name)
            if inspect.isclass(thing) or inspect.isroutine(thing):
                yield f"{module_name}.{name}"


def public_methods():
    for full in public_names():
        cls = thing_of(full)
        if inspect.isclass(cls):
            for attribute, member in vars(cls).items():
                inner = getattr(member, "fget", getattr(member, "__func__", member))
                if not attribute.startswith("_") and inspect.isfunction(inner):
                    yield f"{full}.{attribute}"


NAMES = sorted({*public_names(), *public_methods()})


def parameters(function):
    """Names of a function's parameters, without what a method is bound to."""
    function = getattr(function, "fget", function)
    names = list(inspect.signature(function).parameters)
    return [name for name in names if name not in ("self", "cls")]


@pytest.mark.parametrize("module_name", PUBLIC_MODULES)
def test_public_module_lists_its_names(module_name):
    module = importlib.import_module(module_name)

    assert module.__doc__
    assert len(set(module.__all__)) == len(module.__all__)
    assert [name for name in module.__all__ if not hasattr(module, name)] == []


@pytest.mark.parametrize("name", NAMES)
def test_public_name_is_documented(name):
    found = numpydoc.validate.validate(name)["errors"]
    problems = [
        f"{code}: {text}" for code, text in found if code in COUNTED and "{'cls'}" not in text
    ]

    assert problems == []


@pytest.mark.parametrize("name", [name for name in NAMES if not inspect.isclass(thing_of(name))])
def test_docstring_with_parameters_has_all_of_them(name):
    function = thing_of(name)
    doc = inspect.getdoc(function)
    if "\nParameters\n---" not in doc:
        return  # the sentence says it all

    unsaid = [p for p in parameters(function) if not re.search(rf"(?<!\w){p}(?!\w)", doc)]

    assert unsaid == []


@pytest.mark.parametrize("name", [name for name in NAMES if not inspect.isclass(thing_of(name))])
def test_docstring_names_the_errors_that_the_function_raises_itself(name):
    function = getattr(thing_of(name), "fget", thing_of(name))
    source, doc = inspect.getsource(inspect.unwrap(function)), inspect.getdoc(function)
    raised = set(re.findall(r"raise (\w+Error)\(", source))

    assert [error for error in raised if error not in doc] == []

"""The start of a recording, copied to where Python looks for `sitecustomize` when it starts.

It waits for the package that is to be recorded, and imports nothing before that: a command that
has nothing to do with the package runs as it always does.
"""

import importlib
import importlib.machinery
import importlib.util
import os
import sys
from typing import Any


def _hand_over() -> None:
    """Run the `sitecustomize` that this one hides, if there is any."""
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [path for path in sys.path if path != here]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize")
    if spec is not None and spec.loader is not None:
        module = importlib.util.module_from_spec(spec)
        sys.modules["sitecustomize"] = module
        spec.loader.exec_module(module)


class _Waiting:
    """Finds modules as the other finders do, and tells when one of the package has been imported."""

    def __init__(self, package: str, home: str) -> None:
        self.package = package
        self.home = home
        self.loaded: list[Any] = []
        self.complete = False

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if not f"{name}.".startswith(f"{self.package}."):
            return None
        for finder in sys.meta_path:
            if finder is self or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                self._follow(spec.loader)
                return spec
        return None

    def _follow(self, loader: Any) -> None:
        load = getattr(loader, "exec_module", None)
        if load is None:
            return

        def exec_module(module: Any) -> None:
            del loader.exec_module  # it was only for this once
            load(module)
            self._has(module)

        try:
            loader.exec_module = exec_module
        except AttributeError:  # one that knows no attributes: a module in C
            return

    def _has(self, module: Any) -> None:
        self.loaded.append(module)
        self.complete = self.complete or module.__name__ == self.package
        if not self.complete:
            return
        try:
            self._recorder().watch(self.loaded)
        except Exception as error:
            _tell(f"{type(error).__name__}: {error}")
        self.loaded = []

    def _recorder(self) -> Any:
        """What does the recording: it is imported from where this library is."""
        name = "backprop_lift.mirror.recorder"
        if name in sys.modules:
            return sys.modules[name]
        sys.path.append(self.home)
        try:
            return importlib.import_module(name)
        finally:
            sys.path.remove(self.home)


def _tell(why: str) -> None:
    """Leave word of why nothing can be recorded."""
    with open(os.environ["BACKPROP_LIFT_RECORDS_TO"] + ".why", "a", encoding="utf-8") as file:
        file.write(why.replace("\n", " ") + "\n")


def _begin() -> None:
    package = os.environ.get("BACKPROP_LIFT_RECORDS", "")
    home = os.environ.get("BACKPROP_LIFT_HOME", "")
    if package and home:
        sys.meta_path.insert(0, _Waiting(package, home))


if __name__ == "sitecustomize":
    _begin()
    _hand_over()

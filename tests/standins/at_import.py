"""Has a Python process do something at the moment at which it imports a module."""

import os
from pathlib import Path

_HOOK = """
import importlib.abc
import sys


class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == {module!r}:
            sys.meta_path.remove(self)
            act()


def act():
    import os
    import signal
    import time

{action}


sys.meta_path.insert(0, Finder())
"""


def environment(folder: Path, module: str, action: str) -> dict[str, str]:
    """Return what to add to a process's environment, so that it and its workers run `action`,
    Python code, when they are about to import `module`."""
    folder.mkdir(parents=True, exist_ok=True)
    indented = "\n".join(f"    {line}" for line in action.strip().splitlines())
    (folder / "sitecustomize.py").write_text(_HOOK.format(module=module, action=indented))
    return {"PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])}

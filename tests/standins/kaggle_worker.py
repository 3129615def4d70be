"""Runs a pushed kernel as Kaggle's worker does: its own folder, the data attached, no network."""

import json
import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

# What the project uses at home and a kernel must do without; and no network but the machine's own.
MISSING = ("dvc", "kaggle", "kagglesdk", "ruamel", "requests", "safetensors", "torch_fidelity")
RUNNER = """
import runpy, socket, sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in sys.argv[2:]:
            raise ModuleNotFoundError(f"No module named {name!r} on Kaggle", name=name)

sys.meta_path.insert(0, Blocked())
connect = socket.socket.connect
def guarded(self, address):
    if self.family != socket.AF_UNIX and str(address[0]) not in ("127.0.0.1", "::1", "localhost"):
        raise OSError(f"a kernel has no internet: {address}")
    return connect(self, address)
socket.socket.connect = guarded
runpy.run_path(sys.argv[1], run_name="__main__")
"""

# Jupyter's display, for code that is run without a Jupyter.
DISPLAY = """
import sys, types
shown = types.ModuleType("IPython.display")
shown.Image = lambda data: data
shown.display = lambda data: print(f"displayed {len(data)} bytes, {data[1:4]!r}")
sys.modules["IPython"] = types.ModuleType("IPython")
sys.modules["IPython"].version_info = (8, 24)  # matplotlib asks
sys.modules["IPython.display"] = shown
"""


class Worker:
    """One session of one version of a kernel."""

    def __init__(self, folder: Path, text: str, kernel_type: str, attached: dict[str, Path]):
        self.folder = folder
        self.root = folder  # holds input/ and working/, as /kaggle does
        self.working = folder / "working"
        self.working.mkdir(parents=True)
        self.log_path = folder / "log.txt"
        self.code = folder / "code" / "script.py"
        self.code.parent.mkdir()
        self.code.write_text(text if kernel_type == "script" else code_of_notebook(text))
        (folder / "input").mkdir()
        for name, source in attached.items():
            (folder / "input" / name).symlink_to(source)
        # Kaggle's image has matplotlib, which no script of ours relies on.
        self.missing = MISSING + (("matplotlib",) if kernel_type == "script" else ())
        self.status = "QUEUED"
        self.failure = ""
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, environment: dict[str, str]) -> None:
        threading.Thread(target=self.run, args=(environment,), daemon=True).start()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def run(self, environment: dict[str, str]) -> None:
        """Run to the end. `environment` is added to the little that a kernel has."""
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-I", "-c", RUNNER, str(self.code), *self.missing],
                cwd=self.working,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**clean_environment(), "DOGS_KAGGLE_ROOT": str(self.root), **environment},
            )
            self.status = "RUNNING"
            code = self.process.wait()
        if code:
            self.failure = f"the kernel's code ended with exit code {code}"
        self.status = "ERROR" if code else "COMPLETE"

    def outputs(self) -> list[str]:
        """Return what lies in working/."""
        return sorted(path.name for path in self.working.iterdir() if path.is_file())

    def log_as_json(self) -> str:
        """Return the log in the shape in which Kaggle keeps it: a list of pieces."""
        text = ""
        with suppress(FileNotFoundError):
            text = self.log_path.read_text(errors="replace")
        lines = [
            {"stream_name": "stdout", "time": float(number), "data": line}
            for number, line in enumerate(text.splitlines(keepends=True))
        ]
        return json.dumps(lines)


def clean_environment() -> dict[str, str]:
    """Return what a kernel sees of ours: how to run Python, nothing of the account."""
    kept = ("PATH", "LANG", "TMPDIR", "OMP_NUM_THREADS", "LD_LIBRARY_PATH")
    return {name: os.environ[name] for name in kept if name in os.environ}


def code_of_notebook(text: str) -> str:
    """Return the code cells of a notebook, one after the other, with the two things of Jupyter's
    that our notebooks use: `%%writefile {scratch}/…`, and `display`, which says here what it was
    given."""
    parts = [DISPLAY]
    for cell in json.loads(text)["cells"]:
        source = cell["source"]
        if cell["cell_type"] == "code":
            head, _, body = source.partition("\n")
            if head.startswith("%%writefile "):
                name = head.removeprefix("%%writefile ")
                source = f"Path(f{name!r}).write_text({body + chr(10)!r})"
            parts.append(source)
    # Processes that the kernel starts import the main module: a notebook's runs nothing then.
    main = "\n\n".join(parts)
    return f"if __name__ == '__main__':\n    exec({main!r}, globals())\n"

"""`python -m pipeline` as a process: interrupted while it loads, its parent killed, its output
closed or full, memory and threads refused. One line each, and no work is lost for its words."""

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.common import npy, process
from pipeline.common.paths import Paths
from tests.conftest import REPOSITORY
from tests.factories import noise, workplace, write_generator, write_params
from tests.standins import at_import

ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith("DVC_")},
    "OMP_NUM_THREADS": "1",
}
on_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux alone has it")


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    """A folder in which `train` and `generate` can run."""
    paths = workplace(tmp_path / "run")
    write_params(paths.root, generate__count=20)
    write_generator(paths.generator)
    return paths


@pytest.fixture
def generated(paths: Paths) -> Paths:
    """The same with images, so that `package` can run, the fastest stage to load."""
    npy.write(paths.generated, noise(4, 16))
    return paths


def command(paths: Paths, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "pipeline", "--root", str(paths.root), *arguments]


def run(
    line: list[str],
    *,
    before: Callable[[], object] | None = None,
    stdout: object = subprocess.PIPE,
    **environment: str,
) -> tuple[int, str, str]:
    """Run a command in a session of its own; return its exit code, output and errors."""

    def prepare() -> None:
        # As in a terminal: what a shell starts in the background inherits that Ctrl-C is ignored.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if before:
            before()

    process = subprocess.Popen(
        line,
        cwd=REPOSITORY,
        env=ENVIRONMENT | environment,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
        preexec_fn=prepare,
    )
    printed, errors = process.communicate(timeout=200)
    return process.returncode, printed or "", errors


# --- Ctrl-C, and the death of the parent -------------------------------------------------------
CTRL_C = "os.killpg(0, signal.SIGINT)"  # reaches all processes of the terminal's job
WAIT = "\ntime.sleep(30)"  # much longer than a signal takes to arrive


@pytest.mark.parametrize("module", ["tqdm", "pydantic", "ruamel.yaml", "numpy", "torch", "scipy"])
def test_ctrl_c_while_modules_load_is_one_line(tmp_path: Path, paths: Paths, module: str) -> None:
    environment = at_import.environment(tmp_path / "hook", module, CTRL_C + WAIT)
    code, printed, errors = run(command(paths, "train"), **environment)
    assert (code, errors) == (130, "interrupted\n"), printed


@pytest.mark.parametrize("module", ["numpy", "pipeline.data.drawn.scene"])
def test_ctrl_c_while_workers_load_is_one_line(tmp_path: Path, paths: Paths, module: str) -> None:
    write_params(paths.root, data__drawn__pictures=40)
    in_a_worker = f"if '--multiprocessing-fork' in sys.orig_argv:\n    {CTRL_C}"
    environment = at_import.environment(tmp_path / "hook", module, in_a_worker)
    code, printed, errors = run(command(paths, "download"), OMP_NUM_THREADS="2", **environment)
    assert (code, errors) == (130, "interrupted\n"), printed
    assert not paths.raw.exists()


@on_linux
@pytest.mark.parametrize("module", ["tqdm", "torch"])
def test_a_stage_ends_when_dvc_is_killed_while_it_loads(
    tmp_path: Path, paths: Paths, module: str
) -> None:
    """A parent that is killed with -9 stands for dvc."""
    action = "os.kill(os.getppid(), signal.SIGKILL)" + WAIT
    environment = at_import.environment(tmp_path / "hook", module, action)
    parent = "import subprocess, sys; subprocess.run(sys.argv[1:])"
    code, printed, errors = run(
        [sys.executable, "-c", parent, *command(paths, "generate")],
        DVC_STAGE="generate",
        **environment,
    )
    # The stage held the pipes' other ends: it is gone.
    assert (code, printed, errors) == (-signal.SIGKILL, "", "")
    assert not paths.generated.exists()


@on_linux
@pytest.mark.parametrize(("parent", "is_made"), [("exit", False), ("wait", True)])
def test_a_stage_ends_whose_dvc_was_killed_before_it_ran(
    generated: Paths, parent: str, is_made: bool
) -> None:
    """A shell that goes before Python comes stands for dvc."""
    shell = f'(sleep 0.3; exec "$@") & {parent}'
    line = ["bash", "-c", shell, "bash", *command(generated, "package")]
    code, printed, errors = run(line, DVC_STAGE="package")
    assert (code, errors) == (0, "")
    assert (generated.images_zip.is_file(), bool(printed)) == (is_made, is_made)


def test_what_killed_runs_left_is_removed_in_a_line(generated: Paths) -> None:
    run_folder = generated.checkpoints / "0123"
    for folder in (run_folder, generated.generated.parent, generated.crops.parent):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".000016.pt.abcdefgh.tmp").write_bytes(bytes(500_000))
    code, printed, _ = run(command(generated, "package"))
    assert code == 0
    assert printed.startswith("removed 3 temporary files of killed runs, 1.5 MB\n== package")
    assert not list(generated.root.rglob("*.tmp"))


# --- the output --------------------------------------------------------------------------------
def test_a_reader_that_leaves_does_not_stop_the_work(generated: Paths) -> None:
    shell = '"$@" | head -n 1; exit ${PIPESTATUS[0]}'
    line = ["bash", "-c", shell, "bash", *command(generated, "package")]
    code, printed, errors = run(line)
    assert (code, errors) == (0, "")
    assert printed.startswith("== package") and generated.images_zip.is_file()


@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_closed_streams_do_not_matter(generated: Paths, closed: str) -> None:
    line = ["bash", "-c", f'exec "$@" {closed}', "bash", *command(generated, "package")]
    code, _, errors = run(line)
    assert (code, errors) == (0, "")
    assert generated.images_zip.is_file()


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_an_output_that_lacks_a_character_gets_an_escape(encoding: str) -> None:
    say = "process.mend_streams(); progress.say('sha256 0123… of \\udce9')"
    script = f"from pipeline.common import process, progress; {say}"
    code, printed, errors = run([sys.executable, "-c", script], PYTHONIOENCODING=encoding)
    assert (code, errors) == (0, "")
    assert printed == "sha256 0123\\u2026 of \\udce9\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a disk that is always full")
def test_an_output_on_a_full_disk_is_one_line(generated: Paths) -> None:
    with open("/dev/full", "w") as full:
        code, _, errors = run(command(generated, "package"), stdout=full)
    said = "error: the standard output cannot be written: No space left on device; run again\n"
    assert (code, errors) == (1, said)


# --- memory and threads ------------------------------------------------------------------------
@on_linux
@pytest.mark.parametrize("megabytes", [120, 250, 500, 900, 1500])
def test_little_memory_is_one_line(paths: Paths, megabytes: int) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))

    code, printed, errors = run(command(paths, "train"), before=limit)
    assert code == 1, printed
    assert errors.startswith("error: ") and errors.count("\n") == 1, errors
    assert "memory" in errors


def test_compiled_code_that_was_refused_memory_is_one_line() -> None:
    silent = process.refusal(SystemError("error return without exception set"))
    assert silent.startswith("out of memory (error return without exception set)")
    assert process.refusal(SystemError("bad argument to internal function")) is None


def test_a_thread_refused_is_one_line(tmp_path: Path, paths: Paths) -> None:
    refuse = """
import threading
def start(self):
    raise RuntimeError("can't start new thread")
threading.Thread.start = start
"""
    write_params(paths.root, data__drawn__pictures=40)
    environment = at_import.environment(tmp_path / "hook", "tqdm", refuse)
    code, _, errors = run(command(paths, "download"), OMP_NUM_THREADS="2", **environment)
    assert code == 1
    assert errors.startswith("error: the system refused a thread or process (can't start new thr")
    assert errors.count("\n") == 1

"""What every process of the command line sees to before it loads anything large: the death of the
process that started it, its output, and what the system refuses it."""

import ctypes
import errno
import io
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
# How torch, oneDNN and the loader of shared libraries say it; none of them has a class for it.
_MEMORY_SIGNS = (
    "allocate memory",
    "could not create a primitive",
    "out of memory",
    "failed to map segment",
)


def die_with_parent() -> None:
    """Have the system send SIGTERM when the parent dies, so that no stage goes on alone after `dvc`
    was killed. Only under DVC on Linux: in a shell one may want just that (nohup).

    Call it before anything that takes long to import: until then the stage would go on.
    """
    if "DVC_STAGE" not in os.environ or not sys.platform.startswith("linux"):
        return
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent or not _is_in_our_group(parent):  # it died before we asked
        os.kill(os.getpid(), signal.SIGTERM)


def _is_in_our_group(parent: int) -> bool:
    """Return whether the parent is of our process group, as DVC is. What takes in the children of
    the dead (init, a user's systemd) has one of its own."""
    try:
        return os.getpgid(parent) == os.getpgrp()
    except ProcessLookupError:
        return False


def mend_streams() -> None:
    """Give a standard stream that was closed (`>&-`) the null device, so that the first file to be
    opened does not become it; have characters that the output's encoding lacks printed as escapes,
    as Python does on stderr."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            null = os.open(os.devnull, os.O_RDWR)
            if null != number:
                os.dup2(null, number)
                os.close(null)
            stream = os.fdopen(number, mode, encoding="utf-8", closefd=False)
            setattr(sys, name, stream)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def silence_stdout() -> None:
    """Send what is still to be printed nowhere: what takes the output takes no more of it."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether the error says that memory was refused."""
    if isinstance(error, MemoryError):
        return True
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return True
    # Compiled code that was refused memory and says nothing: seen at an import.
    if isinstance(error, SystemError) and "without exception set" in str(error):
        return True
    is_kind = isinstance(error, RuntimeError | ImportError | OSError)
    return is_kind and any(sign in str(error).lower() for sign in _MEMORY_SIGNS)


def refusal(error: BaseException) -> str | None:
    """Return a line where the error says that the system refused memory, a thread or a process;
    None where it says something else."""
    reason = (str(error).strip() or type(error).__name__).split("\n")[-1][:160]
    if is_out_of_memory(error):
        return (
            f"out of memory ({reason}): close other programs, or raise the limit (`ulimit -v`, the "
            f"container's or the job's)"
        )
    is_thread = isinstance(error, RuntimeError) and "can't start new thread" in str(error)
    if is_thread or (isinstance(error, OSError) and error.errno == errno.EAGAIN):
        return (
            f"the system refused a thread or process ({reason}): end other programs, or raise the "
            f"limit (`ulimit -u`, the container's or the job's)"
        )
    return None

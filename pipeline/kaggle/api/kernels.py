"""Our kernel on Kaggle: pushed once, followed, its output fetched."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.kaggle import kernel as built_kernel
from pipeline.kaggle.api import transfer
from pipeline.kaggle.api.client import Client, pages
from pipeline.kaggle.api.errors import (
    AccessRefused,
    NotFound,
    OutputMissing,
    PushRefused,
    RequestRefused,
    UnexpectedAnswer,
)
from pipeline.kaggle.api.once import UnusableAnswer
from pipeline.kaggle.kernel import Kernel


@dataclass(frozen=True)
class Session:
    """The run of a kernel's newest version."""

    status: str  # QUEUED, RUNNING, COMPLETE, ERROR, CANCEL_REQUESTED or CANCEL_ACKNOWLEDGED
    failure: str


@dataclass(frozen=True)
class KernelVersion:
    """A kernel's version as Kaggle has it; what Kaggle does not say is empty or None."""

    number: int
    code: str
    machine_shape: str
    is_private: bool | None
    competitions: tuple[str, ...]


@dataclass(frozen=True)
class Output:
    """What a run left."""

    addresses: dict[str, str]  # by file name; signed, so never shown
    log: str


def push(client: Client, folder: Path, kernel: Kernel, *, newer_than: int) -> int:
    """Push a built kernel, which starts its run. Returns the version's number.

    A lost answer is looked up before the kernel is pushed again, among the versions after
    `newer_than`.

    Raises:
        PushRefused: Kaggle did not take it, or not with its data.
    """
    return client.push_folder(
        folder, find=lambda: find_version(client, kernel, newer_than=newer_than), take=_version
    )


def _version(answer: Any) -> int:
    """Return the number of the version that a push made. The client itself takes any answer."""
    if answer.error:
        raise PushRefused(f"Kaggle did not take the kernel: {answer.error}")
    for what in ("competition", "dataset", "kernel", "model"):
        if invalid := getattr(answer, f"invalid_{what}_sources"):
            raise PushRefused(
                f"Kaggle took the kernel without its {what} sources {', '.join(invalid)}: stop "
                f"version {answer.version_number} at {answer.url}, accept the competition's rules, "
                "and check competition in params.yaml",
                int(answer.version_number or 0),
            )
    if not answer.version_number:
        raise UnusableAnswer("Kaggle's answer names no version")
    return int(answer.version_number)


def newest_version(client: Client, kernel: Kernel) -> KernelVersion | None:
    """Return the newest version, or None where Kaggle has no such kernel (which it answers with 403
    as well as with 404)."""
    owner, _, slug = kernel.id.partition("/")
    try:
        return client.call(
            f"asking for kernel {kernel.id}",
            "get_kernel",
            user_name=owner,
            kernel_slug=slug,
            take=lambda answer: KernelVersion(
                number=int(answer.metadata.current_version_number or 0),
                code=answer.blob.source or "",
                machine_shape=answer.metadata.machine_shape or "",
                is_private=answer.metadata.is_private,
                competitions=tuple(answer.metadata.competition_data_sources or ()),
            ),
        )
    except (NotFound, AccessRefused):
        return None


def find_version(client: Client, kernel: Kernel, *, newer_than: int = 0) -> int | None:
    """Return the newest version's number, if it is newer than asked and has this kernel's code and
    settings. The machine is no part of them: Kaggle replaces one that it has no more."""
    newest = newest_version(client, kernel)
    if newest is None or newest.number <= newer_than:
        return None
    asked = kernel.metadata
    is_same = (
        built_kernel.same_code(newest.code, kernel.code)
        and newest.is_private in (None, asked.get("is_private"))
        and newest.competitions in ((), tuple(asked.get("competition_sources") or ()))
    )
    return newest.number if is_same else None


def gpu_hours_left(client: Client) -> tuple[float, float] | None:
    """Return the GPU hours that are left this week, and all of a week; None where Kaggle does not
    say, or not in words that the client knows: nothing hangs on them."""
    try:
        return client.call(
            "asking for the GPU quota",
            "get_accelerator_quota_statistics",
            take=lambda answer: answer.gpu_quota and _left(answer.gpu_quota),
        )
    except (NotFound, AccessRefused, RequestRefused, UnexpectedAnswer):
        return None


def _left(quota: Any) -> tuple[float, float]:
    used, total = (
        time.total_seconds() / 3600 if time else 0.0
        for time in (quota.time_used, quota.total_time_allowed)
    )
    return max(0.0, total - used), total


def session(client: Client, kernel: Kernel) -> Session:
    """Return how far the newest version's run is."""
    owner, _, slug = kernel.id.partition("/")
    return client.call(
        f"following kernel {kernel.id}",
        "get_kernel_session_status",
        user_name=owner,
        kernel_slug=slug,
        take=lambda answer: Session(answer.status.name, answer.failure_message or ""),
    )


def output(client: Client, kernel: Kernel) -> Output:
    """Return the files and the log that the newest version's run left."""
    owner, _, slug = kernel.id.partition("/")

    def ask(token: str) -> tuple[tuple[dict[str, str], str], str]:
        return client.call(
            f"listing the output of {kernel.id}",
            "list_kernel_session_output",
            user_name=owner,
            kernel_slug=slug,
            page_size=100,
            page_token=token,
            take=lambda answer: (
                ({item.file_name: item.url for item in answer.files or []}, answer.log or ""),
                answer.next_page_token or "",
            ),
        )

    addresses: dict[str, str] = {}
    log = ""
    for found, page_log in pages(ask):
        addresses |= found
        log = log or page_log
    return Output(addresses, _as_text(log))


def fetch(client: Client, kernel: Kernel, name: str, path: Path) -> str:
    """Fetch one zip of the output to `path`, and return the run's log.

    Raises:
        OutputMissing: the run left no such file.
        FileCorrupt: it is no whole zip.
    """

    log = ""

    def address() -> str:
        nonlocal log
        left = output(client, kernel)
        log = left.log
        if name not in left.addresses:
            names = ", ".join(sorted(left.addresses)) or "nothing"
            raise OutputMissing(
                f"kernel {kernel.id} finished and left no {name} (it left {names}); the end of its "
                f"log: {tail(left.log)}"
            )
        return left.addresses[name]

    transfer.download(address, path, client.policy)
    return log


def tail(log: str, lines: int = 8) -> str:
    """Return the last lines of a log that hold something, in one line."""
    kept = [line.strip() for line in log.splitlines() if line.strip()]
    return " | ".join(kept[-lines:]) or "empty"


def _as_text(log: str) -> str:
    """Return the text of a log, which Kaggle keeps as a JSON list of pieces with `data`."""
    try:
        return "".join(piece["data"] for piece in json.loads(log))
    except (ValueError, TypeError, KeyError):
        return log

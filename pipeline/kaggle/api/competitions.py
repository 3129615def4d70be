"""The competition and our submissions to it, as Kaggle's API tells them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pipeline.kaggle.api import transfer
from pipeline.kaggle.api.client import Client
from pipeline.kaggle.api.errors import UnexpectedAnswer

_SERVICE = "competitions"
_PAGE = 100


@dataclass(frozen=True)
class Competition:
    """What Kaggle says of a competition, and of us in it."""

    title: str
    entered: bool  # the rules are accepted
    kernels_only: bool
    submissions_disabled: bool
    deadline: datetime | None  # UTC; late submissions may be taken after it


@dataclass(frozen=True)
class Submission:
    """One submission as Kaggle lists it."""

    ref: int
    description: str
    status: str  # PENDING, COMPLETE or ERROR
    public_score: str
    private_score: str
    error: str


def look(client: Client, slug: str) -> Competition:
    """Ask whether the competition is open, and whether we are in it."""
    return client.call(
        f"looking at competition {slug}",
        _SERVICE,
        "get_competition",
        competition_name=slug,
        take=lambda answer: Competition(
            title=answer.title or slug,
            entered=bool(answer.user_has_entered),
            kernels_only=bool(answer.is_kernels_submissions_only),
            submissions_disabled=bool(answer.submissions_disabled),
            deadline=answer.deadline,
        ),
    )


def submissions_left(client: Client, slug: str) -> int:
    """How many submissions the rest of today (UTC) allows."""
    return client.call(
        "asking how many submissions are left today",
        _SERVICE,
        "get_submission_limits",
        competition_name=slug,
        take=lambda answer: int(answer.num_allowed_now or 0),
    )


def submissions(client: Client, slug: str) -> Iterator[Submission]:
    """All our submissions, the newest first, page by page."""
    token, page = "", 1
    while True:
        found, token = client.call(
            "listing the submissions",
            _SERVICE,
            "list_submissions",
            competition_name=slug,
            page=page,
            page_token=token,
            page_size=_PAGE,
            take=lambda answer: (
                [_read(item) for item in answer.submissions or []],
                answer.next_page_token or "",
            ),
        )
        yield from found
        if not token:
            return
        page += 1


def find(client: Client, slug: str, mark: str) -> Submission | None:
    """The newest of our submissions whose description holds `mark`."""
    return next((one for one in submissions(client, slug) if mark in one.description), None)


def upload(client: Client, slug: str, path: Path) -> str:
    """Upload a file for a submission, resuming where it was cut. Returns its token."""
    token, address = client.call(
        "starting the upload",
        _SERVICE,
        "start_submission_upload",
        competition_name=slug,
        file_name=path.name,
        content_length=path.stat().st_size,
        last_modified_epoch_seconds=int(path.stat().st_mtime),
        take=lambda answer: (answer.token, answer.create_url),
    )
    if not token or not address:
        raise UnexpectedAnswer("starting the upload: Kaggle gave no address to upload to")
    transfer.upload(path, address, client.patience)
    return token


def submit_file(client: Client, slug: str, token: str, *, description: str, mark: str) -> int:
    """Submit an uploaded file, once: a lost answer is looked up by `mark`. Returns the ref."""
    return client.call(
        "submitting",
        _SERVICE,
        "create_submission",
        competition_name=slug,
        blob_file_tokens=token,
        submission_description=description,
        find=lambda: _ref(find(client, slug, mark)),
        take=lambda answer: int(answer.ref or 0),
    )


def submit_kernel(
    client: Client,
    slug: str,
    *,
    kernel: str,
    version: int,
    file_name: str,
    description: str,
    mark: str,
) -> int:
    """Submit what a kernel's version left, once, as `submit_file` does. Returns the ref."""
    owner, _, name = kernel.partition("/")
    return client.call(
        "submitting",
        _SERVICE,
        "create_code_submission",
        competition_name=slug,
        kernel_owner=owner,
        kernel_slug=name,
        kernel_version=version,
        file_name=file_name,
        submission_description=description,
        find=lambda: _ref(find(client, slug, mark)),
        take=lambda answer: int(answer.ref or 0),
    )


def _ref(submission: Submission | None) -> int | None:
    return submission.ref if submission else None


def _read(item: Any) -> Submission:
    return Submission(
        ref=int(item.ref or 0),
        description=item.description or "",
        status=item.status.name,
        public_score=item.public_score or "",
        private_score=item.private_score or "",
        error=item.error_description or "",
    )

"""The competition and our submissions to it, as Kaggle's API tells them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from pipeline.common.errors import InputError
from pipeline.competitions.profile import DataLayout
from pipeline.download.retry import RetryPolicy
from pipeline.kaggle.api import transfer
from pipeline.kaggle.api.client import Client, pages
from pipeline.kaggle.api.once import UnusableAnswer

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


def details(client: Client, slug: str) -> Competition:
    """Return whether the competition is open, and whether we are in it."""
    return client.call(
        f"asking for competition {slug}",
        "get_competition",
        competition_name=slug,
        take=lambda answer: Competition(
            title=answer.title or slug,
            entered=bool(answer.user_has_entered),
            kernels_only=bool(answer.is_kernels_submissions_only),
            submissions_disabled=bool(answer.submissions_disabled),
            deadline=_in_utc(answer.deadline),
        ),
    )


def _in_utc(time: datetime | None) -> datetime | None:
    """Return a time of Kaggle's in UTC, without a zone, as most of them come."""
    return time.astimezone(UTC).replace(tzinfo=None) if time and time.tzinfo else time


def submissions_left(client: Client, slug: str) -> int:
    """Return how many submissions the rest of today (UTC) allows."""
    return client.call(
        "asking how many submissions are left today",
        "get_submission_limits",
        competition_name=slug,
        take=lambda answer: int(answer.num_allowed_now or 0),
    )


def submissions(client: Client, slug: str) -> Iterator[Submission]:
    """Yield all our submissions, the newest first, page by page."""
    numbers = count(1)

    def ask(token: str) -> tuple[list[Submission], str]:
        return client.call(
            "listing the submissions",
            "list_submissions",
            competition_name=slug,
            page=next(numbers),
            page_token=token,
            page_size=_PAGE,
            take=lambda answer: (
                [_read(item) for item in answer.submissions or []],
                answer.next_page_token or "",
            ),
        )

    for page in pages(ask):
        yield from page


def find(client: Client, slug: str, mark: str) -> Submission | None:
    """Return the newest of our submissions whose description holds `mark`."""
    return next((one for one in submissions(client, slug) if mark in one.description), None)


def upload(client: Client, slug: str, path: Path) -> str:
    """Upload a file for a submission, resuming where it was cut. Returns its token."""
    token, address = client.call(
        "starting the upload",
        "start_submission_upload",
        competition_name=slug,
        file_name=path.name,
        content_length=path.stat().st_size,
        last_modified_epoch_seconds=int(path.stat().st_mtime),
        take=_token_and_address,
    )
    transfer.upload(path, address, client.policy)
    return token


def _token_and_address(answer: Any) -> tuple[str, str]:
    if not answer.token or not answer.create_url:
        raise UnusableAnswer("Kaggle gave no address to upload to")
    return answer.token, answer.create_url


def submit_file(client: Client, slug: str, token: str, *, description: str, mark: str) -> int:
    """Submit an uploaded file, once: a lost answer is looked up by `mark`. Returns the ref."""
    return client.call(
        "submitting",
        "create_submission",
        competition_name=slug,
        blob_file_tokens=token,
        submission_description=description,
        find=lambda: _found(find(client, slug, mark)),
        take=_ref,
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
        "create_code_submission",
        competition_name=slug,
        kernel_owner=owner,
        kernel_slug=name,
        kernel_version=version,
        file_name=file_name,
        submission_description=description,
        find=lambda: _found(find(client, slug, mark)),
        take=_ref,
    )


def download_files(slug: str, folder: Path, policy: RetryPolicy, layout: DataLayout) -> Path:
    """Fetch the zips of the competition's data.

    Files that are there and whole are kept, and a partial one is resumed. Returns `folder`.

    Raises:
        KaggleError: the one that fits what Kaggle answered.
        FileCorrupt: what came is no whole zip.
    """
    missing = [name for name in layout.downloads if not _is_whole(folder / name)]
    if missing:
        client = Client(policy)
        for name in missing:

            def address(name: str = name) -> str:
                what = f"asking for {name}"
                if layout.is_one_zip:
                    method, fields = "download_data_files", {}
                else:
                    method, fields = "download_data_file", {"file_name": name}
                return client.call(what, method, competition_name=slug, take=_address, **fields)

            transfer.download(address, folder / name, policy)
    return folder


def _is_whole(path: Path) -> bool:
    try:
        transfer.check_zip(path)
    except (FileNotFoundError, InputError):
        return False
    return True


def _address(answer: Any) -> str:
    """Return where the redirect led. The client has followed it; what came there is not needed."""
    answer.close()
    return answer.url


def _ref(answer: Any) -> int:
    """Return the number of the submission that an answer tells of."""
    if not answer.ref:
        said = f": {answer.message}" if answer.message else ""
        raise UnusableAnswer(f"Kaggle's answer names no submission{said}")
    return int(answer.ref)


def _found(submission: Submission | None) -> int | None:
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

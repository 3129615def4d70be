"""A stand-in for Kaggle, spoken to on loopback by the real, unmodified kaggle client.

    with KaggleStandIn(tmp_path) as kaggle:
        os.environ.update(kaggle.environment())

The shapes of requests and answers are the client's own (kagglesdk). The rules (what is refused,
and in which words) are guesses: passing here does not show that Kaggle would accept a request.
This file holds the rules; kaggle_http.py speaks HTTP and injects faults, kaggle_worker.py runs the
pushed kernels.
"""

import hashlib
import shutil
import threading
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.standins.kaggle_http import Fault, Refusal, Server
from tests.standins.kaggle_worker import Worker

COMPETITION = "generative-dog-images"
PAINTER = "gan-getting-started"
SMALL = "small-dogs"  # one that takes any number of images
TITLES = {
    COMPETITION: "Generative Dog Images",
    PAINTER: "I'm Something of a Painter Myself",
    SMALL: "Generative Dog Images",
}
USER = "tester"
KEY = "standin-legacy-key-0123456789"
TOKEN = "KGAT_standin-token-0123456789"
REFRESH_TOKEN = "standin-refresh-token-0123456789"
OAUTH_TOKEN = "standin-oauth-token-0123456789"
SECRETS = (KEY, TOKEN, REFRESH_TOKEN, OAUTH_TOKEN)

COMPETITIONS = "competitions.CompetitionApiService/"
KERNELS = "kernels.KernelsApiService/"


def whole_zip(path: Path) -> str | None:
    """Return what is wrong with a submission, or None: the default evaluator."""
    try:
        with zipfile.ZipFile(path) as archive:
            return f"{bad} is corrupt" if (bad := archive.testzip()) else None
    except zipfile.BadZipFile:
        return "not a zip archive"


@dataclass
class Rules:
    """How this Kaggle behaves; tests change what they need."""

    entered: bool = True
    kernels_only: bool = False
    submissions_disabled: bool = False
    deadline: str = "2019-08-13T23:59:00.000Z"
    daily_limit: int = 5
    polls_until_scored: int = 1  # a submission is listed as PENDING that many times
    stale_polls: int = 0  # after a push the kernel's state and output are the old ones that often
    page_size: int = 20  # at most so many submissions a page
    gpu_quota: dict[str, str] | None = field(
        default_factory=lambda: {"timeUsed": "63000s", "totalTimeAllowed": "108000s"}
    )
    replaces_machine: str = ""  # what kernels run on, whatever they ask for
    lists_output: bool = True  # False: a run's output and log are "not found"
    repeats_page_token: bool = False  # each page of a list names the same next one
    evaluate: Callable[[Path], str | None] = whole_zip
    score: Callable[[Path], float] = lambda path: 42.5
    push_answer: dict[str, Any] = field(default_factory=dict)  # laid over the answer of a push


@dataclass
class Blob:
    """An upload: its file and the size that was announced."""

    name: str
    path: Path
    size: int
    complete: bool = False


@dataclass
class Submission:
    ref: int
    description: str
    file_name: str
    path: Path
    sha256: str
    kernel_version: int | None
    polls: int = 0


@dataclass
class Kernel:
    """A kernel and its pushes, each as the client sent it."""

    pushes: list[dict[str, Any]] = field(default_factory=list)
    workers: list[Worker] = field(default_factory=list)
    polls: int = 0  # of its state, since the last push


class KaggleStandIn:
    """One small Kaggle: a user, a competition, its data, kernels and submissions."""

    def __init__(self, folder: Path, **rules: Any) -> None:
        self.folder = folder
        self.rules = Rules(**rules)
        self.data = folder / "competition"  # the competition's files, to download
        self.mounted = folder / "mounted"  # the same as a kernel finds them, below input/
        self.blobs: dict[str, Blob] = {}
        self.submissions: list[Submission] = []
        self.kernels: dict[str, Kernel] = {}
        self.worker_environment: dict[str, str] = {}
        self.lock = threading.RLock()
        self.data.mkdir(parents=True)
        self.mounted.mkdir()
        self.server = Server(self)

    def __enter__(self) -> "KaggleStandIn":
        self.server.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.server.stop()
        for kernel in self.kernels.values():
            for worker in kernel.workers:
                worker.stop()

    # --- what a test reads and sets -----------------------------------------------------------
    def environment(self, home: Path | None = None, *, token: str | None = TOKEN) -> dict[str, str]:
        """Return the variables that lead the client here: it knows only http://localhost, port 80,
        so the stand-in is its proxy. Credentials: `token`, or what lies in `home`."""
        home = home or self.folder / "home"
        home.mkdir(exist_ok=True)
        address = f"http://127.0.0.1:{self.server.port}"
        variables = {
            "HOME": str(home),
            "KAGGLE_API_ENVIRONMENT": "LOCALHOST",
            "http_proxy": address,
            "https_proxy": address,
            "no_proxy": "",
            "NO_PROXY": "",
        }
        return variables | ({"KAGGLE_API_TOKEN": token} if token else {})

    def fault(self, call: str, **how: Any) -> None:
        """Make the next `times` calls of a method (or PUT, GET) fail; see `Fault`."""
        self.server.faults.append(Fault(call, **how))

    def sent(self, call: str) -> int:
        """Return how often the client called a method (or PUT, GET), whatever it was answered."""
        return sum(entry.call == call for entry in self.server.log)

    # --- who is calling ------------------------------------------------------------------------
    def knows(self, scheme: str, value: str) -> bool:
        """Return whether an Authorization header's credentials are good."""
        good = {"basic": {f"{USER}:{KEY}"}, "bearer": {TOKEN, OAUTH_TOKEN}}
        return value in good.get(scheme, ())

    def introspect_token(self, asked: dict[str, Any]) -> dict[str, Any]:
        if not self.knows("bearer", asked.get("token", "")):
            raise Refusal(400, "invalid token")
        return {"active": True, "username": USER}

    def generate_access_token(self, asked: dict[str, Any]) -> dict[str, Any]:
        if asked.get("refreshToken") != REFRESH_TOKEN:
            raise Refusal(401, "invalid refresh token")
        return {"token": OAUTH_TOKEN, "expiresIn": 3600, "userName": USER}

    # --- competitions ---------------------------------------------------------------------------
    def get_competition(self, asked: dict[str, Any]) -> dict[str, Any]:
        self._require_competition(asked)
        return {
            "ref": f"https://www.kaggle.com/competitions/{asked['competitionName']}",
            "title": TITLES[asked["competitionName"]],
            "deadline": self.rules.deadline,
            "userHasEntered": self.rules.entered,
            "isKernelsSubmissionsOnly": self.rules.kernels_only,
            "submissionsDisabled": self.rules.submissions_disabled,
        }

    def get_submission_limits(self, asked: dict[str, Any]) -> dict[str, Any]:
        self._require_competition(asked)
        return {"numToday": len(self.submissions), "numAllowedNow": self._left()}

    def start_submission_upload(self, asked: dict[str, Any]) -> dict[str, Any]:
        self._require_open(asked)
        token = f"blob-{len(self.blobs)}"
        path = self.folder / token
        path.touch()
        self.blobs[token] = Blob(asked["fileName"], path, int(asked["contentLength"]))
        return {"token": token, "createUrl": f"{self.server.address}/upload/{token}?sig=secret"}

    def create_submission(self, asked: dict[str, Any]) -> dict[str, Any]:
        self._require_open(asked)
        if self.rules.kernels_only:
            raise Refusal(400, "This competition only accepts submissions from kernels")
        blob = self.blobs.get(asked.get("blobFileTokens", ""))
        if blob is None or not blob.complete:
            raise Refusal(400, "Invalid blob file token")
        return self._submit(asked, blob.name, blob.path, None)

    def create_code_submission(self, asked: dict[str, Any]) -> dict[str, Any]:
        self._require_open(asked)
        kernel = self.kernels.get(f"{asked['kernelOwner']}/{asked['kernelSlug']}")
        version = asked.get("kernelVersion", 0)
        if kernel is None or not 1 <= version <= len(kernel.workers):
            raise Refusal(404, "Kernel version not found")
        worker = kernel.workers[version - 1]
        if worker.status != "COMPLETE":
            raise Refusal(400, "Kernel version has not finished running")
        path = worker.working / asked["fileName"]
        if not path.is_file():
            raise Refusal(400, f"Output file {asked['fileName']} not found")
        return self._submit(asked, path.name, path, version)

    def list_submissions(self, asked: dict[str, Any]) -> dict[str, Any]:
        self._require_competition(asked)
        start = int(asked.get("pageToken") or 0)
        size = min(self.rules.page_size, asked.get("pageSize") or 20)
        newest_first = self.submissions[::-1]
        page = [self._shown(one) for one in newest_first[start : start + size]]
        more = start + size < len(newest_first)
        next_page = {"nextPageToken": str(start + size)} if more else self._same_page()
        return {"submissions": page} | next_page

    def download_data_file(self, asked: dict[str, Any]) -> str:
        """Return an address to be redirected to."""
        self._require_competition(asked)
        if not (self.data / asked["fileName"]).is_file():
            raise Refusal(404, "Not found: data file")
        return f"{self.server.address}/files/competition/{asked['fileName']}?sig=secret"

    def download_data_files(self, asked: dict[str, Any]) -> str:
        """Return an address to be redirected to: that of one zip of all files."""
        return self.download_data_file(asked | {"fileName": f"{asked['competitionName']}.zip"})

    # --- kernels ---------------------------------------------------------------------------------
    def save_kernel(self, asked: dict[str, Any]) -> dict[str, Any]:
        owner, _, slug = asked.get("slug", "").partition("/")
        if owner != USER or not slug:
            raise Refusal(403, "Permission 'kernels.update' was denied")
        answer = {
            "ref": f"/code/{owner}/{slug}",
            "url": f"https://www.kaggle.com/code/{owner}/{slug}",
        }
        answer |= self.rules.push_answer
        if "error" in answer:
            return answer
        kernel = self.kernels.setdefault(asked["slug"], Kernel())
        kernel.pushes.append(asked)
        folder = self.folder / "kernels" / slug / str(len(kernel.pushes))
        if folder.exists():  # of a kernel of this name that was deleted
            shutil.rmtree(folder)
        attached = {source: self.mounted for source in asked.get("competitionDataSources", [])}
        worker = Worker(folder, asked["text"], asked["kernelType"], attached)
        kernel.workers.append(worker)
        kernel.polls = 0
        worker.start(self.worker_environment)
        return {"versionNumber": len(kernel.pushes), "kernelId": 1001} | answer

    def get_kernel(self, asked: dict[str, Any]) -> dict[str, Any]:
        kernel = self._kernel(asked)
        last = kernel.pushes[-1]
        return {
            "metadata": {
                "ref": last["slug"],
                "currentVersionNumber": len(kernel.pushes),
                "isPrivate": last.get("isPrivate", False),
                "competitionDataSources": last.get("competitionDataSources", []),
                "machineShape": self.rules.replaces_machine or last.get("machineShape", ""),
            },
            "blob": {"source": last["text"], "kernelType": last["kernelType"]},
        }

    def get_kernel_session_status(self, asked: dict[str, Any]) -> dict[str, Any]:
        worker = self._session(asked)[1]
        answer = {"status": worker.status}
        return answer | ({"failureMessage": worker.failure} if worker.failure else {})

    def get_accelerator_quota_statistics(self, asked: dict[str, Any]) -> dict[str, Any]:
        if self.rules.gpu_quota is None:
            raise Refusal(404, "Not found")
        return {"gpuQuota": self.rules.gpu_quota}

    def list_kernel_session_output(self, asked: dict[str, Any]) -> dict[str, Any]:
        version, worker = self._session(asked)
        if not self.rules.lists_output:
            raise Refusal(404, "Kernel output not found")
        slug = asked["kernelSlug"]
        base = f"{self.server.address}/files/kernels/{slug}/{version}/working"
        files = [
            {"fileName": name, "url": f"{base}/{name}?sig=secret"} for name in worker.outputs()
        ]
        return {"files": files, "log": worker.log_as_json()} | self._same_page()

    # --- helpers --------------------------------------------------------------------------------
    def _same_page(self) -> dict[str, str]:
        return {"nextPageToken": "1"} if self.rules.repeats_page_token else {}

    def _require_competition(self, asked: dict[str, Any]) -> None:
        if asked.get("competitionName") not in TITLES:
            raise Refusal(404, "Not found: competition")

    def _require_open(self, asked: dict[str, Any]) -> None:
        self._require_competition(asked)
        if not self.rules.entered:
            raise Refusal(403, "You must accept this competition's rules")
        if self.rules.submissions_disabled:
            raise Refusal(400, "This competition is closed")
        if self._left() == 0:
            raise Refusal(400, "You have reached your daily submission limit")

    def _left(self) -> int:
        return max(0, self.rules.daily_limit - len(self.submissions))

    def _kernel(self, asked: dict[str, Any]) -> Kernel:
        kernel = self.kernels.get(f"{asked['userName']}/{asked['kernelSlug']}")
        if kernel is None:  # Kaggle hides what is not there behind 403
            raise Refusal(403, "Permission 'kernels.get' was denied")
        return kernel

    def _session(self, asked: dict[str, Any]) -> tuple[int, Worker]:
        """Return number and worker of the version that is shown."""
        kernel = self._kernel(asked)
        kernel.polls += 1
        version = len(kernel.workers) - (kernel.polls <= self.rules.stale_polls)
        if version == 0:
            raise Refusal(404, "Kernel has no sessions")
        return version, kernel.workers[version - 1]

    def _submit(
        self, asked: dict[str, Any], name: str, path: Path, version: int | None
    ) -> dict[str, Any]:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        ref = 50_000_001 + len(self.submissions)
        description = asked.get("submissionDescription", "")
        self.submissions.append(Submission(ref, description, name, path, digest, version))
        return {"message": "Successfully submitted to Generative Dog Images", "ref": ref}

    def _shown(self, submission: Submission) -> dict[str, Any]:
        submission.polls += 1
        shown: dict[str, Any] = {
            "ref": submission.ref,
            "description": submission.description,
            "fileName": submission.file_name,
            "date": "2026-01-01T00:00:00.000Z",
            "status": "PENDING",
        }
        if submission.polls > self.rules.polls_until_scored:
            if fault := self.rules.evaluate(submission.path):
                return shown | {"status": "ERROR", "errorDescription": fault}
            score = f"{self.rules.score(submission.path):.5f}"
            return shown | {"status": "COMPLETE", "publicScore": score, "privateScore": score}
        return shown

"""The table of faults: what the user sees, and what was sent, for every call of a submission.

Each row breaks one call once or for good, runs the stage, and then runs it again on a Kaggle that
is well: whatever the first run did, there is one submission in the end, and one push.
"""

from pathlib import Path

import pytest

from pipeline.common.paths import Paths
from pipeline.kaggle.api import errors
from pipeline.kaggle.api.errors import KaggleError
from tests.kaggle import runs
from tests.standins.kaggle_api import SECRETS, KaggleStandIn

# Calls of a submission, in their order; those that a kernel shares with a file stand there. Those
# of ACTING do something, so that a lost answer to one is looked up before it is sent again.
FILE_CALLS = ["ListSubmissions", "GetCompetition", "GetSubmissionLimits", "StartSubmissionUpload"]
KERNEL_CALLS = ["GetKernel", "GetKernelSessionStatus", "ListKernelSessionOutput"]
ACTING = {"file": ["CreateSubmission"], "kernel": ["SaveKernel", "CreateCodeSubmission"]}
STORAGE = {"file": ["PUT"], "kernel": ["GET"]}

ALL = {
    "file": FILE_CALLS + STORAGE["file"] + ACTING["file"],
    "kernel": KERNEL_CALLS + STORAGE["kernel"] + ACTING["kernel"],
}
ROWS = [(mode, call) for mode, calls in ALL.items() for call in calls]
REFUSED_ROWS = [
    (mode, call, status)
    for mode, call in ROWS
    for status in (401, 403, 404)
    if call not in ("PUT", "GET")
    # 403 and 404 are how Kaggle says that there is no such kernel, or no run of it, yet.
    and not (call in ("GetKernel", "GetKernelSessionStatus") and status != 401)
]

PASSING = {
    "429": {"status": 429},
    "429 with Retry-After": {"status": 429, "headers": {"Retry-After": "0"}},
    "500": {"status": 500},
    "503": {"status": 503},
    "dropped before": {"drop": "before"},
    "dropped during": {"drop": "during"},
    "dropped after": {"drop": "after"},
}
REFUSING = {
    401: (errors.CredentialsRefused, "Kaggle does not accept the token in KAGGLE_API_TOKEN"),
    403: (errors.AccessRefused, "accept the competition's rules"),
    404: (errors.NotFound, "check competition, kaggle"),
}


@pytest.fixture
def paths(tmp_path: Path, kaggle: KaggleStandIn) -> Paths:
    """A checkout with a zip and a kernel that are ready to go."""
    paths = Paths(tmp_path / "checkout")
    runs.write_zip(paths.images_zip)
    runs.write_kernel(paths, kaggle)
    return paths


def submit(mode: str, paths: Paths) -> dict:
    return runs.submit_zip(paths) if mode == "file" else runs.submit_bundle(paths)


def well_again(kaggle: KaggleStandIn, mode: str, paths: Paths) -> None:
    """Run it once more, without faults: one submission, one push, no secret anywhere."""
    kaggle.server.faults.clear()
    assert submit(mode, paths)["status"] == "complete"
    assert len(kaggle.submissions) == 1
    assert [len(one.pushes) for one in kaggle.kernels.values()] == ([1] if mode == "kernel" else [])
    for path in paths.root.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not any(secret.encode() in content for secret in (*SECRETS, "sig=secret"))


@pytest.mark.parametrize(
    ("mode", "call", "fault"),
    [
        # 500 goes the way of 503, and 429 differs only for what acts.
        pytest.param(
            mode,
            call,
            fault,
            marks=pytest.mark.slow if fault in ("429", "500") and call not in ACTING[mode] else (),
        )
        for mode, call in ROWS
        for fault in PASSING
    ],
)
def test_what_passes_is_waited_out(
    kaggle: KaggleStandIn, paths: Paths, mode: str, call: str, fault: str
) -> None:
    kaggle.fault(call, **PASSING[fault])
    receipt = submit(mode, paths)
    assert receipt["status"] == "complete"
    assert receipt["public_score"] == 42.5
    assert kaggle.server.faults[0].times == 0, "the fault was never met"
    acted = fault in ("dropped during", "dropped after")
    if call in ("CreateSubmission", "CreateCodeSubmission", "SaveKernel"):
        # Looked up, not sent again, where it had been acted on.
        assert kaggle.sent(call) == (1 if acted else 2)
    well_again(kaggle, mode, paths)


@pytest.mark.parametrize(("mode", "call", "status"), REFUSED_ROWS)
def test_a_refusal_stops_at_once_and_says_what_to_do(
    kaggle: KaggleStandIn,
    paths: Paths,
    mode: str,
    call: str,
    status: int,
    capfd: pytest.CaptureFixture[str],
) -> None:
    kaggle.fault(call, status=status)
    error, words = REFUSING[status]
    with pytest.raises(error, match=words) as caught:
        submit(mode, paths)
    assert "\n" not in str(caught.value)
    assert kaggle.server.log[-1].call == call, "something was sent after a refusal"
    shown = str(caught.value) + "".join(capfd.readouterr())
    assert not any(secret in shown for secret in (*SECRETS, "sig=secret"))
    well_again(kaggle, mode, paths)


@pytest.mark.parametrize(("mode", "call"), ROWS)
def test_what_does_not_pass_is_given_up_with_a_reason(
    kaggle: KaggleStandIn, paths: Paths, mode: str, call: str
) -> None:
    kaggle.fault(call, status=503, times=2)  # as often as a call is made
    # Hours of training are not given up for some minutes without Kaggle.
    if call in ("GetKernelSessionStatus", "ListKernelSessionOutput"):
        assert submit(mode, paths)["status"] == "complete"
    else:
        with pytest.raises(errors.Unavailable, match="HTTP 503"):
            submit(mode, paths)
    well_again(kaggle, mode, paths)


@pytest.mark.parametrize(
    ("mode", "call"),
    [
        pytest.param(
            mode, call, marks=() if call in ACTING[mode] + STORAGE[mode] else pytest.mark.slow
        )
        for mode, call in ROWS
    ],
)
def test_a_call_that_hangs_is_left_and_repeated(
    kaggle: KaggleStandIn, paths: Paths, mode: str, call: str
) -> None:
    """It acts in the end, when nobody waits for its answer any more."""
    kaggle.fault(call, hang_s=0.9)
    assert submit(mode, paths)["status"] == "complete"
    if call in ACTING[mode]:
        assert kaggle.sent(call) == 1
    well_again(kaggle, mode, paths)


def test_an_upload_is_resumed_where_it_was_cut(kaggle: KaggleStandIn, paths: Paths) -> None:
    size = paths.images_zip.stat().st_size
    kaggle.fault("PUT", drop="during")
    runs.submit_zip(paths)
    puts = [entry.asked["length"] for entry in kaggle.server.log if entry.call == "PUT"]
    assert puts == [size, size - size // 2]
    receipt = runs.submit_zip(paths)
    assert kaggle.submissions[0].sha256 == receipt["zip_sha256"], "what arrived is what was sent"


def test_a_truncated_upload_that_storage_takes_for_whole_is_refused_by_the_evaluator(
    kaggle: KaggleStandIn, paths: Paths
) -> None:
    kaggle.fault("PUT", keep=0.5)
    with pytest.raises(errors.SubmissionRefused, match="50000001: not a zip archive"):
        runs.submit_zip(paths)
    # It stays refused: the same file again would use up another submission.
    with pytest.raises(errors.SubmissionRefused, match="50000001"):
        runs.submit_zip(paths)
    assert len(kaggle.submissions) == 1


@pytest.mark.parametrize("status", [400, 403, 410])
def test_an_upload_that_storage_refuses(kaggle: KaggleStandIn, paths: Paths, status: int) -> None:
    kaggle.fault("PUT", status=status)
    with pytest.raises(errors.RequestRefused, match=f"storage refused .HTTP {status}"):
        runs.submit_zip(paths)
    assert kaggle.sent("CreateSubmission") == 0
    well_again(kaggle, "file", paths)


@pytest.mark.parametrize("status", [403, 410])
def test_an_address_that_expired_is_asked_for_anew(
    kaggle: KaggleStandIn, paths: Paths, status: int
) -> None:
    kaggle.fault("GET", status=status)
    runs.submit_bundle(paths)
    assert kaggle.sent("ListKernelSessionOutput") == 3  # once for the log, twice for the zip
    well_again(kaggle, "kernel", paths)


def test_a_truncated_download_that_looks_whole_is_not_submitted(
    kaggle: KaggleStandIn, paths: Paths
) -> None:
    kaggle.fault("GET", keep=0.5)
    with pytest.raises(Exception, match=r"images\.zip: not a whole zip"):
        runs.submit_bundle(paths)
    assert kaggle.submissions == []
    well_again(kaggle, "kernel", paths)


def test_a_push_that_is_taken_with_an_error(kaggle: KaggleStandIn, paths: Paths) -> None:
    """The client itself reads it as success."""
    kaggle.rules.push_answer = {"error": "Maximum batch GPU session count of 2 reached."}
    with pytest.raises(errors.PushRefused, match="did not take the kernel: Maximum batch GPU"):
        runs.submit_bundle(paths)
    kaggle.rules.push_answer = {}
    well_again(kaggle, "kernel", paths)


@pytest.mark.parametrize("what", ["Competition", "Dataset"])
def test_a_push_without_its_data(kaggle: KaggleStandIn, paths: Paths, what: str) -> None:
    kaggle.rules.push_answer = {f"invalid{what}Sources": ["no-such-thing"]}
    with pytest.raises(
        errors.PushRefused,
        match=f"without its {what.lower()} sources no-such-thing: stop version 1",
    ):
        runs.submit_bundle(paths)
    kaggle.rules.push_answer = {}
    # That version runs, without data: the next attempt pushes another.
    assert runs.submit_bundle(paths)["kernel_version"] == 2
    assert len(kaggle.submissions) == 1


def test_a_kernel_that_fails_shows_the_end_of_its_log(kaggle: KaggleStandIn, paths: Paths) -> None:
    failing = runs.FAST_KERNEL.replace('print("copying")', "sys.exit('error: no dogs here')")
    runs.write_kernel(paths, kaggle, failing % (40, "small-dogs"))
    with pytest.raises(errors.KernelFailed, match=r"exit code 1.* its log: error: no dogs here"):
        runs.submit_bundle(paths)
    assert kaggle.submissions == []
    # Run again, it is pushed again: what failed for Kaggle's sake may work now.
    with pytest.raises(errors.KernelFailed, match="version 2"):
        runs.submit_bundle(paths)


def test_a_kernel_that_never_finishes(kaggle: KaggleStandIn, paths: Paths) -> None:
    endless = runs.FAST_KERNEL.replace('print("copying")', "import time; time.sleep(600)")
    runs.write_kernel(paths, kaggle, endless % (40, "small-dogs"))
    with pytest.raises(
        errors.KernelUnfinished, match=r"still (running|queued) after .* run `make submit` again"
    ):
        runs.submit_bundle(paths, {"submit.deadline_hours": 0.3 / 3600})
    with pytest.raises(errors.KernelUnfinished):
        runs.submit_bundle(paths, {"submit.deadline_hours": 0.3 / 3600})
    assert kaggle.sent("SaveKernel") == 1


@pytest.mark.parametrize("pushed_before", [False, True])
def test_a_kernel_whose_run_does_not_show_at_once(
    kaggle: KaggleStandIn, paths: Paths, pushed_before: bool
) -> None:
    """What shows is no run at all, or that of the version before, long finished."""
    if pushed_before:
        other = runs.FAST_KERNEL.replace("0123456789abcdef", "fedcba9876543210")
        runs.write_kernel(paths, kaggle, other % (40, "small-dogs"))
        runs.submit_bundle(paths)
        runs.write_kernel(paths, kaggle)
    kaggle.rules.stale_polls = 3
    receipt = runs.submit_bundle(paths)
    assert receipt["kernel_version"] == kaggle.submissions[-1].kernel_version == 1 + pushed_before
    assert receipt["zip_sha256"] == kaggle.submissions[-1].sha256


def test_scoring_that_never_ends(kaggle: KaggleStandIn, paths: Paths) -> None:
    kaggle.rules.polls_until_scored = 10_000
    with pytest.raises(errors.KernelUnfinished, match="scoring: still pending"):
        runs.submit_zip(paths, {"submit.deadline_hours": 0.3 / 3600})
    kaggle.rules.polls_until_scored = 1
    well_again(kaggle, "file", paths)


def test_a_kernel_that_leaves_no_zip(kaggle: KaggleStandIn, paths: Paths) -> None:
    other = runs.FAST_KERNEL.replace('"working" / "images.zip"', '"working" / "pictures.zip"')
    runs.write_kernel(paths, kaggle, other % (40, "small-dogs"))
    with pytest.raises(
        errors.OutputMissing, match=r"left no images\.zip \(it left pictures\.zip\).*copying"
    ):
        runs.submit_bundle(paths)
    assert kaggle.submissions == []


def test_a_submission_that_kaggle_refuses(kaggle: KaggleStandIn, paths: Paths) -> None:
    kaggle.fault("CreateSubmission", status=400, body=b'{"code": 400, "message": "too many dogs"}')
    with pytest.raises(errors.RequestRefused, match=r"submitting: .*too many dogs"):
        runs.submit_zip(paths)
    well_again(kaggle, "file", paths)


@pytest.mark.parametrize("mode", ["file", "kernel"])
def test_the_daily_limit_stops_it_before_anything_is_sent(
    kaggle: KaggleStandIn, paths: Paths, mode: str
) -> None:
    kaggle.rules.daily_limit = 0
    with pytest.raises(errors.PreflightFailed, match="left today: none: try again after 00:00 UTC"):
        submit(mode, paths)
    assert kaggle.sent("StartSubmissionUpload") == kaggle.sent("SaveKernel") == 0
    kaggle.rules.daily_limit = 1
    well_again(kaggle, mode, paths)


def test_the_daily_limit_reached_meanwhile(kaggle: KaggleStandIn, paths: Paths) -> None:
    kaggle.fault(
        "CreateCodeSubmission",
        status=400,
        body=b'{"code": 400, "message": "You have reached your daily submission limit"}',
    )
    with pytest.raises(KaggleError, match="daily submission limit"):
        runs.submit_bundle(paths)
    well_again(kaggle, "kernel", paths)

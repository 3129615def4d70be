"""Answers that cannot be used, lists that never end, and answers that echo a credential."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.common.errors import PipelineError
from pipeline.common.paths import Paths
from pipeline.kaggle.api import adapter, competitions, errors, kernels
from pipeline.kaggle.api.client import Client
from pipeline.kaggle.kernel import Kernel
from tests.kaggle import runs
from tests.kaggle.conftest import HASTE
from tests.standins.kaggle_api import COMPETITION, KEY, SECRETS, SMALL, TOKEN, USER, KaggleStandIn

BASIC = base64.b64encode(f"{USER}:{KEY}".encode()).decode()

UNUSABLE = {
    "200 with HTML": {"body": b"<html>come back later</html>"},
    "200 with HTML that says JSON": {"body": b"<html>", "content_type": "application/json"},
    "200, empty": {"body": b""},
    "200, cut": {"body": b'{"submissions": [{"re'},
    "200, a list": {"body": b"[]"},
    "200, nested without end": {"body": b"[" * 99_999},
    "200 with code 503": {"body": b'{"code": 503, "message": "busy"}'},
    "502 that says JSON": {"status": 502, "body": b"<html>", "content_type": "application/json"},
    "502, empty, that says JSON": {"status": 502, "body": b"", "content_type": "application/json"},
    "502 with code 404": {"status": 502, "body": b'{"code": 404, "message": "not found"}'},
    "502 with code and no message": {"status": 502, "body": b'{"code": 502}'},
    "502 with a word as code": {"status": 502, "body": b'{"code": "NotFound"}'},
}


@pytest.fixture
def paths(tmp_path: Path, kaggle: KaggleStandIn) -> Paths:
    """A checkout with a zip and a kernel that are ready to go."""
    paths = Paths(tmp_path / "checkout")
    runs.write_zip(paths.images_zip)
    runs.write_kernel(paths, kaggle)
    return paths


@pytest.fixture
def kernel(kaggle: KaggleStandIn, client: Client, tmp_path: Path) -> Kernel:
    """A kernel that was pushed and has run."""
    paths = Paths(tmp_path / "built")
    built = runs.write_kernel(paths, kaggle)
    kernels.push(client, paths.kernel, built, newer_than=0)
    while kaggle.kernels[built.id].workers[0].status != "COMPLETE":
        pass
    return built


# Each call that only reads, with what it gives on the stand-in.
READING: dict[str, tuple[Callable[[Client, Kernel], Any], Any]] = {
    "GetCompetition": (lambda c, k: competitions.details(c, SMALL).title, "Generative Dog Images"),
    "GetSubmissionLimits": (lambda c, k: competitions.submissions_left(c, SMALL), 5),
    "ListSubmissions": (lambda c, k: list(competitions.submissions(c, SMALL)), []),
    "GetKernel": (lambda c, k: kernels.find_version(c, k), 1),
    "GetKernelSessionStatus": (lambda c, k: kernels.session(c, k).status, "COMPLETE"),
    "ListKernelSessionOutput": (lambda c, k: list(kernels.output(c, k).addresses), ["images.zip"]),
}


@pytest.mark.parametrize("call", READING)
def test_a_call_that_reads_is_repeated_over_unusable_answers(
    kaggle: KaggleStandIn, client: Client, kernel: Kernel, call: str
) -> None:
    read, expected = READING[call]
    for number, how in enumerate(UNUSABLE.values(), start=1):
        kaggle.fault(call, **how)
        assert read(client, kernel) == expected
        assert kaggle.sent(call) == 2 * number
    assert all(fault.times == 0 for fault in kaggle.server.faults), "a fault was never met"


@pytest.mark.parametrize("how", UNUSABLE.values(), ids=UNUSABLE)
def test_unusable_answers_do_not_end_hours_of_following(
    kaggle: KaggleStandIn, paths: Paths, how: dict[str, Any]
) -> None:
    """Not even where each try of a call gets one."""
    kaggle.fault("GetKernelSessionStatus", times=4, **how)
    kaggle.fault("ListSubmissions", skip=2, times=4, **how)
    assert runs.submit_bundle(paths)["status"] == "complete"
    assert all(fault.times == 0 for fault in kaggle.server.faults)


@pytest.mark.parametrize("how", UNUSABLE.values(), ids=UNUSABLE)
@pytest.mark.parametrize("call", ["CreateSubmission", "CreateCodeSubmission", "SaveKernel"])
def test_a_call_that_acted_is_found_behind_an_unusable_answer(
    kaggle: KaggleStandIn, paths: Paths, call: str, how: dict[str, Any]
) -> None:
    kaggle.fault(call, **how)
    submit = runs.submit_zip if call == "CreateSubmission" else runs.submit_bundle
    assert submit(paths)["status"] == "complete"
    # The stand-in acts before it answers 200, and not before it answers 502.
    assert kaggle.sent(call) == (2 if "status" in how else 1)
    assert len(kaggle.submissions) == 1


@pytest.mark.parametrize("call", ["CreateSubmission", "CreateCodeSubmission", "SaveKernel"])
def test_a_call_that_did_not_act_is_left_to_the_next_run(
    kaggle: KaggleStandIn, paths: Paths, call: str
) -> None:
    """Who answers 200 may have acted: it is not sent again in this run."""
    kaggle.fault(call, status=200, body=b"<html>")
    submit = runs.submit_zip if call == "CreateSubmission" else runs.submit_bundle
    with pytest.raises(errors.UnexpectedAnswer, match=r"does not list it .* same command"):
        submit(paths)
    assert kaggle.sent(call) == 1
    assert submit(paths)["status"] == "complete"
    assert (kaggle.sent(call), len(kaggle.submissions)) == (2, 1)


@pytest.mark.parametrize("call", ["CreateSubmission", "CreateCodeSubmission"])
def test_a_submission_without_a_number_is_asked_for(
    kaggle: KaggleStandIn, paths: Paths, call: str
) -> None:
    kaggle.fault(call, body=b'{"message": "Successfully submitted"}')
    submit = runs.submit_zip if call == "CreateSubmission" else runs.submit_bundle
    assert submit(paths)["ref"] == kaggle.submissions[0].ref
    assert len(kaggle.submissions) == 1


def test_kaggles_words_are_kept_where_a_submission_has_no_number(
    kaggle: KaggleStandIn, paths: Paths
) -> None:
    kaggle.fault("CreateSubmission", status=200, body=b'{"message": "queued for review"}')
    with pytest.raises(errors.UnexpectedAnswer, match="names no submission: queued for review"):
        runs.submit_zip(paths)


@pytest.mark.parametrize("status", [400, 404])
def test_a_refusal_counts_whatever_its_body_says(
    kaggle: KaggleStandIn, client: Client, status: int
) -> None:
    kaggle.fault("GetCompetition", status=status, body=b"<html>", content_type="application/json")
    with pytest.raises(errors.Refusal):
        competitions.details(client, SMALL)
    assert kaggle.sent("GetCompetition") == 1


def test_what_the_client_refuses_to_send_is_not_blamed_on_kaggle(
    kaggle: KaggleStandIn, client: Client, tmp_path: Path
) -> None:
    paths = Paths(tmp_path / "built")
    kernel = runs.write_kernel(paths, kaggle)
    (paths.kernel / "kernel-metadata.json").write_text('{"title": "dogs"}')
    with pytest.raises(errors.RequestRefused, match=r"client refuses .* at least five characters"):
        kernels.push(client, paths.kernel, kernel, newer_than=0)
    assert kaggle.sent("SaveKernel") == kaggle.sent("GetKernel") == 0


# --- lists ---------------------------------------------------------------------------------------


def test_a_page_token_that_repeats_ends_the_list(
    kaggle: KaggleStandIn, client: Client, kernel: Kernel, capsys: pytest.CaptureFixture[str]
) -> None:
    kaggle.rules.repeats_page_token = True
    assert list(competitions.submissions(client, SMALL)) == []
    assert kaggle.sent("ListSubmissions") == 2
    assert list(kernels.output(client, kernel).addresses) == ["images.zip"]
    assert kaggle.sent("ListKernelSessionOutput") == 2
    assert capsys.readouterr().out.count("the same page token twice") == 2


# --- credentials ---------------------------------------------------------------------------------


def shown(error: BaseException, capfd: pytest.CaptureFixture[str]) -> str:
    return str(error) + "".join(capfd.readouterr())


def assert_hidden(text: str) -> None:
    assert "***" in text
    for secret in (*SECRETS, BASIC):
        assert secret not in text


@pytest.mark.parametrize("status", [400, 403, 404, 503])
@pytest.mark.parametrize("kind", ["token", "key"])
def test_an_error_that_echoes_the_credentials_is_masked(
    kaggle: KaggleStandIn,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    status: int,
    kind: str,
) -> None:
    if kind == "key":
        monkeypatch.delenv("KAGGLE_API_TOKEN")
        monkeypatch.setenv("KAGGLE_USERNAME", USER)
        monkeypatch.setenv("KAGGLE_KEY", KEY)
    client = Client(HASTE)
    kaggle.fault("GetCompetition", status=status, echo=True, times=2)
    with pytest.raises(errors.KaggleError) as caught:
        competitions.details(client, COMPETITION)
    assert_hidden(shown(caught.value, capfd))


def test_so_is_one_at_the_login(kaggle: KaggleStandIn, capfd: pytest.CaptureFixture[str]) -> None:
    kaggle.fault("IntrospectToken", status=500, echo=True, times=2)
    with pytest.raises(errors.Unavailable) as caught:
        Client(HASTE)
    assert_hidden(shown(caught.value, capfd))


ECHO = f"your token is {TOKEN}"


def test_texts_of_good_answers_are_masked_too(
    kaggle: KaggleStandIn, client: Client, kernel: Kernel
) -> None:
    kaggle.fault("GetCompetition", body=json.dumps({"title": ECHO}).encode())
    assert_hidden(competitions.details(client, SMALL).title)
    listed = {"submissions": [{"ref": 1, "status": "ERROR", "errorDescription": ECHO}]}
    kaggle.fault("ListSubmissions", body=json.dumps(listed).encode())
    (submission,) = competitions.submissions(client, SMALL)
    assert_hidden(submission.error)
    kaggle.fault(
        "GetKernelSessionStatus",
        body=json.dumps({"status": "ERROR", "failureMessage": ECHO}).encode(),
    )
    assert_hidden(kernels.session(client, kernel).failure)
    log = json.dumps([{"data": ECHO}])
    kaggle.fault("ListKernelSessionOutput", body=json.dumps({"log": log}).encode())
    assert_hidden(kernels.output(client, kernel).log)


def test_a_push_that_is_refused_with_an_echo_is_masked(
    kaggle: KaggleStandIn, paths: Paths, capfd: pytest.CaptureFixture[str]
) -> None:
    kaggle.rules.push_answer = {"error": ECHO}
    with pytest.raises(PipelineError) as caught:
        runs.submit_bundle(paths)
    assert_hidden(shown(caught.value, capfd))


@pytest.mark.parametrize("content", [b'{"a": ["x\\u002Fabcdefg"]}', b"<p>x/abcdefg</p>"])
def test_a_secret_is_found_however_it_is_written(content: bytes) -> None:
    hidden = adapter._hidden(content, {"x/abcdefg"})
    assert b"***" in hidden
    assert b"abcdefg" not in hidden


def test_an_answer_without_secrets_stays_as_it_is() -> None:
    content = b'{"score": 1.50, "token": "x/abcdefg",\n "a": [1, null]}'
    assert adapter._hidden(content, {"x/abcdefg"}) == content


def test_a_new_token_reaches_the_client() -> None:
    content = b'{"message": "abcdefgh", "token": "abcdefgh"}'
    assert json.loads(adapter._hidden(content, {"abcdefgh"})) == {
        "message": "***",
        "token": "abcdefgh",
    }

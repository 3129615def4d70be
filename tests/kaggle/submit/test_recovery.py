"""What Kaggle, or the user's own files, can look like on a second run: nothing is a traceback."""

import json
import re
from pathlib import Path

import pytest

from pipeline.common.errors import InputError, PipelineError
from pipeline.common.paths import Paths
from pipeline.kaggle.api import competitions, errors
from pipeline.kaggle.api.client import Client
from pipeline.kaggle.bundle import kernel_main
from pipeline.kaggle.submit import follow, receipt
from pipeline.kaggle.submit.ledger import DONE, FAILED, PUSH, Ledger
from tests.kaggle import runs
from tests.kaggle.api.test_client import LOG_IN, python
from tests.kaggle.conftest import HASTE
from tests.standins.kaggle_api import PAINTER, SMALL, USER, KaggleStandIn

KERNEL = f"{USER}/{runs.SLUG}"


@pytest.fixture
def paths(tmp_path: Path, kaggle: KaggleStandIn) -> Paths:
    paths = Paths(tmp_path / "checkout")
    runs.write_zip(paths.images_zip)
    runs.write_kernel(paths, kaggle)
    return paths


# --- what Kaggle answers --------------------------------------------------------------------------


@pytest.mark.parametrize("said", ["NaN", "Infinity", "-inf", "1e999", "none yet"])
def test_a_score_that_is_no_number_is_kept_as_text(
    paths: Paths, kaggle: KaggleStandIn, said: str
) -> None:
    listed = {"ref": 50_000_001, "status": "COMPLETE", "publicScore": said, "privateScore": "3.5"}
    runs.submit_zip(paths)
    listed["description"] = kaggle.submissions[0].description
    kaggle.fault("ListSubmissions", times=9, body=json.dumps({"submissions": [listed]}).encode())
    found = runs.submit_zip(paths)
    assert (found["public_score"], found["public_score_text"]) == (None, said)
    assert found["private_score"] == 3.5
    assert "private_score_text" not in found


def test_a_kernel_that_failed_without_output_says_why_and_is_pushed_again(
    paths: Paths, kaggle: KaggleStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = runs.FAST_KERNEL.replace('print("copying")', "sys.exit('error: no dogs here')")
    runs.write_kernel(paths, kaggle, failing % (40, SMALL))
    kaggle.rules.lists_output = False
    with pytest.raises(errors.KernelFailed, match=r"exit code 1\); its log cannot be had"):
        runs.submit_bundle(paths)
    monkeypatch.setattr(follow, "SETTLED_S", 0.0)
    with pytest.raises(errors.KernelFailed, match="version 2"):
        runs.submit_bundle(paths)
    assert kaggle.sent("SaveKernel") == 2


def test_a_kernel_that_was_deleted_is_pushed_anew(
    paths: Paths,
    kaggle: KaggleStandIn,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    kaggle.fault("CreateCodeSubmission", status=400)
    with pytest.raises(PipelineError):
        runs.submit_bundle(paths)
    del kaggle.kernels[KERNEL]
    monkeypatch.setattr(follow, "SETTLED_S", 0.0)
    assert runs.submit_bundle(paths)["kernel_version"] == 1
    assert "is on Kaggle no more: pushing it anew" in capsys.readouterr().out
    assert (kaggle.sent("SaveKernel"), len(kaggle.submissions)) == (2, 1)


@pytest.mark.parametrize(
    ("deadline", "words"),
    [
        ("2030-01-01T00:00:00+00:00", "open         yes"),
        ("2030-01-01T00:00:00-05:00", "open         yes"),
        ("2019-08-13T23:59:00+02:00", "its deadline was 2019-08-13"),
        ("2019-08-13T23:59:00.000Z", "its deadline was 2019-08-13"),
    ],
)
def test_a_deadline_may_have_a_zone(
    paths: Paths,
    kaggle: KaggleStandIn,
    capsys: pytest.CaptureFixture[str],
    deadline: str,
    words: str,
) -> None:
    kaggle.rules.deadline = deadline
    runs.submit_zip(paths)
    assert words in capsys.readouterr().out


def test_a_deadline_with_a_zone_is_that_moment_in_utc(
    kaggle: KaggleStandIn, client: Client
) -> None:
    kaggle.rules.deadline = "2030-01-01T00:00:00-05:00"
    deadline = competitions.details(client, PAINTER).deadline
    assert deadline is not None and deadline.isoformat() == "2030-01-01T05:00:00"


def test_an_unknown_status_of_an_old_submission_stops_nothing(
    paths: Paths, kaggle: KaggleStandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    old = {"ref": 1, "status": "WITHDRAWN", "description": "of years ago"}
    answer = json.dumps({"submissions": [old]}).encode()
    kaggle.fault("ListSubmissions", body=answer)
    assert runs.submit_zip(paths)["status"] == "complete"
    said = capsys.readouterr().out
    assert said.count("not known here, WITHDRAWN: taken as waiting") == 1


def test_an_unknown_status_of_a_run_is_waited_for(
    paths: Paths, kaggle: KaggleStandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    kaggle.fault("GetKernelSessionStatus", body=b'{"status": "DEFROSTING"}', times=2)
    assert runs.submit_bundle(paths)["status"] == "complete"
    assert capsys.readouterr().out.count("DEFROSTING") == 1


# --- the settings beside the code -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "value"), [("is_private", False), ("machine_shape", "NvidiaL4")]
)
def test_other_settings_are_another_version(
    paths: Paths, kaggle: KaggleStandIn, setting: str, value: object
) -> None:
    runs.submit_bundle(paths)
    metadata = json.loads((paths.kernel / "kernel-metadata.json").read_text())
    (paths.kernel / "kernel-metadata.json").write_text(json.dumps(metadata | {setting: value}))
    assert runs.submit_bundle(paths)["kernel_version"] == 2
    assert kaggle.sent("SaveKernel") == 2
    assert len(kaggle.submissions) == 2
    assert runs.submit_bundle(paths)["kernel_version"] == 2, "and no third"
    assert kaggle.sent("SaveKernel") == 2


def test_a_machine_that_kaggle_replaces_is_said(
    paths: Paths, kaggle: KaggleStandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    kaggle.rules.replaces_machine = "NvidiaTeslaP4"
    runs.submit_bundle(paths)
    words = "kaggle.machine_shape asks for NvidiaTeslaT4, Kaggle runs it on NvidiaTeslaP4"
    assert words in capsys.readouterr().out


def test_what_the_run_had_for_a_machine_is_said_by_its_log(
    paths: Paths,
    kaggle: KaggleStandIn,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In the built kernel's own words."""
    monkeypatch.setattr(kernel_main, "gpu_names", lambda: ["Tesla T4", "Tesla T4"])
    kernel_main.check_packages()
    params = {"model": {"name": "vae", "vae": {}}, "crop": {"side_px": 64}}
    kernel_main.check_session({"params": params, "machine_shape": "NvidiaTeslaP100"})
    told = capsys.readouterr().out
    code = runs.FAST_KERNEL.replace('print("copying")', f"print({told!r})")
    runs.write_kernel(paths, kaggle, code % (40, SMALL))
    runs.submit_bundle(paths)
    printed = capsys.readouterr().out
    said = [line.partition("] ")[2] for line in told.splitlines()]
    assert [line.partition(" ")[0] for line in said] == ["torch", "torchvision", "note:"]
    for line in (said[0], said[2]):
        assert f"the kernel's log: {line}\n" in printed


@pytest.mark.parametrize("known", [True, False])
def test_the_gpu_hours_are_shown_where_kaggle_tells_them(
    paths: Paths, kaggle: KaggleStandIn, capsys: pytest.CaptureFixture[str], known: bool
) -> None:
    if not known:
        kaggle.rules.gpu_quota = None
    runs.submit_bundle(paths)
    shown = "GPU hours    12.5 of 30.0 left this week" in capsys.readouterr().out
    assert shown == known


def test_gpu_hours_in_other_words_stop_nothing(paths: Paths, kaggle: KaggleStandIn) -> None:
    kaggle.rules.gpu_quota = {"timeUsed": "three hours", "totalTimeAllowed": "30 h"}
    assert runs.submit_bundle(paths)["status"] == "complete"


# --- the user's own files -------------------------------------------------------------------------

BROKEN = [b"", b"null", b"[1]", b"{", b"\xff\xfe\x00", b'{"mifid": "low"}', b'{"mifid": null}']


@pytest.mark.parametrize("content", BROKEN)
def test_broken_metrics_are_one_line(paths: Paths, kaggle: KaggleStandIn, content: bytes) -> None:
    paths.metrics.write_bytes(content)
    with pytest.raises(InputError, match=r"metrics\.json: not what the score stage writes"):
        runs.submit_zip(paths)
    assert kaggle.server.log == []


def test_metrics_without_a_mifid_are_none(tmp_path: Path) -> None:
    (tmp_path / "metrics.json").write_text('{"fid": 3.0}')
    assert receipt.local_score(tmp_path / "metrics.json") == {"local_fid": 3.0}


GOOD = {"time": "2026-01-01T00:00:00+00:00", "key": "a", "step": PUSH, "state": DONE, "version": 1}
EVENTS = [
    b"null",
    b"[]",
    b"\xff\xfe",
    json.dumps(GOOD | {"time": "2026-01-01T00:00:00"}).encode(),
    json.dumps(GOOD | {"time": 5}).encode(),
    json.dumps(GOOD | {"version": "one"}).encode(),
    json.dumps({key: value for key, value in GOOD.items() if key != "version"}).encode(),
    json.dumps(GOOD | {"key": None}).encode(),
]


@pytest.mark.parametrize("line", EVENTS)
def test_a_broken_ledger_is_one_line(paths: Paths, kaggle: KaggleStandIn, line: bytes) -> None:
    paths.ledger.parent.mkdir(parents=True, exist_ok=True)
    paths.ledger.write_bytes(line + b"\n" + json.dumps(GOOD).encode() + b"\n")
    with pytest.raises(InputError, match=r"submissions\.jsonl, line 1: no event of the ledger"):
        runs.submit_bundle(paths)
    assert kaggle.sent("SaveKernel") == 0


def test_the_versions_of_other_keys_and_of_a_deleted_kernel(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "submissions.jsonl")
    assert ledger.newest_version("me/dogs", other_than="b") == 0
    ledger.append("a", PUSH, DONE, kernel="me/dogs", version=3)
    ledger.append("a", PUSH, FAILED, kernel="me/dogs", failed=4)
    ledger.append("b", PUSH, DONE, kernel="me/dogs", version=7)
    ledger.append("a", PUSH, DONE, kernel="me/cats", version=9)
    assert ledger.newest_version("me/dogs", other_than="b") == 4
    ledger.append("b", PUSH, FAILED, kernel="me/dogs", failed=0, gone=True)
    assert ledger.newest_version("me/dogs", other_than="b") == 0


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        (
            "access_token",
            "\ufeffKGAT_secret\n".encode(),
            "line end.*look at ~/.kaggle/access_token",
        ),
        ("access_token", b"KGAT_secret\nKGAT_other\n", "line end.*look at ~/.kaggle/access_token"),
        ("access_token", b"\xff\xfe\x00bad", "UnicodeDecodeError.*look at ~/.kaggle/access_token"),
        ("kaggle.json", b"[1, 2]", "TypeError.*look at .*kaggle.json"),
    ],
)
def test_a_credentials_file_that_cannot_be_is_named(
    kaggle: KaggleStandIn,
    tmp_path: Path,
    name: str,
    content: bytes,
    words: str,
) -> None:
    """In a Python of its own: the client reads where its files are when it is imported."""
    place = kaggle.folder / "home" / ".kaggle" / name
    place.parent.mkdir(parents=True)
    place.write_bytes(content)
    place.chmod(0o600)
    done = python(kaggle, "-c", LOG_IN)
    last = done.stderr.splitlines()[-1]
    assert "RequestRefused: logging in: Kaggle's client refuses to send it" in last
    assert re.search(words, last), last
    assert "KGAT_secret" not in done.stderr
    assert kaggle.server.log == []


def test_metadata_edited_by_hand_is_named(paths: Paths, kaggle: KaggleStandIn) -> None:
    place = paths.kernel / "kernel-metadata.json"
    metadata = json.loads(place.read_text()) | {"kernel_type": "poem"}
    place.write_text(json.dumps(metadata))
    with pytest.raises(errors.RequestRefused, match=r"refuses to send.*look at .*metadata\.json"):
        runs.submit_bundle(paths)
    assert kaggle.sent("SaveKernel") == 0


def test_both_competitions_are_known_here(kaggle: KaggleStandIn) -> None:
    titles = {competitions.details(Client(HASTE), slug).title for slug in (PAINTER, SMALL)}
    assert titles == {"I'm Something of a Painter Myself", "Generative Dog Images"}

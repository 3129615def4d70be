"""The two stages that submit: dry runs that send nothing, the table before, the receipt after."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.common.errors import InputError, PipelineError
from pipeline.common.paths import Paths
from pipeline.kaggle.api.errors import NoCredentials, PreflightFailed
from pipeline.stages import submit_file, submit_kernel
from pipeline.submission.reader import SubmissionInvalid
from pipeline.submission.writer import write_zip as write_images
from tests.forms import MONET
from tests.kaggle import competition, runs
from tests.standins.kaggle_api import COMPETITION, PAINTER, SECRETS, SMALL, KaggleStandIn

METRICS = {
    "mifid": 51.25,
    "fid": 50.0,
    "memorization_distance": 0.5,
    "extractor": "embedded",
    "reference": "photos",
}


@pytest.fixture
def paths(tmp_path: Path, kaggle: KaggleStandIn) -> Iterator[Paths]:
    paths = Paths(tmp_path / "checkout")
    runs.write_zip(paths.images_zip)
    paths.metrics.write_text(json.dumps(METRICS))
    runs.write_kernel(paths, kaggle)
    yield paths


def dry(paths: Paths, stage: Any, changes: dict[str, Any] | None = None) -> dict[str, Any]:
    settings = competition.parameters({"submit.mode": "dry-run"} | (changes or {}))
    stage.run(paths, **{name: getattr(settings, name) for name in stage.SECTIONS})
    return json.loads(paths.submission.read_text())


def test_a_dry_run_of_a_file_sends_nothing_and_writes_a_receipt(
    paths: Paths,
    kaggle: KaggleStandIn,
    capsys: pytest.CaptureFixture[str],
) -> None:
    receipt = dry(paths, submit_file)
    assert kaggle.server.log == []
    assert not paths.ledger.exists()
    assert receipt["status"] == "dry-run"
    assert receipt["images"] == competition.COUNT
    assert len(receipt["zip_sha256"]) == 64
    assert receipt["local_mifid"] == 51.25
    assert receipt["local_extractor"] == "embedded"
    assert receipt["parameters"]["train"]["images"] == 64
    assert "MiFID 51.25 (embedded)" in capsys.readouterr().out


def test_a_dry_run_of_a_kernel_sends_nothing_and_writes_a_receipt(
    paths: Paths,
    kaggle: KaggleStandIn,
) -> None:
    receipt = dry(paths, submit_kernel)
    assert kaggle.server.log == []
    assert receipt["status"] == "dry-run"
    assert receipt["kernel"] == f"tester/{runs.SLUG}"
    assert len(receipt["kernel_sha256"]) == 64
    assert receipt["parameters"] == {"generate": {"count": competition.COUNT}}


@pytest.mark.parametrize("mode", ["dry-run", "kernel"])
def test_a_stage_sends_in_its_own_mode_only(
    paths: Paths,
    kaggle: KaggleStandIn,
    mode: str,
) -> None:
    """So that `dvc repro kernels/dvc.yaml`, which runs all stages, sends what is asked for."""
    dry(paths, submit_file, {"submit.mode": mode})
    assert kaggle.server.log == []


def test_a_zip_that_kaggle_would_refuse_stops_a_dry_run_too(paths: Paths) -> None:
    paths.images_zip.write_bytes(paths.images_zip.read_bytes()[:-100])
    with pytest.raises(SubmissionInvalid, match=r"images\.zip"):
        dry(paths, submit_file)
    assert not paths.submission.exists()


def test_the_receipt_of_a_file(paths: Paths, kaggle: KaggleStandIn) -> None:
    receipt = runs.submit_zip(paths)
    (sent,) = kaggle.submissions
    assert receipt["zip_sha256"] == sent.sha256, "what Kaggle has is what was checked"
    assert (receipt["ref"], receipt["status"]) == (sent.ref, "complete")
    assert (receipt["public_score"], receipt["private_score"]) == (42.5, 42.5)
    assert receipt["description"] == f"DCGAN [{sent.sha256[:16]}]"
    assert receipt["local_mifid"] == 51.25


def test_the_receipt_of_a_kernel(paths: Paths, kaggle: KaggleStandIn) -> None:
    receipt = runs.submit_bundle(paths)
    (sent,) = kaggle.submissions
    assert receipt["zip_sha256"] == sent.sha256
    assert (receipt["kernel_version"], sent.kernel_version) == (1, 1)
    assert (receipt["ref"], receipt["public_score"]) == (sent.ref, 42.5)
    assert paths.kernel_zip.read_bytes() == sent.path.read_bytes()
    push = kaggle.kernels[receipt["kernel"]].pushes[0]
    assert push["competitionDataSources"] == [SMALL]
    assert push["machineShape"] == "NvidiaTeslaT4"
    # Left out of the request is what has the default value, false.
    assert (push.get("enableInternet", False), push["isPrivate"]) == (False, True)
    # The receipt outlives the files of the run.
    again = runs.submit_bundle(paths)
    assert again == receipt


def test_a_lost_ledger_is_made_good_from_kaggles_list(
    paths: Paths,
    kaggle: KaggleStandIn,
) -> None:
    runs.submit_zip(paths)
    runs.submit_bundle(paths)
    paths.ledger.unlink()
    runs.submit_zip(paths)
    runs.submit_bundle(paths)
    assert len(kaggle.submissions) == 2
    assert kaggle.sent("SaveKernel") == 1
    assert paths.ledger.read_text().count('"done"') == 2


def test_a_submission_that_kaggle_does_not_list_is_not_sent_again(
    paths: Paths,
    kaggle: KaggleStandIn,
) -> None:
    runs.submit_zip(paths)
    kaggle.submissions.clear()  # another account's, or deleted
    with pytest.raises(PipelineError, match="has this as submission 50000001, but Kaggle does not"):
        runs.submit_zip(paths)
    assert kaggle.submissions == []


def test_the_same_code_under_another_name_is_another_kernel(
    paths: Paths, kaggle: KaggleStandIn
) -> None:
    kaggle.fault("CreateCodeSubmission", status=400)
    with pytest.raises(PipelineError):
        runs.submit_bundle(paths)
    metadata = paths.kernel / "kernel-metadata.json"
    metadata.write_text(metadata.read_text().replace(runs.SLUG, "renamed-dogs"))
    (paths.kernel / f"{runs.SLUG}.py").rename(paths.kernel / "renamed-dogs.py")
    assert runs.submit_bundle(paths)["kernel"] == "tester/renamed-dogs"
    assert [len(one.pushes) for one in kaggle.kernels.values()] == [1, 1]
    assert len(kaggle.submissions) == 1


@pytest.mark.parametrize("mode", ["file", "kernel"])
def test_an_experiment_may_not_submit(
    paths: Paths,
    kaggle: KaggleStandIn,
    monkeypatch: pytest.MonkeyPatch,
    mode: str,
) -> None:
    monkeypatch.setenv("DVC_EXP_NAME", "rusty-cats")
    with pytest.raises(PreflightFailed, match="'rusty-cats' may not submit"):
        (runs.submit_zip if mode == "file" else runs.submit_bundle)(paths)
    assert kaggle.server.log == []


def test_without_credentials_nothing_is_sent(
    paths: Paths,
    kaggle: KaggleStandIn,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("KAGGLE_API_TOKEN")
    with pytest.raises(NoCredentials, match="settings/api"):
        runs.submit_zip(paths)
    assert kaggle.server.log == []


BAD = {
    "closed": ({"submissions_disabled": True}, "open: no"),
    "rules": (
        {"entered": False},
        f"accept them at https://www.kaggle.com/competitions/{SMALL}/rules",
    ),
    "limit": ({"daily_limit": 0}, "left today: none"),
}


@pytest.mark.parametrize("what", BAD)
@pytest.mark.parametrize("mode", ["file", "kernel"])
def test_the_table_stops_it_before_a_byte_is_sent(
    paths: Paths,
    kaggle: KaggleStandIn,
    capsys: pytest.CaptureFixture[str],
    mode: str,
    what: str,
) -> None:
    rules, words = BAD[what]
    for name, value in rules.items():
        setattr(kaggle.rules, name, value)
    with pytest.raises(PreflightFailed, match="nothing was sent") as caught:
        (runs.submit_zip if mode == "file" else runs.submit_bundle)(paths)
    assert words in str(caught.value)
    assert "  NO  " in capsys.readouterr().out
    asked = {entry.call for entry in kaggle.server.log}
    assert asked <= {
        "IntrospectToken",
        "ListSubmissions",
        "GetCompetition",
        "GetSubmissionLimits",
        "GetAcceleratorQuotaStatistics",
    }
    assert not paths.ledger.exists()


def test_all_that_is_wrong_is_said_at_once(paths: Paths, kaggle: KaggleStandIn) -> None:
    kaggle.rules.entered = False
    kaggle.rules.daily_limit = 0
    with pytest.raises(PreflightFailed, match=r"rules: not accepted.*left today: none"):
        runs.submit_zip(paths)


def test_a_file_is_not_sent_to_a_competition_of_kernels(
    paths: Paths,
    kaggle: KaggleStandIn,
) -> None:
    kaggle.rules.kernels_only = True
    with pytest.raises(PreflightFailed, match=r"kernels only: set submit\.mode to kernel"):
        runs.submit_zip(paths)
    assert runs.submit_bundle(paths)["status"] == "complete"


def test_another_count_than_the_evaluators_is_not_sent(
    paths: Paths,
    kaggle: KaggleStandIn,
) -> None:
    """The parameters say so at once; so does a kernel that was built with others."""
    with pytest.raises(InputError, match=r"count = 40: generative-dog-images takes exactly 10,000"):
        runs.submit_zip(paths, {"competition": COMPETITION})
    with pytest.raises(PreflightFailed, match="evaluator takes exactly 10,000"):
        runs.submit_bundle(paths, {"competition": COMPETITION, "generate.count": 10_000})
    assert kaggle.server.log == []
    assert dry(paths, submit_file, {"competition": COMPETITION})["images"] == 40


def test_a_kernel_of_another_account_is_not_pushed(
    paths: Paths,
    kaggle: KaggleStandIn,
) -> None:
    metadata = json.loads((paths.kernel / "kernel-metadata.json").read_text())
    metadata["id"] = "somebody/else"
    (paths.kernel / "kernel-metadata.json").write_text(json.dumps(metadata))
    with pytest.raises(PreflightFailed, match="tester, not the owner of somebody/else"):
        runs.submit_bundle(paths)
    metadata["id"] = "INSERT_YOUR_USERNAME_HERE/dogs"
    (paths.kernel / "kernel-metadata.json").write_text(json.dumps(metadata))
    with pytest.raises(PreflightFailed, match=r"set kaggle\.username in params\.yaml"):
        runs.submit_bundle(paths)
    assert kaggle.sent("SaveKernel") == 0


def test_somebody_pushed_a_newer_version_meanwhile(
    paths: Paths,
    kaggle: KaggleStandIn,
) -> None:
    """Kaggle gives the newest version's state and output, so ours cannot be followed any more."""
    kaggle.fault("CreateCodeSubmission", status=400)
    with pytest.raises(PipelineError):
        runs.submit_bundle(paths)
    kernel = kaggle.kernels[f"tester/{runs.SLUG}"]
    kernel.pushes.append({**kernel.pushes[0], "text": "print('another')"})
    kernel.workers.append(kernel.workers[0])
    with pytest.raises(PipelineError, match="has a version 2 on Kaggle, newer than the 1"):
        runs.submit_bundle(paths)
    assert kaggle.submissions == []


def test_no_secret_in_anything_that_is_written_or_shown(
    paths: Paths,
    kaggle: KaggleStandIn,
    capfd: pytest.CaptureFixture[str],
) -> None:
    for call in ("PUT", "GET", "CreateSubmission", "ListKernelSessionOutput"):
        kaggle.fault(call, drop="during")
    runs.submit_zip(paths)
    runs.submit_bundle(paths)
    shown = "".join(capfd.readouterr())
    written = [path for path in paths.root.rglob("*") if path.is_file()]
    assert paths.ledger in written
    assert paths.submission in written
    for secret in (*SECRETS, "sig=secret"):
        assert secret not in shown
        assert not [path for path in written if secret.encode() in path.read_bytes()]


@pytest.mark.slow  # 7,000 files of 256 px, written, run through a kernel and checked
def test_the_open_competition_from_push_to_score(paths: Paths, kaggle: KaggleStandIn) -> None:
    levels = np.random.default_rng(0).integers(0, 256, (7_000, 1, 1, 3), np.uint8)
    images = np.broadcast_to(levels, (7_000, 256, 256, 3))
    write_images(kaggle.mounted / "images.zip", images, MONET)
    code = runs.FAST_KERNEL % (7_000, PAINTER)
    metadata = json.loads((paths.kernel / "kernel-metadata.json").read_text())
    (paths.kernel / f"{runs.SLUG}.py").write_text(code)
    metadata["competition_sources"] = [PAINTER]
    (paths.kernel / "kernel-metadata.json").write_text(json.dumps(metadata))
    kaggle.rules.kernels_only = True
    kaggle.rules.deadline = "2030-07-01T23:59:00.000Z"
    receipt = runs.submit_bundle(
        paths, {"competition": PAINTER, "crop.side_px": 64, "generate.count": 7_000}
    )
    (sent,) = kaggle.submissions
    assert (receipt["competition"], receipt["images"]) == (PAINTER, 7_000)
    assert (receipt["status"], receipt["zip_sha256"]) == ("complete", sent.sha256)

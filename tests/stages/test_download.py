"""The download stage as the command line runs it, killed and all."""

import hashlib
import io
import json
import os
import random
import shutil
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from pipeline.common.errors import InputError
from pipeline.common.paths import Paths
from pipeline.config import content, params
from pipeline.data.archives import reader
from pipeline.download.mirrors import DownloadFailed
from pipeline.stages import download
from tests.standins.file_server import Fault, FileServer, Served
from tests.standins.kaggle_api import KaggleStandIn


def tar_of(prefix: str, suffix: str, size: int) -> bytes:
    rng = random.Random(size)
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for number in range(10):
            member = tarfile.TarInfo(f"{prefix}/n01-Pug/n01_{number}{suffix}")
            member.size = size
            tar.addfile(member, io.BytesIO(rng.randbytes(size)))
    return file.getvalue()


IMAGES = tar_of("Images", ".jpg", 300_000)
ANNOTATION = tar_of("Annotation", "", 500)


@pytest.fixture
def server() -> Iterator[FileServer]:
    files = {"/images.tar": Served(IMAGES), "/annotation.tar": Served(ANNOTATION)}
    with FileServer(files) as running:
        yield running


class Root:
    """A scratch folder with its own parameters, in which the stage runs."""

    def __init__(self, folder: Path, repository: Path) -> None:
        self.folder = folder
        self.repository = repository
        self.paths = Paths(folder)

    def settings(self, **data: object) -> params.Params:
        """Return params.yaml with changes of the section `data`, also written to params.json;
        `folder__path=...` stands for `data.folder.path`."""
        changes = {f"data.{key.replace('__', '.')}": value for key, value in data.items()}
        changes["kaggle.preset"] = None  # presets/ is not copied to the scratch folder
        changed = content.override(content.read(self.repository / "params.yaml"), changes)
        (self.folder / "params.json").write_text(json.dumps(changed))
        return params.parse(changed, where="test")

    def run(self, **data: object) -> None:
        settings = self.settings(**data)
        download.run(self.paths, data=settings.data, competition=settings.competition)

    def start(
        self, environment: Mapping[str, str] | None = None, **data: object
    ) -> subprocess.Popen[str]:
        """`python -m pipeline download` in a process of its own."""
        self.settings(**data)
        command = [sys.executable, "-m", "pipeline", "--root", str(self.folder)]
        command += ["--params", str(self.folder / "params.json"), "download"]
        return subprocess.Popen(
            command,
            cwd=self.repository,
            env={key: value for key, value in os.environ.items() if key != "DVC_ROOT"}
            | dict(environment or {}),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def raw(self) -> dict[str, bytes]:
        """The archives in data/raw; the listing beside them is theirs."""
        found = {path.name: path.read_bytes() for path in self.paths.raw.iterdir()}
        digests = {name: hashlib.sha256(content).hexdigest() for name, content in found.items()}
        assert json.loads(found.pop("sha256.json")) == {name: digests[name] for name in found}
        return found


@pytest.fixture
def root(tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch) -> Root:
    monkeypatch.delenv("DVC_ROOT", raising=False)
    folder = tmp_path / "a root"
    folder.mkdir()
    return Root(folder, repository)


def stanford(server: FileServer) -> dict[str, object]:
    return {
        "source": "stanford-dogs",
        "stanford_dogs__images_mirrors": [server.url("/images.tar")],
        "stanford_dogs__annotation_mirrors": [server.url("/annotation.tar")],
        "retry_wait_s": 0.01,
        "retries": 2,
    }


# --- each source leaves the same two archives ----------------------------------------------------


def test_stanford_dogs(root: Root, server: FileServer, capsys: pytest.CaptureFixture[str]) -> None:
    root.run(**stanford(server))
    assert root.raw() == {"images.tar": IMAGES, "annotation.tar": ANNOTATION}
    output = capsys.readouterr().out
    assert "== download: stanford-dogs -> data/raw" in output
    assert "images.tar: 10 files, 3.0 MB" in output
    assert "annotation.tar: 10 files, 0.0 MB" in output


def test_drawn(root: Root) -> None:
    root.run(source="drawn", drawn__pictures=24)
    assert sorted(root.raw()) == ["annotation.tar", "images.tar"]
    with reader.open_archive(root.paths.raw, "images") as images:
        assert len(images.names) == 24


def test_folder(root: Root) -> None:
    pictures = root.folder / "pizzas" / "napoli"
    pictures.mkdir(parents=True)
    (pictures / "a.png").write_bytes(b"png")
    root.run(source="folder", folder__path="pizzas")  # relative to the root
    with reader.open_archive(root.paths.raw, "images") as images:
        assert images.names == ("Images/napoli/a.png",)
    with reader.open_archive(root.paths.raw, "annotation") as annotation:
        assert annotation.names == ()


def test_kaggle(root: Root, tmp_path: Path) -> None:
    for name in ("all-dogs/all-dogs/n01_1.jpg", "annotation/Annotation/n01-Pug/n01_1"):
        (tmp_path / "input" / name).parent.mkdir(parents=True)
        (tmp_path / "input" / name).write_bytes(b"content")
    root.run(source="kaggle", kaggle__path=str(tmp_path / "input"))
    with reader.open_archive(root.paths.raw, "images") as images:
        assert images.names == ("all-dogs/n01_1.jpg",)
    with reader.open_archive(root.paths.raw, "annotation") as annotation:
        assert annotation.names == ("Annotation/n01-Pug/n01_1",)


def test_kaggle_by_the_api(root: Root, tmp_path: Path) -> None:
    with KaggleStandIn(tmp_path / "kaggle") as kaggle:
        for name in ("all-dogs", "Annotation"):
            with zipfile.ZipFile(kaggle.data / f"{name}.zip", "w") as file:
                file.writestr(f"{name}/n01-Pug/n01_1", b"content")
        for _ in range(2):  # the second time from what is already here
            process = root.start(kaggle.environment(), source="kaggle", kaggle__path=None)
            _, errors = process.communicate(timeout=120)
            assert process.returncode == 0, errors
            shutil.rmtree(root.folder / "before", ignore_errors=True)
            root.paths.raw.rename(root.folder / "before")
        assert kaggle.sent("DownloadDataFile") == 2
        for stem, name in (("images", "all-dogs"), ("annotation", "Annotation")):
            given = (kaggle.data / f"{name}.zip").read_bytes()
            assert (root.folder / "before" / f"{stem}.zip").read_bytes() == given


# --- whole or not at all -------------------------------------------------------------------------


def test_nothing_is_left_of_a_failure(root: Root, server: FileServer) -> None:
    settings = stanford(server)
    del server.files["/images.tar"]
    with pytest.raises(DownloadFailed, match=r"images\.tar: HTTP 404"):
        root.run(**settings)
    assert list(root.paths.raw.parent.iterdir()) == []


def test_an_earlier_result_outlives_a_failure(root: Root, server: FileServer) -> None:
    settings = stanford(server)
    root.run(**settings)
    with pytest.raises(InputError, match=r"data\.folder\.path: .*none: not found"):
        root.run(source="folder", folder__path="none")
    assert root.raw() == {"images.tar": IMAGES, "annotation.tar": ANNOTATION}


def test_another_source_replaces_both(root: Root, server: FileServer, tmp_path: Path) -> None:
    for name in ("all-dogs", "Annotation"):
        archive = tmp_path / f"{name}.zip"
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr(f"{name}/n01-Pug/n01_1", b"x")
    root.run(source="kaggle", kaggle__path=str(tmp_path))
    assert sorted(root.raw()) == ["annotation.zip", "images.zip"]
    root.run(**stanford(server))
    assert sorted(root.raw()) == ["annotation.tar", "images.tar"]
    assert list(root.paths.raw.parent.iterdir()) == [root.paths.raw]


def test_the_error_is_one_line(root: Root, server: FileServer) -> None:
    settings = stanford(server)
    del server.files["/annotation.tar"]
    process = root.start(**settings)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 1
    assert errors.startswith("error: annotation.tar: no mirror gave the file: http://127.0.0.1:")
    assert errors.count("\n") == 1


# --- killed --------------------------------------------------------------------------------------


def test_killed_in_mid_download_it_resumes(root: Root, server: FileServer) -> None:
    server.files["/images.tar"].faults = [Fault(stall_after_bytes=2_000_000, stall_s=120)]
    settings = stanford(server) | {
        "stanford_dogs__images_sha256": hashlib.sha256(IMAGES).hexdigest()
    }
    process = root.start(**settings)
    deadline = time.monotonic() + 120
    while sum(part.stat().st_size for part in root.paths.downloads.glob("*.part")) < 1_500_000:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    process.kill()  # SIGKILL: no handler of ours runs
    process.communicate()
    assert not root.paths.raw.exists()
    (part,) = root.paths.downloads.glob("*.part")
    have = part.stat().st_size

    process = root.start(**settings)
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert "resuming at" in output
    assert root.raw() == {"images.tar": IMAGES, "annotation.tar": ANNOTATION}
    assert [(asked.path, asked.range) for asked in server.log] == [
        ("/annotation.tar", None),
        ("/images.tar", None),
        ("/images.tar", f"bytes={have}-"),
    ]
    assert server.log[2].body_bytes == len(IMAGES) - have
    # The killed run's folder is gone too.
    assert list(root.paths.raw.parent.iterdir()) == [root.paths.raw]


def test_after_dvc_deleted_it_nothing_is_downloaded_again(root: Root, server: FileServer) -> None:
    settings = stanford(server)
    root.run(**settings)
    for path in root.paths.raw.iterdir():
        path.unlink()
    root.paths.raw.rmdir()
    root.run(**settings)
    assert root.raw() == {"images.tar": IMAGES, "annotation.tar": ANNOTATION}
    assert len(server.log) == 2


def test_a_write_in_place_is_noticed(root: Root, server: FileServer) -> None:
    """data/raw shares its bytes with the kept download; a change there is never passed on."""
    settings = stanford(server)
    root.run(**settings)
    path = root.paths.raw / "images.tar"
    path.chmod(0o644)
    with open(path, "r+b") as file:
        file.seek(1000)
        file.write(b"corrupted")
    root.run(**settings)
    assert root.raw() == {"images.tar": IMAGES, "annotation.tar": ANNOTATION}


# --- the real archives ---------------------------------------------------------------------------


@pytest.mark.realdata
def test_the_whole_of_stanford_dogs(root: Root) -> None:
    folder = os.environ.get("DOGS_PHOTOS")
    if not folder:
        pytest.skip("set DOGS_PHOTOS to a folder with images.tar and annotation.tar")
    names = ("images.tar", "annotation.tar")
    with FileServer({f"/{name}": Served(Path(folder, name)) for name in names}) as server:
        server.files["/images.tar"].faults = [Fault(cut_after_bytes=50_000_000)]
        root.run(**stanford(server))
        assert [asked.status for asked in server.log] == [200, 200, 206]
    with reader.open_archive(root.paths.raw, "images") as images:
        assert len(images.names) == 20_221
        assert {name.split("/")[0] for name in images.names} == {"Images"}
        assert len({name.split("/")[1] for name in images.names}) == 120
        assert all(images.read(name)[:2] == b"\xff\xd8" for name in images.names)
        assert images.skipped == ()
    with reader.open_archive(root.paths.raw, "annotation") as annotation:
        assert len(annotation.names) == 20_580
        assert annotation.skipped == ()

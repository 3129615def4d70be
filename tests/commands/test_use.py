"""`use` writes a preset into params.yaml, whole and valid or not at all, and says what changed."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.__main__ import main
from pipeline.config import content, keys, params, presets


@pytest.fixture
def root(tmp_path: Path, repository: Path) -> Path:
    shutil.copy(repository / "params.yaml", tmp_path)
    shutil.copytree(repository / "presets", tmp_path / "presets")
    (tmp_path / "presets" / "small.yaml").write_text(
        "# A small run.\ntrain.images: 640\ntrain.adversarial.real_labels: [0.8, 1.0]\n"
    )
    return tmp_path


def use(root: Path, *arguments: str) -> int:
    return main(["--root", str(root), "use", *arguments])


def values(root: Path) -> dict:
    return content.flatten(content.read(root / "params.yaml"))


def test_a_preset_and_values_replace_the_defaults_and_each_change_is_a_line(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = values(root)
    arguments = [
        "train.lr=3e-5",
        "train.adversarial.lr_d=1e-3",
        "train.keep=best",
        "submit.poll_s=5",
    ]
    assert use(root, "small", *arguments, "kaggle.username=ada", "train.images=1280") == 0
    heading, *lines = capsys.readouterr().out.splitlines()
    assert heading == f"== use: presets/small.yaml -> {root / 'params.yaml'}"
    assert lines == [
        "train.images: 100000 -> 1280",
        "train.lr: 3.0e-4 -> 3.0e-5",
        "train.adversarial.real_labels: [0.7, 1.2] -> [0.8, 1.0]",
        "train.adversarial.lr_d: null -> 0.001",
        "train.keep: last -> best",
        "kaggle.username: null -> ada",
        "submit.poll_s: 20 -> 5",
    ]
    changed = {
        "train.images": 1280,
        "train.lr": 3e-5,
        "train.adversarial.real_labels": [0.8, 1.0],
        "train.adversarial.lr_d": 1e-3,
        "train.keep": "best",
        "kaggle.username": "ada",
        "submit.poll_s": 5,
    }
    assert values(root) == before | changed
    assert params.load(root / "params.yaml").train.adversarial.real_labels == (0.8, 1.0)


def test_what_a_user_had_set_goes_and_is_printed(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = root / "params.yaml"
    mine = path.read_text().replace("seed: 1   ", "seed: 77  ").replace("lr: 3.0e-4", "lr: quick ")
    path.write_text(mine)
    assert values(root)["train.seed"] == 77
    assert use(root, "small") == 0
    lines = capsys.readouterr().out.splitlines()
    assert "train.seed: 77 -> 1" in lines
    assert "train.lr: quick -> 3.0e-4" in lines, "a value out of range is no hindrance"
    assert values(root)["train.seed"] == 1


def test_default_goes_back_to_the_shipped_bytes(
    root: Path, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shipped = (repository / "params.yaml").read_bytes()
    for name in presets.names(root / "presets"):
        assert (
            use(root, name, "generate.truncation=0.75", "data.folder.path=/a/long/path/of/it") == 0
        )
        assert (root / "params.yaml").read_bytes() != shipped
        assert use(root, "default") == 0
        assert (root / "params.yaml").read_bytes() == shipped, name
    stamp = (root / "params.yaml").stat()
    capsys.readouterr()
    assert use(root, "default") == 0
    assert capsys.readouterr().out.splitlines()[1:] == ["nothing to change"]
    now = (root / "params.yaml").stat()
    assert (now.st_mtime_ns, now.st_ino) == (stamp.st_mtime_ns, stamp.st_ino)


def test_without_a_name_it_lists_the_presets(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (root / "params.yaml").read_bytes()
    assert use(root) == 0
    said = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert list(said) == presets.names(root / "presets")
    assert said["small"].split(maxsplit=1)[1] == "A small run."
    assert (root / "params.yaml").read_bytes() == before


BAD = {
    "unknown preset": (["nope"], "presets/nope.yaml: no such preset; there are cifar10-dcgan, cif"),
    "path": (["../params"], "no such preset"),
    "no name": (["train.lr=1e-3"], "train.lr=1e-3: name a preset first: use default train.lr=1e-3"),
    "no equals": (["small", "train.lr"], "'train.lr': not section.key=value"),
    "no value": (["small", "train.lr="], "'train.lr=': not section.key=value"),
    "unknown key": (["small", "train.r1=1"], "train.r1: unknown key (did you mean train.adversari"),
    "section": (["small", "train=1"], "train: a section, not a value"),
    "twice": (["small", "train.lr=1e-3", "train.lr=1e-3"], "train.lr is given twice"),
    "no YAML": (["small", "crop.margin=[1,"], "crop.margin=[1,: not YAML"),
    "range": (
        ["small", "train.lr=7"],
        "presets/small.yaml and the values given: train.lr = 7: input should be less than 1",
    ),
    "type": (["small", "train.images=many"], "train.images = 'many': "),
    "mapping": (["small", "train.images={a: 1}"], "train.images: "),
    "combination": (["small", "data.source=folder"], "data.folder.path must name a directory"),
    "kernel": (
        ["small", "kaggle.preset=nope"],
        "presets/small.yaml and the values given: kaggle.preset: presets/nope.yaml: no such preset",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_leaves_params_yaml(
    root: Path, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    arguments, words = BAD[case]
    before = (root / "params.yaml").read_bytes()
    assert use(root, *arguments) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ") and captured.err.count("\n") == 1
    assert words in captured.err
    assert (root / "params.yaml").read_bytes() == before


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("train.lr: 7\n", "presets/small.yaml: train.lr = 7: input should be less than 1"),
        ("train.r1: 1\n", "presets/small.yaml: train.r1: unknown key"),
        ("train.lr: 1e-3\ntrain.lr: 1e-3\n", "presets/small.yaml: line 2: found duplicate key"),
        ("train.lr: [\n", "presets/small.yaml: not YAML"),
        ("# Nothing.\n", "presets/small.yaml: holds no lines of `section.key: value`"),
    ],
)
def test_a_bad_preset_is_one_line_and_leaves_params_yaml(
    root: Path, capsys: pytest.CaptureFixture[str], text: str, words: str
) -> None:
    before = (root / "params.yaml").read_bytes()
    (root / "presets" / "small.yaml").write_text(text)
    assert use(root, "small") == 1
    error = capsys.readouterr().err
    assert error.startswith(f"error: {words}") and error.count("\n") == 1
    assert (root / "params.yaml").read_bytes() == before


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            ("  latent_dim: 128", "  latent_dims: 128"),
            "params.yaml: model.latent_dims: unknown key",
        ),
        (("  latent_dim: 128", "  # latent_dim: 128"), "params.yaml: model.latent_dim: missing"),
        (("  latent_dim: 128", "  latent_dim: [128"), "params.yaml: not YAML"),
    ],
)
def test_a_params_yaml_of_other_keys_is_one_line(
    root: Path, capsys: pytest.CaptureFixture[str], change: tuple[str, str], words: str
) -> None:
    path = root / "params.yaml"
    text = path.read_text()
    assert change[0] in text
    path.write_text(text.replace(*change))
    assert use(root, "default") == 1
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1
    assert path.read_text() == text.replace(*change)


def test_other_files_than_yaml_and_none_are_refused(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--params", str(root / "params.json"), "use", "default"]) == 1
    assert "`use` writes YAML files only" in capsys.readouterr().err
    (root / "params.yaml").unlink()
    assert use(root, "default") == 1
    assert "run from the folder that holds params.yaml" in capsys.readouterr().err
    assert not (root / "params.yaml").exists()


def test_every_key_can_be_given(root: Path) -> None:
    shipped = presets.read(root / "presets", "default").values
    given = [f"{key}={'null' if value is None else value}" for key, value in shipped.items()]
    assert use(root, "small", *given) == 0
    assert len(given) == len(keys.KEYS)
    assert values(root) == shipped


def test_make_run_applies_the_preset_before_it_runs(repository: Path) -> None:
    def would_run(*arguments: str) -> list[str]:
        command = ["make", "--no-print-directory", "--dry-run"]  # also where make runs the tests
        command += ["--assume-old=.venv/installed", "run", *arguments]
        done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=True)
        return [line for line in done.stdout.splitlines() if line.strip()]

    plain = would_run()
    assert plain == ["python -m pipeline repro", "python -m pipeline summary"]
    assert would_run("PRESET=photos-cpu") == ["python -m pipeline use 'photos-cpu'", *plain]
    said = subprocess.run(["make", "help"], cwd=repository, capture_output=True, text=True)
    assert "make run PRESET=NAME" in said.stdout


def test_the_command_line_starts_without_the_large_packages(repository: Path) -> None:
    code = (
        "import sys\nfrom pipeline.__main__ import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "print(*(name for name in sys.modules if '.' not in name))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=repository, capture_output=True, text=True, check=True
    )
    *said, loaded = done.stdout.splitlines()
    assert any("use" in line.split() for line in said)
    assert {"pipeline", "pydantic"} <= set(loaded.split())
    large = {"torch", "torchvision", "pandas", "matplotlib", "scipy", "sklearn", "ruamel", "kaggle"}
    assert large.isdisjoint(loaded.split())


def test_machine_and_account_stay_unless_they_are_named(root: Path) -> None:
    use(root, "default", "kaggle.username=somebody", "device=cpu")
    use(root, "small")
    assert (values(root)["kaggle.username"], values(root)["device"]) == ("somebody", "cpu")
    use(root, "small", "device=auto")
    assert values(root)["device"] == "auto"
    use(root, "default")
    assert values(root)["kaggle.username"] is None

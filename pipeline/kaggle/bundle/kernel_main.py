"""What a built kernel does on Kaggle: unpack the package, find the data, run the chain.

`pipeline/kaggle/bundle/build.py` writes this file's text into the kernel, before the parameters
and the sources. Nothing of the package is there yet when it starts, so it stands on Python alone.
"""

import importlib
import importlib.metadata
import importlib.util
import json
import os
import re
import shutil
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

STAGES = ("download", "crop", "train", "generate", "package")
PACKAGES = ("torch", "torchvision", "numpy", "scipy", "pandas", "tqdm", "PIL", "pydantic")
OLDEST = {"pydantic": (2, 0), "torch": (2, 6)}
# From so many channels on training needs a GPU, at 64 px and less; above it from fewer on (16 at
# 256 px).
CHANNELS_FOR_A_GPU = 64
LATEST_IMAGE = "choose Kaggle's latest Python image in the notebook's settings"
STARTED = time.monotonic()


def kaggle_root() -> Path:
    """Return the folder with input/ and working/. The variable is for trying a kernel elsewhere."""
    return Path(os.environ.get("DOGS_KAGGLE_ROOT", "/kaggle"))


def greet(mark: str) -> None:
    """Say which kernel this is: who follows it looks for the mark in the log."""
    say(f"kernel {mark}, Python {sys.version.split()[0]}")


def check_packages() -> None:
    """Stop at once, rather than hours later, where the image lacks a package or has an old one."""
    if sys.version_info < (3, 11):  # noqa: UP036  Kaggle's image, not ours
        sys.exit(f"error: this kernel needs Python 3.11 or newer, this is {sys.version.split()[0]}")
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        sys.exit(f"error: this kernel's image lacks {', '.join(missing)}: {LATEST_IMAGE}")
    for name, oldest in OLDEST.items():
        version = importlib.import_module(name).__version__
        if tuple(int(number) for number in re.findall(r"\d+", version)[:2]) < oldest:
            needed = ".".join(map(str, oldest))
            sys.exit(
                f"error: this kernel needs {name} {needed} or newer, its image has {version}: "
                f"{LATEST_IMAGE}"
            )
    import torch

    say(f"torch {torch.__version__}, GPUs: {', '.join(gpu_names()) or 'none'}")
    say(", ".join(versions()))


def versions() -> list[str]:
    """Return name and version of each package but torch, less those that name none."""
    found = []
    for name in PACKAGES[1:]:
        with suppress(importlib.metadata.PackageNotFoundError):
            version = importlib.metadata.version("pillow" if name == "PIL" else name)
            found.append(f"{name} {version}")
    return found


def gpu_names() -> list[str]:
    """Return the names of the session's GPUs."""
    import torch

    return [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]


def check_session(parameters: dict) -> None:
    """Stop at once where training would take days, or the zip could not be left at the end."""
    zip_path = kaggle_root() / "working" / "images.zip"
    if zip_path.is_dir():
        sys.exit(f"error: {zip_path} is a folder, and the kernel's one file is to lie there")
    gpus, asked = gpu_names(), parameters.get("machine_shape", "")
    model = parameters["params"]["model"]
    channels = model[model["name"]].get("channels", 0)
    side_px = parameters["params"]["crop"]["side_px"]
    if not gpus and channels * max(1, side_px / 64) >= CHANNELS_FOR_A_GPU:
        sys.exit(
            f"error: this session has no GPU, and {channels} channels at {side_px} px need one: "
            "choose an accelerator in the notebook's settings"
        )
    kind = asked.removeprefix("Nvidia").removeprefix("Tesla")
    if gpus and kind and not any(kind.lower() in name.lower() for name in gpus):
        say(f"note: {asked} was asked for, this session has {', '.join(gpus)}")


def find_data(root: Path, competition: str) -> Path:
    """Return the folder below input/ that holds the competition's data, packed or unpacked.

    Kaggle mounts a competition at input/<slug>/ or input/competitions/<slug>/; in 2019 its files
    lay in input/ itself.
    """
    from pipeline.data.sources.kaggle import layout_of

    wanted = [part.name.lower() for part in layout_of(competition).parts]
    folders = [root / "input"] if (root / "input").is_dir() else []
    for _ in range(4):
        for folder in folders:
            names = {path.name.lower().removesuffix(".zip") for path in folder.iterdir()}
            if names.issuperset(wanted):
                return folder
        folders = sorted(path for folder in folders for path in folder.iterdir() if path.is_dir())
    sys.exit(
        f"error: no folder below {root / 'input'} holds {' and '.join(wanted)}: attach the "
        "competition's data to the kernel, and accept the competition's rules"
    )


def open_scratch() -> Path:
    """Return a new scratch folder, go there, and have Python import from there, here and in the
    processes that training starts."""
    scratch = Path(tempfile.mkdtemp(prefix="dogs-"))
    sys.path.insert(0, str(scratch))
    os.environ["PYTHONPATH"] = str(scratch)
    os.chdir(scratch)
    return scratch


def unpack(sources: dict[str, str], scratch: Path) -> None:
    """Write the package's modules into the scratch folder."""
    for name, text in sources.items():
        path = scratch / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.removeprefix("\n"), encoding="utf-8")


def run_stage(stage: str, parameters: dict, scratch: Path) -> None:
    """Run one stage of the chain in the scratch folder."""
    from pipeline.common.errors import PipelineError
    from pipeline.common.paths import Paths
    from pipeline.config import params

    content = dict(parameters["params"])
    if stage == "download":
        place = {"path": str(find_data(kaggle_root(), content["competition"]))}
        content["data"] = {**content["data"], "kaggle": place}
    if stage == "train":
        content["train"] = {**content["train"], "time_limit_hours": hours_to_train(parameters)}
    module = importlib.import_module(f"pipeline.stages.{stage}")
    paths = Paths(scratch)
    try:
        sections = {name: params.parse_section(name, content[name]) for name in module.SECTIONS}
        module.run(paths, **sections)
    except PipelineError as error:
        sys.exit(f"error: {keep_index(paths.refused_index, str(error))}")


def keep_index(refused: Path, message: str) -> str:
    """Return an error's message. Where it names the list of bad photos, which goes with the scratch
    folder, the list is kept in working/ and named there."""
    if str(refused) not in message:
        return message
    kept = kaggle_root() / "working" / refused.name
    kept.parent.mkdir(exist_ok=True)
    shutil.copyfile(refused, kept)
    return message.replace(str(refused), str(kept))


def hours_to_train(parameters: dict) -> float:
    """Return what is left of the kernel's time after the room for generation and packing."""
    passed_hours = (time.monotonic() - STARTED) / 3600
    left = parameters["time_limit_hours"] - parameters["room_minutes"] / 60 - passed_hours
    if left <= 0:
        sys.exit("error: no time is left to train in: raise kaggle.time_limit_hours")
    limit = parameters["params"]["train"]["time_limit_hours"]
    return min(left, limit) if limit else left


def deliver(scratch: Path) -> None:
    """Leave images.zip, and nothing else, in working/."""
    working = kaggle_root() / "working"
    working.mkdir(exist_ok=True)
    arriving = working / ".images.zip.part"
    shutil.copyfile(scratch / "outputs" / "images.zip", arriving)
    arriving.replace(working / "images.zip")
    say(f"{working / 'images.zip'}: {(working / 'images.zip').stat().st_size / 1e6:.1f} MB")


def say(line: str) -> None:
    """Print a line for Kaggle's log, with the minutes since the start."""
    print(f"[{(time.monotonic() - STARTED) / 60:6.1f} min] {line}", flush=True)


def close_scratch(scratch: Path) -> None:
    """Give the disk back."""
    os.chdir(kaggle_root())
    sys.path.remove(str(scratch))
    shutil.rmtree(scratch, ignore_errors=True)


def main(mark: str, parameters: str, sources: dict[str, str]) -> None:
    """Run everything, in order. `parameters` is JSON."""
    greet(mark)
    check_packages()
    check_session(json.loads(parameters))
    scratch = open_scratch()
    try:
        unpack(sources, scratch)
        for stage in STAGES:
            say(f"stage {stage}")
            run_stage(stage, json.loads(parameters), scratch)
        deliver(scratch)
    finally:
        close_scratch(scratch)

"""The kernel as a notebook, to read along: text, each module as code, curves and grids inline."""

import json
from collections.abc import Mapping
from pathlib import PurePosixPath

INTRODUCTION = """\
# From photos to images.zip

Photos in, `images.zip` out: the generated images of a submission. Written by
`python -m pipeline bundle`, which puts the package into this notebook, so that it runs without
internet and without any data set but the competition's.

First what runs here, then the parameters, then the package's modules, and then the chain, stage by
stage, with the training curves and the grids of samples below the training."""

PACKAGE = """\
## The package

Each cell writes one module into a scratch folder. `pipeline/stages` holds the stages of the chain;
`pipeline/models` the networks, `pipeline/training` what trains them, `pipeline/data` how photos
become training images."""

STAGES = {
    "download": "Find the competition's images, and pack them as the chain reads them.",
    "crop": "Cut each annotated box, or the whole picture, to a small square.",
    "train": "Train the generator. The log has a line a minute; the curves and the samples follow "
    "below.",
    "generate": "Draw the images of the submission with the averaged generator, a seed each.",
    "package": "Pack them into one zip, and read it back as the evaluator will.",
}

SHOW = """\
def show(title: str, *names: str) -> None:
    \"\"\"Show images of the scratch folder, inline.\"\"\"
    from IPython.display import Image, display

    print(title)
    for name in names:
        if (scratch / name).exists():  # no curves where the image has no matplotlib
            display(Image(data=(scratch / name).read_bytes()))


grids = sorted(f"outputs/grids/{path.name}" for path in (scratch / "outputs/grids").iterdir())
show("The training curves", "outputs/curves.png")
show("The same latents as training went on", *grids[:: max(1, len(grids) // 4)])
show("The averaged generator at the end", "outputs/samples.png")
"""


def write(main: str, values: str, sources: Mapping[str, str]) -> str:
    """Return the notebook's JSON (nbformat 4).

    Args:
        main: code of `kernel_main`.
        values: assignments of MARK and PARAMETERS.
        sources: text of each module by its path.
    """
    folders = sorted({str(PurePosixPath(name).parent) for name in sources})
    open_up = "greet(MARK)\ncheck_packages()\ncheck_session(json.loads(PARAMETERS))\n"
    open_up += "scratch = open_scratch()\n"
    open_up += f"for folder in {json.dumps(folders)}:\n"
    open_up += "    (scratch / folder).mkdir(parents=True, exist_ok=True)\n"
    cells = [
        _text(INTRODUCTION),
        _code(main),
        _text("## The parameters"),
        _code(values),
        _text(PACKAGE),
        _code(open_up),
        *(_code(f"%%writefile {{scratch}}/{name}\n{text}") for name, text in sources.items()),
    ]
    for stage, what in STAGES.items():
        cells += [
            _text(f"## {stage}\n\n{what}"),
            _code(f'run_stage("{stage}", json.loads(PARAMETERS), scratch)'),
        ]
        if stage == "train":
            cells.append(_code(SHOW))
    cells += [
        _text("## images.zip\n\nThe one file that this kernel leaves."),
        _code("deliver(scratch)\nclose_scratch(scratch)"),
    ]
    python = {"name": "python3", "display_name": "Python 3", "language": "python"}
    metadata = {"kernelspec": python, "language_info": {"name": "python"}}
    content = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 4}
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _text(text: str) -> dict:
    return {"cell_type": "markdown", "metadata": {}, "source": text}


def _code(text: str) -> dict:
    return {
        "cell_type": "code",
        "execution_count": None,
        "metadata": {},
        "outputs": [],
        "source": text.rstrip("\n"),
    }

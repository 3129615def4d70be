"""Pack crops to travel to a GPU without a network, and unpack them there.

    python -m benchmarks.gpu_crops pack FOLDER CROPS.zip
    python -m benchmarks.gpu_crops unpack CROPS.zip FOLDER

FOLDER is one where `python -m pipeline crop` has run. The crops travel as WebP of high quality: the
21,483 of Stanford Dogs take 49 MB instead of 264, with a mean error of 1.9 of 255 levels (PSNR
40 dB); Inception's 768-d FID between both, of 3,000 crops, is 0.005.
"""

import argparse
import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.common import files, npy
from pipeline.common.paths import Paths
from pipeline.images import arrays

_QUALITY = 94
_SUFFIX = ".webp"


def pack(folder: Path, out: Path) -> None:
    """Write the crops of a run's folder, their index and the held-out images as one archive."""
    paths = Paths(folder)
    crops = np.load(paths.crops, mmap_mode="r")
    with files.atomic(out) as new, zipfile.ZipFile(new, "w") as archive:
        for path in _besides(paths):
            archive.write(path, path.name, zipfile.ZIP_DEFLATED)
        for number, crop in enumerate(crops):
            image, content = arrays.to_pillow(crop), io.BytesIO()
            image.save(content, "WEBP", quality=_QUALITY, method=6)
            # WebP itself knows no grey.
            archive.writestr(f"{number:06}.{image.mode}{_SUFFIX}", content.getvalue())


def unpack(archive: Path, folder: Path) -> None:
    """Write what such an archive holds into a run's folder."""
    paths = Paths(folder)
    with zipfile.ZipFile(archive) as packed:
        crops = []
        for name in sorted(name for name in packed.namelist() if name.endswith(_SUFFIX)):
            _, mode, _ = name.split(".")
            crops.append(arrays.from_pillow(Image.open(packed.open(name)).convert(mode)))
        npy.write(paths.crops, np.stack(crops))
        for path in _besides(paths):
            files.write_bytes(path, packed.read(path.name))


def _besides(paths: Paths) -> tuple[Path, ...]:
    """Return the files that belong to the crops."""
    return paths.index, paths.held_out


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("pack", "unpack"))
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    options = parser.parse_args()
    (pack if options.what == "pack" else unpack)(options.source, options.target)


if __name__ == "__main__":
    main()

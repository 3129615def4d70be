"""Tell the format of images that may be of any competition from their first file."""

import io
import zipfile
from pathlib import Path

from PIL import Image

from pipeline.common.hidden import is_hidden
from pipeline.competitions.form import PNG, SubmissionFormat, jpeg
from pipeline.images.shape import ImageShape
from pipeline.submission.decoding import SubmissionInvalid

_CHANNELS = {"L": 1, "RGB": 3}


def form_of(path: Path) -> SubmissionFormat:
    """Return the format of the first file, by name, of a zip or folder, hidden ones left out; the
    others must have the same, to be read by it.

    Raises:
        SubmissionInvalid: there is no file, or the first is neither PNG nor JPEG, square, in grey
            or RGB.
    """
    name, content = _first(path)
    try:
        with Image.open(io.BytesIO(content), formats=("PNG", "JPEG")) as image:
            (width, height), mode, kind = image.size, image.mode, image.format
    except (OSError, SyntaxError, ValueError) as error:
        raise SubmissionInvalid(f"{path.name}: {name} is no PNG or JPEG ({error})") from None
    if width != height or mode not in _CHANNELS:
        raise SubmissionInvalid(f"{path.name}: {name} is {width}x{height} {mode}, no square image")
    encoding = PNG if kind == "PNG" else jpeg(quality=95)
    return SubmissionFormat("any", ImageShape(width, _CHANNELS[mode]), (1, 200_000), 1, encoding)


def _first(path: Path) -> tuple[str, bytes]:
    try:
        if path.is_dir():
            files = sorted(entry for entry in path.iterdir() if not is_hidden(entry.name))
            return files[0].name, files[0].read_bytes()
        with zipfile.ZipFile(path) as archive:
            name = min(
                name for name in archive.namelist() if not any(map(is_hidden, name.split("/")))
            )
            with archive.open(name) as file:
                return name, file.read(1 << 16)  # the header is enough, and no bomb is unpacked
    except zipfile.BadZipFile as error:
        raise SubmissionInvalid(f"{path.name}: not a whole zip ({error})") from None
    except (OSError, IndexError, ValueError, RuntimeError, NotImplementedError) as error:
        raise SubmissionInvalid(f"{path.name}: holds no images ({error})") from None

"""Boxes from annotation files in Pascal VOC's XML."""

import math
import re
from dataclasses import dataclass
from xml.etree import ElementTree

from pipeline.common.errors import InputError
from pipeline.data.cropping.boxes import Box

# One of Stanford Dogs' has 0.5 to 2 KB.
_LIMIT_BYTES = 1 << 20
# `<?xml version="1.0" encoding="gb2312"?>`
_DECLARATION = re.compile(rb"""<\?xml[^>]*?encoding=["']([A-Za-z0-9._-]+)["'][^>]*?\?>""")
# Encodings of several bytes a character -> Python's codec, where there is one the one that holds
# more characters in the same bytes: many tools say gb2312 and write gbk.
_CODECS = {
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "gb18030": "gb18030",
    "big5": "big5hkscs",
    "shift_jis": "cp932",
    "euc-jp": "euc_jp",
    "euc-kr": "cp949",
}


class BrokenAnnotation(InputError):
    """An annotation file is no VOC XML. The message is short and the same on every run."""


@dataclass(frozen=True)
class Annotation:
    """The content of one file, about one photo.

    Attributes:
        size: (width, height) of the photo as the annotator saw it, or None where it isn't said.
        boxes: one for each object, in the file's order, as written; None for an object whose
            `bndbox` isn't four finite numbers.
    """

    size: tuple[int, int] | None
    boxes: tuple[Box | None, ...]


class _NoDoctype(ElementTree.TreeBuilder):
    def doctype(self, name: str, public_id: str | None, system_id: str | None) -> None:
        raise BrokenAnnotation("has a document type")


def parse(content: bytes) -> Annotation:
    """Read one annotation.

    Raises:
        BrokenAnnotation: not well-formed XML, not a VOC annotation, or with a document type
            (which VOC never has, and which can hide an XML bomb).
    """
    if len(content) > _LIMIT_BYTES:
        raise BrokenAnnotation("over 1 MiB")
    parser = ElementTree.XMLParser(target=_NoDoctype())
    try:
        root = ElementTree.fromstring(_text(content), parser)
    except BrokenAnnotation:
        raise
    except (ElementTree.ParseError, ValueError, LookupError) as error:  # also unknown encodings
        raise BrokenAnnotation("broken XML") from error
    if root.tag != "annotation":
        raise BrokenAnnotation("not a VOC annotation")
    return Annotation(_size(root), tuple(_box(each) for each in root.iter("object")))


def _text(content: bytes) -> bytes | str:
    """Return XML in an encoding of several bytes a character as text: Python's parser reads only
    UTF-8 and UTF-16 of those.

    Raises:
        UnicodeError: the content is not in the encoding that it names.
    """
    declared = _DECLARATION.match(content)
    codec = _CODECS.get(declared[1].decode("ascii").lower()) if declared else None
    if declared is None or codec is None:
        return content
    return content[declared.end() :].decode(codec)


def _size(root: ElementTree.Element) -> tuple[int, int] | None:
    width, height = (_number(root, f"size/{name}") for name in ("width", "height"))
    if width is None or height is None or width < 1 or height < 1:
        return None
    return int(width), int(height)


def _box(element: ElementTree.Element) -> Box | None:
    edges = [_number(element, f"bndbox/{name}") for name in Box._fields]
    return None if None in edges else Box(*edges)  # type: ignore[arg-type]


def _number(element: ElementTree.Element, path: str) -> float | None:
    try:
        value = float(element.findtext(path, ""))
    except ValueError:
        return None
    return value if math.isfinite(value) else None

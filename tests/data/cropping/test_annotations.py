"""VOC XML: what is read, and what is refused."""

import pytest

from pipeline.data.cropping import annotations
from pipeline.data.cropping.annotations import BrokenAnnotation
from pipeline.data.cropping.boxes import Box
from tests.data.raw import voc

STANFORD = b"""<annotation>
	<folder>02085620</folder>
	<filename>n02085620_10074</filename>
	<source>
		<database>ImageNet database</database>
	</source>
	<size>
		<width>333</width>
		<height>500</height>
		<depth>3</depth>
	</size>
	<segment>0</segment>
	<object>
		<name>Chihuahua</name>
		<pose>Unspecified</pose>
		<truncated>0</truncated>
		<difficult>0</difficult>
		<bndbox>
			<xmin>25</xmin>
			<ymin>10</ymin>
			<xmax>276</xmax>
			<ymax>498</ymax>
		</bndbox>
	</object>
</annotation>
"""

BOMB = '<!DOCTYPE a [<!ENTITY b "ccc"><!ENTITY d "&b;&b;&b;">]><annotation>&d;</annotation>'


def test_an_annotation_as_stanford_dogs_has_it() -> None:
    found = annotations.parse(STANFORD)
    assert found.size == (333, 500)
    assert found.boxes == (Box(25, 10, 276, 498),)


def test_several_boxes_keep_their_order() -> None:
    found = annotations.parse(voc((1, 2, 30, 40), (5, 6, 7, 8), (0.5, 1.5, 9.25, 9)))
    assert found.boxes == (Box(1, 2, 30, 40), Box(5, 6, 7, 8), Box(0.5, 1.5, 9.25, 9))


def test_edges_are_told_by_their_names_not_their_order() -> None:
    shuffled = (
        b"<annotation><object><bndbox><ymax>4</ymax><xmax>3</xmax><ymin>2</ymin><xmin>1</xmin>"
        b"</bndbox></object></annotation>"
    )
    assert annotations.parse(shuffled).boxes == (Box(1, 2, 3, 4),)


@pytest.mark.parametrize("edge", ["", "nan", "inf", "-inf", "left", "1,5"])
def test_a_box_without_four_numbers_is_one_broken_box(edge: str) -> None:
    found = annotations.parse(voc((1, 2, 3, 4), (1, edge, 3, 4)))
    assert found.boxes == (Box(1, 2, 3, 4), None)


def test_an_object_without_a_box_is_one_broken_box() -> None:
    found = annotations.parse(b"<annotation><object><name>dog</name></object></annotation>")
    assert found.boxes == (None,)


@pytest.mark.parametrize("size", [None, (0, 0), (0, 80), (-100, 80)])
def test_a_size_that_says_nothing_is_none(size: tuple[int, int] | None) -> None:
    assert annotations.parse(voc((1, 2, 3, 4), size=size)).size is None


def test_a_part_of_an_object_is_no_object() -> None:
    """VOC's people have heads and hands, with boxes of their own."""
    content = voc((1, 2, 30, 40)).replace(
        b"</object>",
        b"<part><name>head</name><bndbox><xmin>5</xmin><ymin>5</ymin><xmax>9</xmax><ymax>9</ymax>"
        b"</bndbox></part></object>",
    )
    assert annotations.parse(content).boxes == (Box(1, 2, 30, 40),)


def test_other_encodings() -> None:
    text = '<?xml version="1.0" encoding="{}"?><annotation><name>Löwchen</name></annotation>'
    for encoding in ("utf-8", "latin-1", "utf-16"):
        assert annotations.parse(text.format(encoding).encode(encoding)).boxes == ()


@pytest.mark.parametrize("encoding", ["gb2312", "GBK", "gb18030", "big5", "Shift_JIS", "euc-kr"])
def test_encodings_of_several_bytes_a_character(encoding: str) -> None:
    """Python's parser reads none of these, not even where the content is plain ASCII."""
    declared = f'<?xml version="1.0" encoding="{encoding}"?>\n'
    for name in ("dog", "犬" if encoding != "euc-kr" else "개"):
        content = declared + voc((1, 2, 3, 4)).decode().replace("dog", name)
        assert annotations.parse(content.encode(encoding)).boxes == (Box(1, 2, 3, 4),)


def test_a_document_type_is_refused_in_these_encodings_too() -> None:
    bomb = '<?xml version="1.0" encoding="gb2312"?>' + BOMB
    with pytest.raises(BrokenAnnotation, match="document type"):
        annotations.parse(bomb.encode("gb2312"))


def test_bytes_that_are_not_in_the_encoding_they_name() -> None:
    content = b'<?xml version="1.0" encoding="gb2312"?><annotation>\xff\xff</annotation>'
    with pytest.raises(BrokenAnnotation, match="broken XML"):
        annotations.parse(content)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "broken XML"),
        (b"<annotation><object>", "broken XML"),
        (b"<annotation>&dog;</annotation>", "broken XML"),
        (b"\xff\xfe\x00", "broken XML"),
        (b'<?xml version="1.0" encoding="dog"?><annotation/>', "broken XML"),
        (b"<html></html>", "not a VOC annotation"),
        (BOMB.encode(), "document type"),
        (BOMB.encode("utf-16"), "document type"),
        (b"<annotation>" + b" " * (1 << 20) + b"</annotation>", "over 1 MiB"),
    ],
)
def test_what_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(BrokenAnnotation, match=reason):
        annotations.parse(content)

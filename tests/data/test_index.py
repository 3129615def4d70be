"""The index as a file."""

from pathlib import Path

import pandas as pd
import pytest

from pipeline.common.errors import InputError
from pipeline.data import index
from pipeline.data.index import Row

ROWS = [
    Row("Images/pug/1.jpg", "pug", 0, 1.0, 2.0, 30.5, 40.0, 0, ""),
    Row("Images/pug/1.jpg", "pug", 1, None, None, None, None, None, "broken box"),
    Row('Images/NA/a,b "c".jpg', "NA", None, None, None, None, None, 1, ""),
    Row("Images/é/2.jpg", "null", 0, 100000.0, 0.125, -3.0, 4.0, None, "box outside its photo"),
]


def test_the_file_by_hand(tmp_path: Path) -> None:
    index.write(tmp_path / "index.csv", ROWS)
    assert (tmp_path / "index.csv").read_bytes().decode() == (
        "file,class,object,xmin,ymin,xmax,ymax,crop,reason\n"
        "Images/pug/1.jpg,pug,0,1,2,30.5,40,0,\n"
        "Images/pug/1.jpg,pug,1,,,,,,broken box\n"
        '"Images/NA/a,b ""c"".jpg",NA,,,,,,1,\n'
        "Images/é/2.jpg,null,0,100000,0.125,-3,4,,box outside its photo\n"
    )


def test_what_was_written_is_read(tmp_path: Path) -> None:
    index.write(tmp_path / "index.csv", ROWS)
    table = index.read(tmp_path / "index.csv")
    assert list(table["file"]) == [row.file for row in ROWS]
    assert list(table["class"]) == ["pug", "pug", "NA", "null"], "a class is never a missing value"
    assert list(table["reason"]) == [row.reason for row in ROWS]
    assert table["object"].dtype == table["crop"].dtype == pd.Int64Dtype()
    assert table["crop"].isna().tolist() == [False, True, False, True]
    assert table["object"].isna().tolist() == [False, False, True, False]
    assert table["xmax"].iloc[0] == 30.5 and table["xmax"].isna().tolist()[1:3] == [True, True]


@pytest.mark.parametrize("content", ["", "a,b\n1,2\n", "file,class\nx,y\n"])
def test_what_is_no_index(content: str, tmp_path: Path) -> None:
    path = tmp_path / "index.csv"
    with pytest.raises(InputError, match="run the crop stage first"):
        index.read(path)
    path.write_text(content)
    with pytest.raises(InputError, match=r"index\.csv"):
        index.read(path)

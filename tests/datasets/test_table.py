"""Tables of paths and labels, of any library."""

import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from PIL import Image
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline

from sklcnn.datasets import load_image_table
from sklcnn.preprocessing import ReadImages

FRAMES = {"pandas": pd.DataFrame, "polars": pl.DataFrame}


@pytest.fixture
def columns(tmp_path):
    """Give columns of a table of nine files in a folder of `tmp_path`."""
    (tmp_path / "files").mkdir()
    names = [f"files/{row}.png" for row in range(9)]
    for row, name in enumerate(names):
        Image.new("L", (8, 8), 20 * row).save(tmp_path / name)
    labels, weights = ["a", "b", "c"] * 3, np.arange(9.0)
    return {"file": names, "label": labels, "weight": weights, "2 d": weights}


@pytest.mark.parametrize("kind", FRAMES)
def test_columns_become_arrays(kind, columns, tmp_path):
    """Paths, labels and whatever else the table has."""
    data = load_image_table(FRAMES[kind](columns), root=tmp_path)

    assert data.filenames.tolist() == [str(tmp_path / name) for name in columns["file"]]
    assert data.target.tolist() == columns["label"]
    assert data.weight.tolist() == columns["weight"].tolist()
    assert sorted(data) == ["filenames", "frame", "target", "weight"]
    assert len(data.frame) == 9


def test_csv_file_lists_files_beside_it(columns, tmp_path, monkeypatch):
    """Its paths refer to its folder, wherever one works."""
    pd.DataFrame(columns).to_csv(tmp_path / "x.csv", index=False)
    monkeypatch.chdir("/")

    X, y = load_image_table(tmp_path / "x.csv", return_X_y=True)

    assert X[0] == str(tmp_path / "files/0.png")
    assert y.tolist() == columns["label"]
    named = pd.DataFrame(columns).rename(columns={"file": "path", "label": "kind"})
    named.to_csv(tmp_path / "x.csv", index=False)
    data = load_image_table(str(tmp_path / "x.csv"), path="path", target="kind")
    assert data.target.tolist() == columns["label"]
    assert (
        load_image_table(named, path="path", target=None, root=tmp_path).target is None
    )


@pytest.mark.parametrize("kind", FRAMES)
def test_missing_files_are_counted_and_named(kind, columns, tmp_path):
    """And left out of all columns if that is asked for."""
    for row in (2, 5):
        (tmp_path / f"files/{row}.png").unlink()
    table = FRAMES[kind](columns)

    with pytest.raises(ValueError, match=r"no file for 2 of 9 rows: .*2\.png.*`root`"):
        load_image_table(table, root=tmp_path)
    with pytest.warns(UserWarning, match="2 of 9 rows.*left out"):
        data = load_image_table(table, root=tmp_path, on_error="warn")

    assert data.weight.tolist() == [0, 1, 3, 4, 6, 7, 8]
    assert len(data.frame) == len(data.filenames) == len(data.target) == 7


def test_another_folder_is_named(columns, monkeypatch):
    """Where nothing is there, nothing is left out."""
    monkeypatch.chdir("/")

    with pytest.raises(ValueError, match=r"9 of 9 rows.*`root`"):
        load_image_table(pd.DataFrame(columns), on_error="warn")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"path": "image"}, "path='image'.*no such column. It has 'file', 'label'"),
        ({"target": "class"}, "target='class'.*no such column"),
        ({"path": "weight"}, r"column 'weight'. Got 0.0 of type float in row 0"),
    ],
)
def test_wrong_columns_are_named(options, message, columns, tmp_path):
    """With those there are."""
    with pytest.raises(ValueError, match=message):
        load_image_table(pd.DataFrame(columns), root=tmp_path, **options)


def test_what_is_no_table_is_named(columns):
    """Neither a dict nor a missing file, nor an empty or broken one."""
    with pytest.raises(ValueError, match="Got an object of type dict"):
        load_image_table(columns)
    with pytest.raises(FileNotFoundError, match=r"nowhere\.csv"):
        load_image_table("nowhere.csv")
    with pytest.raises(ValueError, match="without rows"):
        load_image_table(pd.DataFrame({"file": [], "label": []}))


def test_groups_of_a_table_split_it(columns, tmp_path, tiny):
    """Its columns are what scikit-learn takes."""
    columns["group"] = [0, 0, 0, 1, 1, 1, 2, 2, 2]
    data = load_image_table(pd.DataFrame(columns), root=tmp_path)
    model = make_pipeline(ReadImages(8), tiny)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = cross_val_score(
            model, data.filenames, data.target, groups=data.group, cv=GroupKFold(3)
        )

    assert np.isfinite(scores).all()


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA, pd.NaT, ""])
def test_rows_without_a_path_are_missing_files(missing, columns, tmp_path):
    """Named by row, or left out."""
    columns["file"][3] = missing
    frame = pd.DataFrame(columns)

    with pytest.raises(ValueError, match="no file for 1 of 9 rows: none in row 3"):
        load_image_table(frame, root=tmp_path)
    with pytest.warns(UserWarning, match="none in row 3. They are left out"):
        data = load_image_table(frame, root=tmp_path, on_error="warn")

    assert len(data.filenames) == len(data.target) == 8


def test_separators_of_windows_are_named(tmp_path):
    """As the paths look right."""
    frame = pd.DataFrame({"file": ["cats\\1.png", "C:\\cats\\2.png"], "label": [0, 1]})

    with pytest.raises(ValueError, match="separators of Windows: replace these by '/'"):
        load_image_table(frame, root=tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"file;label\n1.png;cat\n", r"'file;label'. .*pandas.read_csv\(file, sep=';'"),
        (b"file\tlabel\n1.png\tcat\n", r"sep='\\t'"),
        (b"File,label\n1.png,cat\n", "It has 'File', 'label'. Name one by path="),
        ("file,label\n1.png,é\n".encode("latin1"), "as a CSV file: .*encoding="),
        (b"", "as a CSV file: No columns"),
    ],
)
def test_tables_of_another_kind_are_named(content, message, tmp_path):
    """With how to read them."""
    (tmp_path / "table.csv").write_bytes(content)

    with pytest.raises(ValueError, match=message):
        load_image_table(tmp_path / "table.csv")


def test_columns_of_one_name_are_refused():
    """It is not known which one is meant."""
    frame = pd.DataFrame([["1.png", "2.png", 0]], columns=["file", "file", "label"])

    with pytest.raises(ValueError, match="several such columns"):
        load_image_table(frame)


@pytest.mark.parametrize("library", ["pandas", "polars"])
@pytest.mark.parametrize(
    ("written", "labels"),
    [
        (["NA", "DE", "NA"], ["NA", "DE", "NA"]),
        (["007", "010", "7"], ["007", "010", "7"]),
        (["null", "nan", "None"], ["null", "nan", "None"]),
        (["1e3", "2", "3"], ["1e3", "2", "3"]),
        (["true", "false", "true"], ["true", "false", "true"]),
        (["3", "10", "-2"], [3, 10, -2]),
        (["0.5", "1.0", "2.0"], [0.5, 1.0, 2.0]),
        (["True", "False", "True"], [True, False, True]),
    ],
)
def test_labels_of_csv_files_are_those_written(
    written, labels, library, tmp_path, monkeypatch
):
    """Numbers are numbers only if nothing is lost by that."""
    if library == "polars":
        monkeypatch.setitem(sys.modules, "pandas", None)
    rows = [f"{row:03},{label}" for row, label in enumerate(written)]
    (tmp_path / "x.csv").write_text("\n".join(["file,label", *rows]))
    for row in range(3):
        Image.new("L", (8, 8)).save(tmp_path / f"{row:03}", format="png")

    data = load_image_table(tmp_path / "x.csv")

    assert data.target.tolist() == labels
    assert [type(label) for label in data.target.tolist()] == list(map(type, labels))
    assert [Path(name).name for name in data.filenames] == ["000", "001", "002"]


def test_empty_labels_of_csv_files_are_missing(columns, tmp_path, tiny):
    """Nothing written is a missing label, which is counted as in a data frame."""
    columns["label"] = ["a", "b", "", "NA", *columns["label"][4:]]
    pd.DataFrame(columns).to_csv(tmp_path / "x.csv", index=False)

    X, y = load_image_table(tmp_path / "x.csv", return_X_y=True)

    assert y[[0, 1, 3]].tolist() == ["a", "b", "NA"]
    with pytest.raises(ValueError, match=r"in row 2\. .* needs a label"):
        make_pipeline(ReadImages((8, 8)), tiny).fit(X, y)

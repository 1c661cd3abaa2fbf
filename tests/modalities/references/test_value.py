"""References in a user's words."""

import pytest

from modalities.references.value import Value, each, parse


@pytest.mark.parametrize(
    ("text", "path", "index", "known", "hidden"),
    [
        ("a.png", "a.png", None, None, None),
        ("dir/a.png#3", "dir/a.png", 3, None, None),
        ("#12", None, 12, None, None),
        ("a.mp4@first_last", "a.mp4", None, "first_last", None),
        ("a.mp4@4", "a.mp4", None, 4, None),
        ("a.mp4#2@[0, -1]", "a.mp4", 2, [0, -1], None),
        ("a.wav@![0.1,0.25]", "a.wav", None, None, [0.1, 0.25]),
        ("a.png@masks/m-1.png", "a.png", None, "masks/m-1.png", None),
        ("#0@!centre", None, 0, None, "centre"),
    ],
)
def test_parts(text, path, index, known, hidden):
    value = parse(text)
    assert (value.path, value.index, value.known, value.hidden) == (path, index, known, hidden)


def test_a_file_of_that_very_name_counts_first(tmp_path):
    odd = tmp_path / "take#2@4"
    odd.touch()
    assert parse(str(odd)) == Value(str(odd))
    with pytest.raises(ValueError, match="a reference is a file"):
        parse("")


def test_a_folder_stands_for_its_files_in_natural_order(tmp_path):
    for name in ("10.png", "9.png", "deep/1.jpg", "note.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = each(f"{tmp_path}@left", "image", 9)
    assert found == [f"{tmp_path}/{name}@left" for name in ("9.png", "10.png", "deep/1.jpg")]
    assert each(str(tmp_path), "image", 2) == [f"{tmp_path}/9.png", f"{tmp_path}/10.png"]
    assert each(f"{tmp_path}/9.png@left", "image", 9) == [f"{tmp_path}/9.png@left"]
    assert each(str(tmp_path), "audio", 2) == [f"{tmp_path}#0", f"{tmp_path}#1"]
    assert each("#4", "image", 9) == ["#4"]

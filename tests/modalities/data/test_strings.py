"""Flat strings and the natural order of names."""

import pickle

from modalities.data.strings import Strings, natural


def test_strings_give_back_what_they_were_made_of() -> None:
    names = ["", "a", "ß/€.png", "", "\U0001f600", "x" * 1000]
    strings = pickle.loads(pickle.dumps(Strings(names)))
    assert [strings[i] for i in range(len(strings))] == names


def test_strings_keep_file_names_that_are_not_valid_utf8() -> None:
    name = b"caf\xe9.png".decode("utf-8", "surrogateescape")
    assert Strings([name, "b"])[0] == name


def test_natural_order_counts_numbers_as_numbers() -> None:
    names = ["10", "9", "clip10", "clip9", "1_2", "1_10", "B", "a"]
    assert sorted(names, key=natural) == ["1_2", "1_10", "9", "10", "a", "B", "clip9", "clip10"]

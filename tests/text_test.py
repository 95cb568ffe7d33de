"""Lists of names in messages."""

from dualatme_keras.text import count, shorten


def test_five_names_are_shown_and_the_others_counted():
    assert shorten([]) == ""
    assert shorten(["a", 2]) == "a, 2"
    assert shorten(range(5)) == "0, 1, 2, 3, 4"
    assert shorten(range(6)) == "0, 1, 2, 3, 4 and 1 more"
    assert shorten(iter(range(9))) == "0, 1, 2, 3, 4 and 4 more"


def test_one_thing_is_no_plural():
    assert [count(number, "clip") for number in (0, 1, 2)] == ["0 clips", "1 clip", "2 clips"]

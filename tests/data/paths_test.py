import os

import pytest

from dualatme_keras.data import find_image, puzzled_path
from dualatme_keras.errors import DualATMEError


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "data"
    for name in ("casme2/flow/x.png", "flow/x.png", "flow/only.png", "C:/casme2/flow/x.png"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")
    (tmp_path / "outside.png").write_bytes(b"")
    (root / "samm" / "flow" / "x.png").mkdir(parents=True)
    return root


def test_without_a_root_the_path_is_left_alone():
    assert find_image("C:\\x\\absent.png") == "C:\\x\\absent.png"


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/home/user/data/casme2/flow/x.png", "casme2/flow/x.png"),
        ("casme2/flow/x.png", "casme2/flow/x.png"),
        ("C:\\data\\casme2\\flow\\x.png", "casme2/flow/x.png"),
        # On Windows, joining a drive letter would leave the root.
        ("C:\\casme2\\flow\\x.png", "casme2/flow/x.png"),
        ("..\\casme2/./flow//x.png", "casme2/flow/x.png"),
        ("/smic/flow/x.png", "flow/x.png"),
        # A directory of that name is no image.
        ("/samm/flow/x.png", "flow/x.png"),
        ("/samm/flow/only.png", "flow/only.png"),
    ],
)
def test_the_longest_suffix_below_the_root_is_found(root, path, found):
    assert find_image(path, root) == os.path.join(root, *found.split("/"))


@pytest.mark.parametrize(
    "path", ["/casme2/flow/y.png", "../outside.png", "casme2/../../outside.png", "", "flow"]
)
def test_a_missing_image_is_named_with_the_root(root, path):
    with pytest.raises(DualATMEError) as error:
        find_image(path, root)
    assert repr(path) in str(error.value)
    assert repr(str(root)) in str(error.value)


def test_a_root_that_is_no_directory_is_named(tmp_path):
    with pytest.raises(DualATMEError, match="not a directory"):
        find_image("x.png", tmp_path / "absent")


@pytest.mark.parametrize(
    ("path", "puzzled"),
    [
        ("/d/casme2/flow/a_flow.png", "/d/casme2/flow_puzzle/a_flow_puzzle.png"),
        (
            "/v_cde_flow/flow/b/flow/a_flow_x_flow.jpg",
            "/v_cde_flow/flow/b/flow_puzzle/a_flow_x_flow_puzzle.jpg",
        ),
        ("flow/a.b_flow.PNG", "flow_puzzle/a.b_flow_puzzle.PNG"),
        ("C:\\flow\\flow\\a_flow.png", "C:\\flow\\flow_puzzle\\a_flow_puzzle.png"),
    ],
)
def test_puzzled_path_changes_directory_and_stem_only(path, puzzled):
    assert puzzled_path(path) == puzzled


@pytest.mark.parametrize(
    "path",
    [
        "/d/optical_flow/a_flow.png",
        "/d/flow/a.png",
        "/flow/d/a_flow.png",
        "/d/flow_puzzle/a_flow_puzzle.png",
        "/d/flow/_flow.png",
        "a_flow.png",
        "/d/flow/a_flow",
        "/d/flow/a_flow.png.bak",
    ],
)
def test_puzzled_path_explains_the_convention(path):
    with pytest.raises(DualATMEError, match=r"flow_puzzle/NAME_flow_puzzle\.png"):
        puzzled_path(path)

import pytest

from dualatme_keras.data import Clip, write_lists

_NAMES = {
    "sub01": ("casme2", ["sub01_EP02_01f_img59-img46", "sub01_EP19_05f_img416-img396"]),
    "sub02": ("casme2", ["sub02_EP01_11f_img91-img46", "sub02_EP02_01_img80-img1"]),
    "006": ("samm", ["006_1_2_9-1", "006_1_25_9-1"]),
    "007": ("samm", ["007_7_1_9-1", "007_7_3_9-1"]),
    "s01": ("smic", ["s01_s01_ne_01_image9-image1", "s01_s01_po_01_image9-image1"]),
    "s02": ("smic", ["s02_s02_sur_01_image9-image1", "s02_s02_sur_02_image9-image1"]),
}


@pytest.fixture
def clips() -> list[Clip]:
    """Two clips of two subjects of each database, named as published files are; labels 0, 1, 2, 0, ..."""
    paths = [
        (f"/home/user/data/{database}/flow/{name}_flow.png", subject, database)
        for subject, (database, names) in _NAMES.items()
        for name in names
    ]
    return [Clip(*fields, label) for fields, label in zip(paths, (0, 1, 2) * 4, strict=True)]


@pytest.fixture
def lists_dir(clips, tmp_path):
    """The clips' lists, on disk."""
    write_lists(clips, tmp_path / "lists")
    return tmp_path / "lists"

"""Files that are there whole or not at all, what is wrong with one that cannot be read, whose a folder is."""

import errno
import os
import platform
import subprocess
import sys

import pytest

from dualatme_keras.errors import DualATMEError
from dualatme_keras.files import (
    WritingError,
    check_apart,
    check_file,
    check_folder,
    is_lock,
    locked,
    make_folder,
    read_csv_text,
    read_json,
    replace_file,
    replace_folder,
    write_json,
)


def test_json_comes_back(tmp_path):
    write_json(tmp_path / "a.json", {"one": [1, None]})
    assert read_json(tmp_path / "a.json") == {"one": [1, None]}
    assert (tmp_path / "a.json").read_text().endswith("}\n")


@pytest.mark.parametrize(
    ("content", "line"),
    [(b"\xff", 1), (b'{"a":\n oops}', 2), (b"[1]", 1)],
    ids=["not UTF-8", "not JSON", "no object"],
)
def test_a_file_that_is_no_json_is_named_with_its_line(content, line, tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(DualATMEError) as refused:
        read_json(path)
    assert str(refused.value).startswith(f"{path}:{line}: Expected ")


def test_a_table_in_another_encoding_is_named_with_its_line(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("clip,\u00e9\r\n".encode("utf-8-sig"))
    assert read_csv_text(path) == "clip,\u00e9\r\n"
    for content, line in ((b"\xc0,b\n", 1), (b"a,b\n\xc0,d\n", 2)):
        path.write_bytes(content)
        with pytest.raises(DualATMEError) as refused:
            read_csv_text(path)
        assert str(refused.value).startswith(
            f"{path}:{line}: Expected a CSV in UTF-8. Received: the byte 0xc0"
        )


def test_a_file_is_replaced_whole(tmp_path):
    for content in (b"first", b"second"):
        replace_file(tmp_path / "a.bin", content)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a.bin": b"second"}


HOLD = """
import sys
from dualatme_keras.files import locked
with locked(sys.argv[1], "workdir"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_folder_in_use_is_refused_until_its_process_is_gone(tmp_path):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline() == "held\n"
    words = f"{tmp_path}, in use by process {holder.pid} on {platform.node()} since 20"
    with (
        pytest.raises(DualATMEError, match="Expected `workdir` .* nobody else writes to") as refused,
        locked(tmp_path, "workdir"),
    ):
        pass
    assert words in str(refused.value)
    holder.kill()
    holder.wait()
    with locked(tmp_path, "workdir"):
        assert f'"process": {os.getpid()}' in (tmp_path / ".lock.json").read_text()
    assert all(is_lock(file) for file in tmp_path.iterdir())


def test_a_file_in_the_place_of_a_folder_is_told(tmp_path):
    (tmp_path / "run").touch()
    with (
        pytest.raises(DualATMEError, match="Expected `workdir` to be a folder that can be written to"),
        locked(tmp_path / "run", "workdir"),
    ):
        pass


def test_what_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("mine")
    inside = tmp_path / "file" / "new"
    for write in (
        lambda: replace_file(inside, b"content"),
        lambda: replace_folder(inside, lambda folder: None),
        lambda: make_folder(inside),
    ):
        with pytest.raises(WritingError) as failed:
            write()
        assert (failed.value.errno, failed.value.filename) == (errno.ENOTDIR, str(inside))
    with pytest.raises(DualATMEError, match=r"Expected `output` to be a file .*new \(Not a directory\)"):
        check_file(inside, "output")
    with pytest.raises(DualATMEError, match=r"Expected `figures` to be a folder .*new \(Not a directory\)"):
        check_folder(inside, "figures")
    with pytest.raises(DualATMEError, match=r"Received: .* \(Is a directory\)"):
        check_file(tmp_path, "output")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "mine"


def test_a_device_is_no_file(tmp_path):
    """Which a file would take the place of, where the user may."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/null"):
        with pytest.raises(DualATMEError, match="`output` to be a file that can be written.*no regular file"):
            check_file(path, "output")


def test_outputs_are_no_inputs(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "clip.mp4")
    check_apart({"output": str(tmp_path / "a.csv"), "intervals": None}, [str(tmp_path / "link")])
    with pytest.raises(DualATMEError, match="`output` to be a file of its own.*clip.mp4, .*link too"):
        check_apart({"output": str(tmp_path / "clip.mp4")}, [str(tmp_path / "link")])
    with pytest.raises(DualATMEError, match="`intervals` to be a file of its own"):
        check_apart({"output": "out.csv", "intervals": "./out.csv"})


def test_what_can_be_written_is_left_alone(tmp_path):
    (tmp_path / "file").write_text("mine")
    check_file(tmp_path / "file", "output")
    check_file(tmp_path / "new" / "file", "output")
    check_folder(tmp_path / "other" / "folder", "figures")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "new"]
    assert (tmp_path / "file").read_text() == "mine"


def test_a_folder_that_fails_leaves_nothing_and_the_earlier_one(tmp_path):
    replace_folder(tmp_path / "1", lambda folder: (folder / "a").write_text("first"))

    def fill(folder):
        (folder / "a").write_text("second")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(WritingError, match="No space left"):
        replace_folder(tmp_path / "1", fill)
    # One that appeared meanwhile is somebody else's.
    with pytest.raises(WritingError):
        replace_folder(tmp_path / "1", lambda folder: (folder / "a").write_text("third"), replace=False)
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")} == {"1", "1/a"}
    assert (tmp_path / "1" / "a").read_text() == "first"

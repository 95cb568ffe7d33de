"""Files of PyTorch that want more than there is, or are damaged anywhere: refused in words, at once."""

import resource
import struct
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[1]))
from torch_files import Tensor, as_tensors, pickled, stand_in, write_legacy, write_state_dict, write_zip

from dualatme_keras.errors import DualATMEError
from dualatme_keras.models.torch_file import read_torch_tensors

ARRAYS = {"fc.0.weight": np.ones((8, 4), "float32"), "fc.0.bias": np.arange(4, dtype="int64")}


def refused(path, match):
    """Within a second, and without the memory that the file asks for."""
    begun, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DualATMEError, match=match):
        read_torch_tensors(path)
    assert time.monotonic() - begun < 2
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 * 1024  # KiB


def test_a_bomb_is_refused_by_what_it_says_of_itself(tmp_path):
    """A thousand megabytes of zeros, in one."""
    with zipfile.ZipFile(tmp_path / "bomb.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}.")
        with archive.open("archive/data/0", "w") as entry:
            for _ in range(1000):
                entry.write(bytes(2**20))
    assert (tmp_path / "bomb.pth").stat().st_size < 2 * 2**20
    refused(tmp_path / "bomb.pth", "neither compressed nor encrypted. Received: .* unpacks to 1048576")


def test_a_bomb_that_lies_about_itself_yields_nothing(tmp_path):
    """Its directory declares a few bytes."""
    with zipfile.ZipFile(tmp_path / "bomb.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}.")
        archive.writestr("archive/data/0", bytes(300 * 2**20))
    content = (tmp_path / "bomb.pth").read_bytes()
    size = struct.pack("<I", 300 * 2**20)
    assert content.count(size) >= 2
    (tmp_path / "bomb.pth").write_bytes(content.replace(size, struct.pack("<I", 100)))
    refused(tmp_path / "bomb.pth", "neither compressed nor encrypted")


@pytest.mark.parametrize("count", [2**20, 2**40, 2**62, 2**64 - 1])
def test_absurd_sizes(count, tmp_path):
    """Of a storage in the older form, and of a string in a pickle."""
    with stand_in() as names:
        tensors, storages = as_tensors(names, ARRAYS)
        write_legacy(tmp_path / "legacy.pth", names, tensors, storages)
    content = (tmp_path / "legacy.pth").read_bytes()
    (tmp_path / "legacy.pth").write_bytes(content.replace(struct.pack("<q", 32), struct.pack("<Q", count)))
    refused(tmp_path / "legacy.pth", "damaged")
    (tmp_path / "string.pth").write_bytes(b"\x80\x04\x8d" + struct.pack("<Q", count) + b"abc.")
    refused(tmp_path / "string.pth", "damaged")


def test_many_names_of_one_storage(tmp_path):
    """Each would be a copy."""
    with stand_in() as names:
        tensors, storages = as_tensors(names, {"one": np.zeros(2**18, "float32")})
        many = {f"name{number}": tensors["one"] for number in range(5000)}
        write_zip(tmp_path / "many.pth", pickled(names, many), storages)
    refused(tmp_path / "many.pth", "Expected tensors that the file holds. Received: 524")


class Below(Tensor):
    def __reduce__(self):
        return self.names.rebuild_tensor, (self.storage, 0, (-1, 10**12), (1, 1), False, None)


def test_a_size_below_nothing_does_not_make_room_for_others(tmp_path):
    with stand_in() as names:
        tensors, storages = as_tensors(names, {"one": np.zeros(2**18, "float32")})
        one = tensors["one"]
        many = {f"name{number}": one for number in range(500)}
        below = Below(names, one.storage)
        write_zip(tmp_path / "many.pth", pickled(names, {**many, "below": below}), storages)
    refused(tmp_path / "many.pth", r"Expected shapes of tensors. Received: \(-1, 1000")


@pytest.mark.parametrize("place", ["item", "items", "storage", "tensor", "state"])
def test_keys_of_many_tuples(place, tmp_path):
    """Of many more, hashing them would end the process."""
    deep = b")" + b"\x85" * 1000
    content = {
        "item": b"}" + deep + b"Ns.",
        "items": b"}(" + deep + b"Nu.",
        "storage": b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\n"
        + deep
        + b"X\x03\x00\x00\x00cpuK\x01tQ.",
        "tensor": b"}X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00float32"
        + deep
        + b"tK\x00))tRs.",
        "state": b"ctorch.nn.modules.x\nY\n)\x81]" + deep + b"N\x86ab.",
    }[place]
    write_zip(tmp_path / "deep.pth", b"\x80\x02" + content)
    message = "names or numbers as keys. Received: a tuple" if place != "state" else "the state of a _Module"
    refused(tmp_path / "deep.pth", message)


def test_modules_that_hold_each_other(tmp_path):
    """Fifty levels of two children that are one: 2^50 names."""
    with stand_in() as names:
        module = names.module("torch.nn.modules.container", "Sequential")
        inner = module()
        for _ in range(50):
            outer = module()
            outer.__dict__["_modules"] = {"a": inner, "b": inner}
            inner = outer
        write_zip(tmp_path / "modules.pth", pickled(names, inner))
    refused(tmp_path / "modules.pth", "at most 100000 modules")


@pytest.fixture(scope="module")
def valid(tmp_path_factory):
    folder = tmp_path_factory.mktemp("valid")
    with stand_in() as names:
        tensors, storages = as_tensors(names, ARRAYS)
        write_legacy(folder / "legacy.pth", names, tensors, storages)
    write_state_dict(folder / "zip.pth", ARRAYS)
    return [(folder / name).read_bytes() for name in ("legacy.pth", "zip.pth")]


@settings(
    max_examples=500,
    deadline=5000,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_damage_anywhere(data, valid, tmp_path):
    """Read, or refused in words: nothing else."""
    content = bytearray(valid[data.draw(st.integers(0, 1))])
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(content) - 1))
        end = start + data.draw(st.integers(0, 8))
        content[start:end] = data.draw(st.binary(max_size=8)) if len(content) > 20 else b"."
        content = content or bytearray(b".")
    path = tmp_path / "damaged.pth"
    path.write_bytes(content)
    tensors, told = {}, ""
    try:
        tensors = read_torch_tensors(path)
    except DualATMEError as error:
        told = str(error)
    assert len(told) < 1000
    assert all(isinstance(tensor, np.ndarray) for tensor in tensors.values())

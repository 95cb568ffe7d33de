"""Writes files as `torch.save` does, without PyTorch."""

import contextlib
import io
import pickle
import struct
import sys
import types
import zipfile
from collections import OrderedDict

import numpy as np
import pytest


@contextlib.contextmanager
def stand_in():
    """Names as PyTorch pickles them, so that Python's own pickler writes files of its form."""
    patch = pytest.MonkeyPatch()

    def define(module, name, value):
        value.__module__, value.__qualname__ = module, name
        patch.setitem(sys.modules, module, sys.modules.get(module) or types.ModuleType(module))
        patch.setattr(sys.modules[module], name, value, raising=False)
        return value

    names = types.SimpleNamespace()
    names.rebuild_tensor = define("torch._utils", "_rebuild_tensor_v2", lambda *arguments: None)
    names.rebuild_tensor.__name__ = "_rebuild_tensor_v2"
    names.rebuild_parameter = define("torch._utils", "_rebuild_parameter", lambda *arguments: None)
    names.rebuild_parameter.__name__ = "_rebuild_parameter"
    for storage in ("FloatStorage", "LongStorage"):
        setattr(names, storage, define("torch", storage, type(storage, (), {})))
    names.module = lambda module, name: define(module, name, type(name, (), {}))
    try:
        yield names
    finally:
        patch.undo()


class Storage:
    def __init__(self, key, array):
        self.key, self.array = key, array


class Tensor:
    """Pickles as a tensor of PyTorch does."""

    def __init__(self, names, storage, parameter=False):
        self.names, self.storage, self.parameter = names, storage, parameter

    def __reduce__(self):
        array = self.storage.array
        strides = tuple(stride // array.itemsize for stride in array.strides)
        arguments = (self.storage, 0, array.shape, strides, False, OrderedDict())
        if self.parameter:
            plain = Tensor(self.names, self.storage)
            return self.names.rebuild_parameter, (plain, True, OrderedDict())
        return self.names.rebuild_tensor, arguments


class Pickler(pickle._Pickler):
    """The pickler in Python, which can write the persistent ids of storages."""

    names = None

    def persistent_id(self, value):
        if not isinstance(value, Storage):
            return None
        kind = self.names.LongStorage if value.array.dtype == np.int64 else self.names.FloatStorage
        return ("storage", kind, value.key, "cpu", value.array.size)


def pickled(names, value):
    buffer = io.BytesIO()
    pickler = Pickler(buffer, protocol=2)
    pickler.names = names
    pickler.dump(value)
    return buffer.getvalue()


def as_tensors(names, arrays, parameter=False):
    storages = [Storage(str(number), array) for number, array in enumerate(arrays.values())]
    tensors = OrderedDict(
        (name, Tensor(names, storage, parameter)) for name, storage in zip(arrays, storages, strict=True)
    )
    return tensors, storages


def write_zip(path, content, storages=()):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", content)
        archive.writestr("archive/byteorder", "little")
        for storage in storages:
            archive.writestr(f"archive/data/{storage.key}", storage.array.tobytes())


def write_legacy(path, names, value, storages):
    with open(path, "wb") as file:
        for header in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}):
            file.write(pickled(names, header))
        file.write(pickled(names, value))
        file.write(pickled(names, [storage.key for storage in storages]))
        for storage in storages:
            file.write(struct.pack("<q", storage.array.size) + storage.array.tobytes())


def write_state_dict(path, arrays):
    """A state dict of these arrays, in today's form."""
    with stand_in() as names:
        tensors, storages = as_tensors(names, arrays)
        write_zip(path, pickled(names, tensors), storages)

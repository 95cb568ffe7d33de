"""Reads tensors out of PyTorch's files without PyTorch and without unpickling.

A `.pth` file is a pickle, and unpickling runs whatever the file names. Here its opcodes are interpreted
one by one over plain values: lists, tuples, dicts, numbers, strings, tensors, and inert records of the
`state` of `torch.nn` modules. Nothing that the file names is ever imported or called; a name outside
the short list below is refused.
"""

import dataclasses
import io
import math
import os
import pickletools
import struct
import zipfile
import zlib
from types import NoneType

import numpy as np

from dualatme_keras.errors import DualATMEError
from dualatme_keras.files import check_stored

_STORAGES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}
_ORDERED_DICT = "collections.OrderedDict"
_SETS = ("__builtin__.set", "builtins.set")
_REBUILD_TENSOR = "torch._utils._rebuild_tensor_v2"
_REBUILD_PARAMETER = "torch._utils._rebuild_parameter"
_REDUCIBLE = (_ORDERED_DICT, *_SETS, _REBUILD_TENSOR, _REBUILD_PARAMETER)
# Modules become inert records of their state; `Me_Model_att` is the module of the published network.
_MODULE_PREFIXES = ("torch.nn.modules.", "torch.nn.parallel.", "Me_Model_att.")
_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_MARK = object()
# What opcodes raise on a damaged stack, and zipfile for an archive of a form that it does not know.
_DAMAGE = (
    *(ValueError, LookupError, TypeError, AttributeError, ArithmeticError, EOFError, RecursionError),
    *(struct.error, zipfile.BadZipFile, zlib.error, NotImplementedError),
)

_LARGEST = 2**30
"""Largest file that is read, in bytes. The published network has 40 MB."""

_MOST_MODULES = 100_000
"""Most modules of a file: such as that hold each other could name more than there are atoms."""


@dataclasses.dataclass(frozen=True)
class _Name:
    """A global that the file names; only ever compared."""

    name: str


@dataclasses.dataclass
class _Module:
    """What is left of an `nn.Module`: its state."""

    name: str
    state: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class _Tensor:
    """Where a tensor's values lie: strides and offset in elements of a storage."""

    dtype: str
    key: str
    offset: int
    shape: tuple
    strides: tuple


def read_torch_tensors(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Reads the named tensors of a PyTorch file.

    Args:
        path: a file written by `torch.save`, in today's zip form or the older plain one: a state dict, a
            dict that holds one under `state_dict` or `model`, or a whole module.

    Returns:
        Arrays by state-dict name, e.g. `"fc.0.weight"`, in the order of the file. A prefix `module.`
        (left by `DataParallel`) is removed.

    Raises:
        DualATMEError: the file cannot be read, is damaged, or names anything but tensors, plain
            containers and `torch.nn` modules.
    """
    path = os.fspath(path)
    try:
        size = os.path.getsize(path)
        if size > _LARGEST:
            raise _Refused(f"Expected weights of at most {_LARGEST} bytes. Received: {size}.")
        if zipfile.is_zipfile(path):
            value, storages = _read_zip(path)
        else:
            value, storages = _read_legacy(path)
        found = _state_dict(value)
        _check_size(found.values(), size)
        tensors = {name: _materialize(tensor, storages) for name, tensor in found.items()}
    except DualATMEError:
        raise
    except _Refused as error:
        raise DualATMEError(f"{path}: {error}") from None
    except OSError as error:
        raise DualATMEError(f"Expected a readable PyTorch file. Received: {path} ({error}).") from error
    except _DAMAGE as error:
        raise DualATMEError(
            f"Expected a file written by torch.save. Received: {path}, which is damaged or of another kind "
            f"({type(error).__name__}: {str(error)[:200]})."
        ) from error
    if tensors and all(name.startswith("module.") for name in tensors):
        return {name.removeprefix("module."): tensor for name, tensor in tensors.items()}
    return tensors


class _Refused(Exception):
    """The file asks for something that a set of weights does not need."""


def _refuse(name):
    raise _Refused(
        "Expected only tensors, plain containers and torch.nn modules. "
        f"Received: a file that asks for {name[:100]!r}; it was not executed. "
        "Save the weights alone, with torch.save(model.state_dict(), path), and load that file."
    )


def _read_zip(path):
    with zipfile.ZipFile(path) as archive:
        check_stored(archive, path)  # torch.save compresses nothing
        names = archive.namelist()
        (pickled,) = [name for name in names if name.endswith("/data.pkl")]
        root = pickled.removesuffix("data.pkl")
        if f"{root}byteorder" in names and archive.read(f"{root}byteorder") != b"little":
            raise _Refused("Expected little-endian tensors. Received: big-endian ones.")
        value = _interpret(archive.open(pickled))
        prefix = f"{root}data/"
        storages = {
            name.removeprefix(prefix): archive.read(name) for name in names if name.startswith(prefix)
        }
    return value, storages


def _read_legacy(path):
    """The form before PyTorch 1.6: five pickles, then each storage as a count and its values."""
    with open(path, "rb") as file:
        content = io.BytesIO(file.read())  # of which no more can be read than there is
    if _interpret(content) != _LEGACY_MAGIC:
        raise ValueError("no magic number of torch.save")
    met = _Memo()
    _protocol, system, value, keys = (_interpret(content, memo) for memo in (None, None, met, None))
    if not system["little_endian"]:
        raise _Refused("Expected little-endian tensors. Received: big-endian ones.")
    storages = {}
    for key in map(_checked_key, keys):
        count = int.from_bytes(content.read(8), "little")
        storages[key] = content.read(count * np.dtype(met.storages[key]).itemsize)
    return value, storages


def _check_size(tensors, file_size):
    """Tensors may share a storage, but not so that they are many times as large as the file."""
    for tensor in tensors:
        if len(tensor.shape) > 64 or not all(type(n) is int and n >= 0 for n in tensor.shape):
            raise _Refused(f"Expected shapes of tensors. Received: {tensor.shape!r:.100}.")
    declared = sum(math.prod(tensor.shape) * np.dtype(tensor.dtype).itemsize for tensor in tensors)
    if declared > 4 * file_size:
        raise _Refused(
            f"Expected tensors that the file holds. Received: {declared} bytes of them in {file_size} bytes."
        )


def _materialize(tensor, storages):
    """Copies a tensor's values out of its storage, inside its bounds only."""
    storage = np.frombuffer(storages[tensor.key], dtype=tensor.dtype)
    if math.prod(tensor.shape) > storage.size:
        raise ValueError(f"a tensor of shape {tensor.shape} in a storage of {storage.size} elements")
    if min((*tensor.shape, *tensor.strides, tensor.offset), default=0) < 0:
        raise ValueError("negative shape, stride or offset")
    last = tensor.offset + sum((n - 1) * s for n, s in zip(tensor.shape, tensor.strides, strict=True))
    if 0 not in tensor.shape and last >= storage.size:
        raise ValueError(f"tensor ends at element {last} of a storage of {storage.size}")
    strides = [stride * storage.itemsize for stride in tensor.strides]
    return np.lib.stride_tricks.as_strided(storage[tensor.offset :], tensor.shape, strides).copy()


def _state_dict(value, prefix="", met=None):
    """Tensors by name, out of a module, a state dict or a dict that holds either."""
    met = [0] if met is None else met
    met[0] += 1
    if met[0] > _MOST_MODULES:
        raise _Refused(f"Expected at most {_MOST_MODULES} modules. Received: more.")
    if isinstance(value, _Module):
        own = {**value.state.get("_parameters", {}), **value.state.get("_buffers", {})}
        found = {prefix + name: tensor for name, tensor in own.items() if isinstance(tensor, _Tensor)}
        for name, child in value.state.get("_modules", {}).items():
            found.update(_state_dict(child, f"{prefix}{name}.", met))
        return found
    if isinstance(value, dict):
        for key in ("state_dict", "model"):
            if isinstance(value.get(key), (dict, _Module)):
                return _state_dict(value[key], "", met)
        return {name: tensor for name, tensor in value.items() if isinstance(tensor, _Tensor)}
    return {}


class _Memo(dict):
    """Values of a pickle by their number. `storages` are those that it names, and their kinds of numbers."""

    def __init__(self):
        self.storages = {}


def _interpret(file, memo=None):
    """Runs the opcodes of one pickle over plain values and returns what it describes."""
    stack, memo = [], _Memo() if memo is None else memo
    for opcode, argument, _position in pickletools.genops(file):
        if opcode.name == "STOP":
            return stack.pop()
        operation = _OPERATIONS.get(opcode.name)
        if operation is None:
            _refuse(f"pickle opcode {opcode.name}")
        operation(stack, memo, argument)
    raise ValueError("the pickle does not end")


def _push(value):
    """Operation that pushes a new value of its own, so that containers are not shared."""
    return lambda stack, memo, argument: stack.append(value())


def _push_argument(stack, memo, argument):
    stack.append(argument)


def _push_memo(stack, memo, argument):
    stack.append(memo[argument])


def _store_memo(stack, memo, argument):
    memo[len(memo) if argument is None else argument] = stack[-1]


def _pop_to_mark(stack):
    start = len(stack) - 1
    while stack[start] is not _MARK:
        start -= 1
        if start < 0:
            raise ValueError("no mark on the stack")
    items = stack[start + 1 :]
    del stack[start:]
    return items


def _push_tuple(length):
    def operation(stack, memo, argument):
        items = tuple(stack[len(stack) - length :])
        del stack[len(stack) - length :]
        stack.append(items)

    return operation


def _append(stack, memo, argument):
    item = stack.pop()
    stack[-1].append(item)


def _append_all(stack, memo, argument):
    items = _pop_to_mark(stack)
    stack[-1].extend(items)


def _checked_key(key):
    """Names and numbers alone: tuples in tuples, deep enough, end the process where they are hashed."""
    if not isinstance(key, (str, bytes, int, float, NoneType)):
        raise _Refused(f"Expected names or numbers as keys. Received: a {type(key).__name__}.")
    return key


def _set_item(stack, memo, argument):
    value, key = stack.pop(), stack.pop()
    stack[-1][_checked_key(key)] = value


def _set_items(stack, memo, argument):
    items = _pop_to_mark(stack)
    stack[-1].update(zip(map(_checked_key, items[::2]), items[1::2], strict=True))


def _push_name(stack, memo, argument):
    name = argument.replace(" ", ".")
    storage = name.startswith("torch.") and name.removeprefix("torch.") in _STORAGES
    if not (storage or name in _REDUCIBLE or name.startswith(_MODULE_PREFIXES)):
        _refuse(name)
    stack.append(_Name(name))


def _push_stack_name(stack, memo, argument):
    name, module = stack.pop(), stack.pop()
    _push_name(stack, memo, f"{module} {name}")


def _reduce(stack, memo, argument):
    arguments, function = stack.pop(), stack.pop()
    name = function.name
    if name == _ORDERED_DICT:
        stack.append({_checked_key(key): value for pairs in arguments for key, value in pairs})
    elif name in _SETS:
        stack.append(list(*arguments))
    elif name == _REBUILD_PARAMETER:
        stack.append(arguments[0])
    elif name == _REBUILD_TENSOR:
        (dtype, key), offset, shape, strides = arguments[:4]
        stack.append(_Tensor(dtype, _checked_key(key), offset, shape, strides))
    else:
        _refuse(f"a call of {name}")


def _new_module(stack, memo, argument):
    arguments, function = stack.pop(), stack.pop()
    if arguments or not function.name.startswith(_MODULE_PREFIXES):
        _refuse(f"a new {function.name}")
    stack.append(_Module(function.name))


def _build(stack, memo, argument):
    state = stack.pop()
    # A state dict carries format versions as attributes, which nobody needs here.
    if isinstance(stack[-1], _Module) and isinstance(state, dict):
        stack[-1].state.update(state)
    elif not isinstance(stack[-1], dict):
        _refuse(f"a change of the state of a {type(stack[-1]).__name__}")


def _persistent(stack, memo, argument):
    kind, *rest = stack.pop()
    if kind == "storage":
        storage, key = rest[:2]
        dtype = _STORAGES[storage.name.removeprefix("torch.")]
        memo.storages[_checked_key(key)] = dtype
        stack.append((dtype, key))
    elif kind == "module":  # the older form adds a module's source, which nobody needs here
        stack.append(rest[0])
    else:
        _refuse(f"a persistent {kind}")


_OPERATIONS = {
    "PROTO": lambda stack, memo, argument: None,
    "FRAME": lambda stack, memo, argument: None,
    "MARK": lambda stack, memo, argument: stack.append(_MARK),
    "NONE": _push(lambda: None),
    "NEWTRUE": _push(lambda: True),
    "NEWFALSE": _push(lambda: False),
    "EMPTY_DICT": _push(dict),
    "EMPTY_LIST": _push(list),
    "EMPTY_SET": _push(list),
    "EMPTY_TUPLE": _push(tuple),
    "TUPLE": lambda stack, memo, argument: stack.append(tuple(_pop_to_mark(stack))),
    "TUPLE1": _push_tuple(1),
    "TUPLE2": _push_tuple(2),
    "TUPLE3": _push_tuple(3),
    "APPEND": _append,
    "APPENDS": _append_all,
    "ADDITEMS": _append_all,
    "SETITEM": _set_item,
    "SETITEMS": _set_items,
    "GLOBAL": _push_name,
    "STACK_GLOBAL": _push_stack_name,
    "REDUCE": _reduce,
    "NEWOBJ": _new_module,
    "BUILD": _build,
    "BINPERSID": _persistent,
    **dict.fromkeys(("BINPUT", "LONG_BINPUT", "MEMOIZE"), _store_memo),
    **dict.fromkeys(("BINGET", "LONG_BINGET"), _push_memo),
    **dict.fromkeys(("BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT"), _push_argument),
    **dict.fromkeys(("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"), _push_argument),
    **dict.fromkeys(("BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES"), _push_argument),
}

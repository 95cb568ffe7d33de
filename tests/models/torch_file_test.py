"""Files of the published code: read without PyTorch, never executed."""

import os
import pickle
import sys
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from torch_files import Storage, as_tensors, pickled, stand_in, write_legacy, write_zip

from dualatme_keras.errors import DualATMEError
from dualatme_keras.models import DualATME, load_torch_checkpoint, read_torch_tensors
from dualatme_keras.models.torch_checkpoint import assign_torch_tensors

WHOLE_MODULE = Path(__file__).parents[3] / "shared" / "parity" / "released_whole_module.pth"


@pytest.fixture
def torch_stand_in():
    with stand_in() as names:
        yield names


def as_module(names, tensors):
    """The tensors as a tree of modules whose state holds them, as torch.save(model) writes it."""
    root = names.module("Me_Model_att", "MEROIInception")()
    inner = names.module("torch.nn.modules.container", "Sequential")
    root.__dict__.update(training=True, _parameters={}, _buffers={}, _modules=OrderedDict(), hooks={"a"})
    for name, tensor in tensors.items():
        *path, leaf = name.split(".")
        module = root
        for step in path:
            if step not in module._modules:
                module._modules[step] = inner()
                module._modules[step].__dict__.update(_parameters={}, _buffers={}, _modules=OrderedDict())
            module = module._modules[step]
        buffer = leaf.startswith(("running", "num_batches"))
        (module._buffers if buffer else module._parameters)[leaf] = tensor
    return root


FORMS = ("state dict", "checkpoint", "data parallel", "whole module", "legacy state dict", "legacy module")


def test_an_older_file_may_hold_other_tensors(torch_stand_in, tmp_path):
    """Those of an optimizer, whose storages stand in the file too."""
    arrays = {"weight": np.arange(4, dtype="float32"), "step": np.arange(3, dtype="int64")}
    tensors, storages = as_tensors(torch_stand_in, arrays)
    value = {"state_dict": {"weight": tensors["weight"]}, "optimizer": {"state": {0: tensors["step"]}}}
    write_legacy(tmp_path / "model.pth", torch_stand_in, value, storages)
    (read,) = read_torch_tensors(tmp_path / "model.pth").items()
    np.testing.assert_array_equal(read[1], arrays["weight"])


def test_a_network_of_more_than_the_file_has_is_refused(torch_stand_in, torch_tensors, tmp_path):
    tensors, storages = as_tensors(torch_stand_in, torch_tensors)
    write_zip(tmp_path / "model.pth", pickled(torch_stand_in, tensors), storages)
    with pytest.raises(DualATMEError, match="published one alone. Received: one with action_unit"):
        load_torch_checkpoint(tmp_path / "model.pth", action_units=(1, 2))


@pytest.mark.parametrize("form", FORMS)
def test_all_forms_of_file(form, torch_stand_in, torch_tensors, expected, tmp_path):
    path = tmp_path / "model.pth"
    arrays = torch_tensors
    if form == "data parallel":
        arrays = {f"module.{name}": array for name, array in arrays.items()}
    tensors, storages = as_tensors(torch_stand_in, arrays, parameter="module" in form)
    value = tensors
    if form == "checkpoint":
        value = {"epoch": 60, "best": 0.5, "state_dict": tensors, "note": None}
    elif "module" in form:
        value = as_module(torch_stand_in, tensors)
    if form.startswith("legacy"):
        write_legacy(path, torch_stand_in, value, storages)
    else:
        write_zip(path, pickled(torch_stand_in, value), storages)
    read = read_torch_tensors(path)
    assert set(read) == set(torch_tensors)
    for name, array in torch_tensors.items():
        np.testing.assert_array_equal(read[name], array)
        assert read[name].dtype == array.dtype
    if form == "whole module":
        images = {name: np.moveaxis(expected[f"x_{name}"], 1, -1) for name in ("entire", "puzzled")}
        for attention, variant in (("shared", "released"), ("entire", "paper")):
            logits = load_torch_checkpoint(path, attention=attention)(images)
            np.testing.assert_allclose(logits, expected[f"{variant}.logits"], atol=1e-5, rtol=0)


@pytest.mark.skipif(not WHOLE_MODULE.exists(), reason="the 19 MB file is not in the repository")
def test_file_written_by_pytorch(expected):
    images = {name: np.moveaxis(expected[f"x_{name}"], 1, -1) for name in ("entire", "puzzled")}
    np.testing.assert_allclose(
        load_torch_checkpoint(WHOLE_MODULE)(images), expected["released.logits"], atol=1e-5, rtol=0
    )


class Malicious:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def test_nothing_is_executed_and_the_name_is_told(torch_stand_in, tmp_path):
    path, proof = tmp_path / "bad.pth", tmp_path / "proof"
    content = pickled(torch_stand_in, {"state_dict": Malicious(os.mkdir, str(proof))})
    write_zip(path, content)
    with pytest.raises(DualATMEError, match=rf"bad.pth: .*'{os.name}.mkdir'.*not executed.*state_dict"):
        read_torch_tensors(path)
    assert not proof.exists()
    pickle.loads(content)  # the same bytes do execute where they are unpickled
    assert proof.exists()


class Built:
    pass


@pytest.mark.parametrize("case", ["class", "evaluation", "new object with arguments", "getattr", "state"])
def test_other_requests_are_refused_by_name(case, torch_stand_in, tmp_path):
    path = tmp_path / "bad.pth"
    names = torch_stand_in
    requests = {
        "class": (pickled(names, names.module("mymodels", "Net")()), "mymodels.Net"),
        "evaluation": (pickled(names, Malicious(eval, "1")), "eval"),
        "new object with arguments": (
            b"\x80\x02ctorch.nn.modules.linear\nLinear\nK\x01\x85\x81.",
            "new torch.nn",
        ),
        "getattr": (pickled(names, Malicious(getattr, "a", "upper")), "getattr"),
        # Onto an empty dict and an empty list: the state of the list.
        "state": (b"\x80\x02}]}b.", "a change of the state of a list"),
    }
    content, name = requests[case]
    write_zip(path, content)
    with pytest.raises(DualATMEError, match=name):
        read_torch_tensors(path)


def test_damaged_files(torch_stand_in, torch_tensors, tmp_path):
    tensors, storages = as_tensors(torch_stand_in, {"fc.4.bias": torch_tensors["fc.4.bias"]})
    content = pickled(torch_stand_in, tensors)
    short = Storage("0", np.zeros(2, "float32"))
    cases = {
        "absent": None,
        "empty": b"",
        "text": b"hello",
        "cut zip": "cut",
        "storage too short": [short],
        "storage missing": [],
    }
    for case, damage in cases.items():
        path = tmp_path / f"{case}.pth"
        if isinstance(damage, bytes):
            path.write_bytes(damage)
        elif damage == "cut":
            write_zip(path, content, storages)
            path.write_bytes(path.read_bytes()[:-40])
        elif damage is not None:
            write_zip(path, content, damage)
        with pytest.raises(DualATMEError, match=case):
            read_torch_tensors(path)


def state_dict_of(names, storage, offset, shape, strides):
    """A state dict of one tensor of these numbers, whatever its storage holds."""

    class Odd:
        def __reduce__(self):
            return names.rebuild_tensor, (storage, offset, shape, strides, False, OrderedDict())

    return pickled(names, OrderedDict(weight=Odd()))


@pytest.mark.parametrize(
    ("offset", "shape", "strides", "values"),
    [
        (0, (2, 3), (3, 1), [[0, 1, 2], [3, 4, 5]]),
        (0, (3, 2), (1, 3), [[0, 3], [1, 4], [2, 5]]),
        (2, (2, 2), (2, 1), [[2, 3], [4, 5]]),
        (5, (1,), (1,), [5]),
        (1, (), (), 1),
        (6, (0,), (1,), []),
        (1, (2, 2), (0, 0), [[1, 1], [1, 1]]),
    ],
)
def test_tensors_are_parts_of_their_storage(offset, shape, strides, values, torch_stand_in, tmp_path):
    storage = Storage("0", np.arange(6, dtype="float32"))
    write_zip(tmp_path / "a.pth", state_dict_of(torch_stand_in, storage, offset, shape, strides), [storage])
    tensor = read_torch_tensors(tmp_path / "a.pth")["weight"]
    assert tensor.shape == shape
    np.testing.assert_array_equal(tensor, values)


@pytest.mark.parametrize(
    ("offset", "shape", "strides", "message"),
    [
        (1, (2, 3), (3, 1), "ends at element 6 of a storage of 6"),
        (0, (2, 3), (4, 1), "ends at element 6"),
        (6, (1,), (1,), "ends at element 6"),
        (0, (7,), (0,), r"shape \(7,\) in a storage of 6"),
        (-1, (1,), (1,), "negative"),
        (3, (2,), (-1,), "negative"),
        (0, (-1, -1), (1, 1), "Expected shapes of tensors"),
    ],
)
def test_tensors_beyond_their_storage_are_refused(offset, shape, strides, message, torch_stand_in, tmp_path):
    storage = Storage("0", np.arange(6, dtype="float32"))
    write_zip(tmp_path / "a.pth", state_dict_of(torch_stand_in, storage, offset, shape, strides), [storage])
    with pytest.raises(DualATMEError, match=message):
        read_torch_tensors(tmp_path / "a.pth")


def test_opcodes_of_other_protocols(tmp_path):
    """Places of the memo that are not numbered through, and the memo of protocol 4."""
    for content in (
        b"\x80\x02}q\x07X\x01\x00\x00\x00aq\x03K\x01sh\x03\x86.",
        b"\x80\x04}\x94\x8c\x01a\x94K\x01sh\x01\x86.",
    ):
        write_zip(tmp_path / "a.pth", content)
        assert pickle.loads(content) == ({"a": 1}, "a")
        assert read_torch_tensors(tmp_path / "a.pth") == {}
    # A tuple at the bottom of the stack: its mark is the first thing there.
    content = b"\x80\x02(X\x01\x00\x00\x00aK\x01tq\x00}X\x01\x00\x00\x00kh\x00s."
    write_zip(tmp_path / "a.pth", content)
    assert pickle.loads(content) == {"k": ("a", 1)}
    assert read_torch_tensors(tmp_path / "a.pth") == {}


def test_files_of_other_machines(torch_stand_in, tmp_path):
    with zipfile.ZipFile(tmp_path / "big.pth", "w") as archive:
        archive.writestr("archive/data.pkl", pickled(torch_stand_in, {}))
        archive.writestr("archive/byteorder", "big")
    with pytest.raises(DualATMEError, match="Expected little-endian tensors"):
        read_torch_tensors(tmp_path / "big.pth")
    with zipfile.ZipFile(tmp_path / "older.pth", "w") as archive:  # before there was such a member
        archive.writestr("archive/data.pkl", pickled(torch_stand_in, {}))
    assert read_torch_tensors(tmp_path / "older.pth") == {}


def test_weights_of_another_network_are_refused(torch_tensors):
    model = DualATME.from_preset("released")
    before = model.get_weights()
    fewer = {name: array for name, array in torch_tensors.items() if name != "fc.4.bias"}
    with pytest.raises(DualATMEError, match=r"missing fc\.4\.bias; unknown none"):
        assign_torch_tensors(model, fewer)
    with pytest.raises(DualATMEError, match="unknown extra"):
        assign_torch_tensors(model, {**torch_tensors, "extra": np.zeros(1)})
    with pytest.raises(DualATMEError, match=r"fc.4.bias.*\(3,\).*\(4,\)"):
        assign_torch_tensors(model, {**torch_tensors, "fc.4.bias": np.zeros(4)})
    for shape in ((1024, 10), (9216,)):
        with pytest.raises(DualATMEError, match=r"fc\.0\.weight"):
            assign_torch_tensors(model, {**torch_tensors, "fc.0.weight": np.zeros(shape)})
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    with pytest.raises(DualATMEError, match="unknown cbam"):
        assign_torch_tensors(DualATME.from_preset("no_attention"), torch_tensors)
    with pytest.raises(DualATMEError, match="two Inception branches"):
        assign_torch_tensors(DualATME.from_preset("convolution"), torch_tensors)
    with pytest.raises(DualATMEError, match="at most one CBAM"):
        assign_torch_tensors(DualATME.from_preset("attention_both"), torch_tensors)

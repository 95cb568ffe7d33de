"""The door of the package, and what all rooms have in common: public names, modules that go together."""

import importlib
import inspect
import pkgutil
import subprocess
import sys
from importlib.resources import files

import keras
import pytest

import dualatme_keras
from dualatme_keras.recognition import Recognizer

MODULES = sorted(module.name for module in pkgutil.walk_packages(dualatme_keras.__path__, "dualatme_keras."))
ROOMS = [
    name
    for name in ("dualatme_keras", *MODULES)
    if importlib.util.find_spec(name).submodule_search_locations is not None
]


def test_names_that_load_when_they_are_used():
    assert dualatme_keras.Recognizer is Recognizer
    assert set(dualatme_keras.__all__) <= set(dir(dualatme_keras))
    with pytest.raises(AttributeError, match="'dualatme_keras' has no attribute 'nope'"):
        _ = dualatme_keras.nope


@pytest.mark.parametrize(
    "order",
    [MODULES, pytest.param(MODULES[::-1], marks=pytest.mark.long)],
    ids=["forwards", "backwards"],
)
def test_all_modules_share_a_process(order):
    code = "import importlib, sys; [importlib.import_module(name) for name in sys.argv[1:]]"
    result = subprocess.run([sys.executable, "-c", code, *order], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stdout == ""


def test_type_hints_are_for_users():
    assert files(dualatme_keras).joinpath("py.typed").is_file()


def public_functions(value):
    """What of a public class or function is called by users; what Keras calls is documented there."""
    if not inspect.isclass(value):
        return [value]
    keras_names = {*dir(keras.Model), *dir(keras.layers.Layer), *dir(keras.losses.Loss), *dir(keras.Metric)}
    members = {name: member for name, member in vars(value).items() if name not in keras_names}
    functions = [inspect.unwrap(getattr(member, "__func__", member)) for member in members.values()]
    return [
        value,
        *(f for f in functions if inspect.isfunction(f) and not f.__name__.startswith("_")),
        *(member.fget for name, member in members.items() if isinstance(member, property) and name[0] != "_"),
    ]


@pytest.mark.parametrize("room", ROOMS)
def test_public_names_are_documented_and_typed(room):
    module, gaps = importlib.import_module(room), []
    for name in getattr(module, "__all__", ()):
        value = getattr(module, name)
        if not callable(value):
            continue
        for function in public_functions(value):
            label = getattr(function, "__qualname__", name)
            documented = function.__doc__ if inspect.isclass(function) else inspect.getdoc(function)
            if not documented:
                gaps.append(f"{label} has no docstring")
            if inspect.isclass(function) and issubclass(function, Exception):
                continue
            signature = inspect.signature(function)
            untyped = [
                parameter.name
                for parameter in signature.parameters.values()
                if parameter.annotation is parameter.empty and parameter.name not in ("self", "cls")
                if parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
            ]
            if not inspect.isclass(function) and signature.return_annotation is signature.empty:
                untyped.append("return")
            if untyped:
                gaps.append(f"{label} has no types of {', '.join(untyped)}")
    assert gaps == []

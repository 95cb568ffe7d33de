"""What users can call is what public_interface.txt says: names, arguments, defaults, presets, flags.

A change of it is a decision. Where it was meant, this writes the file anew:

    python tests/public_interface_test.py
"""

import contextlib
import functools
import importlib
import inspect
import io
import pkgutil
import re
import sys
import types
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import numpy as np
import script_calls

import dualatme_keras

FILE = Path(__file__).with_name("public_interface.txt")
COMMANDS = Path(dualatme_keras.__file__).parent / "commands"


def shown(value):
    """A default or a constant, without what differs between machines and versions of libraries."""
    if isinstance(value, np.ndarray):
        return str(value.tolist())
    if isinstance(value, functools.partial):
        return f"{shown(value.func)} with {value.keywords}"
    return getattr(value, "__name__", None) or repr(value)


def arguments_of(function):
    """Arguments and their defaults, without types."""
    parts = []
    for parameter in inspect.signature(function).parameters.values():
        default = "" if parameter.default is parameter.empty else f"={shown(parameter.default)}"
        parts.append(str(parameter.replace(annotation=parameter.empty, default=parameter.empty)) + default)
    return f"({', '.join(parts)})"


def members_of(cls):
    """Public methods and properties of a class, those of Keras or Python left out."""
    own = [base for base in reversed(cls.__mro__) if base.__module__.startswith("dualatme_keras.")]
    for name, member in sorted({name: member for base in own for name, member in vars(base).items()}.items()):
        function = getattr(member, "__func__", member)
        if not name.startswith("_") and inspect.isfunction(function):
            yield name + arguments_of(function)
        elif not name.startswith("_") and isinstance(member, (property, functools.cached_property)):
            yield name


def lines_of_name(name, value):
    """Of a class its methods too, of a table a line for each row."""
    if inspect.isclass(value):
        yield name if issubclass(value, Exception) else name + arguments_of(value)
        yield from (f"{name}.{member}" for member in members_of(value))
    elif callable(value):
        yield name + arguments_of(value)
    elif isinstance(value, dict):
        yield from (f"{name}[{key!r}] = {shown(row)}" for key, row in value.items())
    else:
        yield name if isinstance(value, types.UnionType) else f"{name} = {value!r}"


def lines_of_package():
    rooms = [module.name for module in pkgutil.iter_modules(dualatme_keras.__path__) if module.ispkg]
    for place in ("dualatme_keras", *(f"dualatme_keras.{room}" for room in rooms)):
        module = importlib.import_module(place)
        for name in sorted(getattr(module, "__all__", ())):
            yield from lines_of_name(f"{place}.{name}", getattr(module, name))


def lines_of_commands():
    """Flags as `--help` shows them, without what it says about them."""
    for path in sorted(COMMANDS.glob("[a-z]*.py")):
        if path.stem in ("interrupts", "quiet"):
            continue
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            script_calls.call(path, "--help")
        for flag in re.split(r"^  --", printed.getvalue(), flags=re.MULTILINE)[1:]:
            name, _, text = flag.partition(":")
            choices = "".join(re.findall(r"\A\s*<[^>]*>", text)).replace("\n", "").replace(" ", "")
            values = re.findall(r"^    \(([^)]*)\)$", text, flags=re.MULTILINE)
            facts = ", ".join(filter(None, (choices, *values)))
            yield f"dualatme-{path.stem} --{name}" + (f" = {facts}" if facts else "")


def by_name(lines):
    return {re.split(r"\(| = ", line, maxsplit=1)[0]: line for line in lines}


def differences(before, now):
    """What changed, in words."""
    before, now = by_name(before), by_name(now)
    yield from (f"gone: {line}" for name, line in before.items() if name not in now)
    yield from (f"new: {line}" for name, line in now.items() if name not in before)
    for name in before.keys() & now.keys():
        if before[name] != now[name]:
            yield f"changed: {before[name]}\n      to {now[name]}"


def lines_now():
    return [*lines_of_package(), *lines_of_commands()]


def test_the_public_interface_changes_on_purpose_only():
    changed = sorted(differences(FILE.read_text(encoding="utf-8").splitlines(), lines_now()))
    assert not changed, (
        "What users can call is not what tests/public_interface.txt says:\n"
        + "\n".join(changed)
        + "\nWhere this was meant, write the file anew: python tests/public_interface_test.py"
    )


if __name__ == "__main__":
    FILE.write_text("".join(f"{line}\n" for line in lines_now()), encoding="utf-8")

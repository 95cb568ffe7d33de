"""Commands know their own flags only, and tell of them at once."""

import importlib
import io
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
import script_calls

from dualatme_keras.commands import Flags
from dualatme_keras.data import Clip, write_lists
from dualatme_keras.errors import DualATMEError

ROOT = Path(__file__).parents[2]
COMMANDS = ROOT / "dualatme_keras/commands"
CALLED = [
    ROOT / "train.py",
    ROOT / "evaluate.py",
    *(path for path in sorted(COMMANDS.glob("[a-z]*.py")) if path.stem not in ("interrupts", "quiet")),
]


def test_all_commands_in_one_process(tmp_path):
    """Each is imported beside the others, under its own name, and still has its own defaults."""
    sys.path.insert(0, str(ROOT))
    try:
        names = [
            path.stem if path.parent == ROOT else f"dualatme_keras.commands.{path.stem}" for path in CALLED
        ]
        modules = [importlib.import_module(name) for name in names]
    finally:
        sys.path.remove(str(ROOT))
    assert all(callable(module.run) for module in modules)
    with pytest.raises(SystemExit, match="evaluate.py: .*nowhere"):
        script_calls.call(ROOT / "evaluate.py", f"--workdir={tmp_path / 'nowhere'}")


def test_keras_computes_by_tensorflow(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    with pytest.raises(SystemExit, match="Expected Keras with TensorFlow. Received: KERAS_BACKEND=jax"):
        script_calls.call(COMMANDS / "predict.py", "clip.mp4")


@pytest.mark.parametrize("path", CALLED, ids=lambda path: str(path.relative_to(ROOT)))
def test_help_is_quick_and_light(path):
    """In a process of its own, where neither Keras nor TensorFlow is imported; seconds of the processor."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    code = (
        "import runpy, sys; sys.argv[1:] = ['--help']; runpy.run_path({0!r}, run_name='__main__'); "
        "print('keras' in sys.modules, 'tensorflow' in sys.modules)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code.format(str(path))], capture_output=True, text=True, timeout=60, cwd=ROOT
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.endswith("False False\n")
    assert "--" in ended.stdout
    assert after.ru_utime - before.ru_utime < 1


@pytest.mark.parametrize("printed", ["help", "output"])
def test_a_reader_that_goes_away_ends_a_command_quietly(printed):
    """As `| head` does, which closes the pipe before all is written."""
    code = (
        "import sys; from dualatme_keras.commands import Flags; "
        "main = lambda _arguments: print('line\\n' * 10**5); "
        "Flags('help ' * 10**5).run(main, ['dualatme-try', *sys.argv[1:]])"
    )
    arguments = ["--help"] if printed == "help" else []
    command = [sys.executable, "-c", code, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT) as process:
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


def test_a_pipe_that_is_not_the_output_is_an_error():
    def fail(_arguments):
        raise BrokenPipeError("of a server")

    with pytest.raises(BrokenPipeError, match="of a server"):
        Flags("").run(fail, ["dualatme-try"])


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("--subjects=s01,sub99", "Expected names of a fold among: .*Received: sub99"),
        ("--databases=disfa", "Expected names of a database among: .*Received: disfa"),
    ],
)
def test_wrong_names_are_told_before_tensorflow_is_loaded(wanted, message, tmp_path):
    clips = [Clip(f"{name}_flow.png", name, "smic", index) for index, name in enumerate(["s01", "s02"])]
    write_lists(clips, tmp_path / "lists")
    code = (
        "import sys; from dualatme_keras.commands import train\n"
        "try: train.run(['dualatme-train', *sys.argv[1:]])\n"
        "finally: print('keras' in sys.modules, 'tensorflow' in sys.modules)"
    )
    arguments = (f"--lists={tmp_path / 'lists'}", wanted)
    ended = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, cwd=ROOT)
    assert (ended.returncode, ended.stdout) == (1, "False False\n")
    assert re.search(message, ended.stderr)


@pytest.mark.parametrize("path", CALLED, ids=lambda path: path.stem)
def test_what_is_no_flag_is_not_passed_over(path):
    """The value of a flag behind a space, or a file that somebody thought of as the command's."""
    if path.stem in ("predict", "compare", "score"):
        return
    with pytest.raises(SystemExit, match="Expected flags alone.*Received: runs/mine false, which"):
        script_calls.call(path, *["--dataset=smic"] * (path.stem == "prepare"), "runs/mine", "false")


def test_help_has_description_flags_and_defaults(capsys):
    script_calls.call(ROOT / "train.py", "--help")
    text = capsys.readouterr().out
    assert text.startswith("Trains and tests Dual-ATME, leave one subject out.")
    for part in (
        "--preset: <paper|released|",
        "--loss: <focal|balanced|cosine|crossentropy>",
        "(default: 'runs/dualatme')",
        "--batch_size: clips per step; default: as the network, published 128",
    ):
        assert part in text
    assert "--output" not in text  # of another command


def test_help_of_a_command_with_required_flags(capsys):
    script_calls.call(ROOT / "dualatme_keras/commands/prepare.py", "-h")
    assert "--encoding" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--epoch=3"], "train.py: Unknown command line flag 'epoch'. Did you mean: epochs"),
        (["--epochs=many"], "train.py: flag --epochs=many"),
        (["--loss=huber"], "train.py: flag --loss=huber: value should be one of <focal|"),
    ],
)
def test_wrong_flags_are_one_line(arguments, message):
    with pytest.raises(SystemExit) as ended:
        script_calls.call(ROOT / "train.py", *arguments)
    assert ended.value.code.startswith(message)
    assert "\n" not in ended.value.code


@pytest.mark.parametrize("stem", ["train", "evaluate"])
def test_messages_and_help_have_the_name_that_was_called(stem, capsys):
    for path, name, command in (
        (ROOT, f"{stem}.py", f"python {stem}.py"),
        (COMMANDS, f"dualatme-{stem}", f"dualatme-{stem}"),
    ):
        with pytest.raises(SystemExit, match=f"^{name}: Unknown command line flag 'colour'"):
            script_calls.call(path / f"{stem}.py", "--colour=red")
        script_calls.call(path / f"{stem}.py", "--help")
        help_lines = capsys.readouterr().out.splitlines()
        assert [line for line in help_lines if line.startswith(f"    {command} --")]


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("Expected `epochs` from 1.", "Expected --epochs from 1."),
        ("`epochs=3` and `loss='focal'`", "--epochs=3 and --loss=focal"),
        ("`kinds=('a', 'b')`", "--kinds=a,b"),
        ("`warm=True`, `warm=False`", "--warm, --nowarm"),
        ("Give `frames_per_second`.", "Give --fps."),
        ("`settings=read(...)`", "--settings=read(...)"),
        ("`settings=a file`", "--settings=a file"),
        ("`make demo`, `other` and `other=3`", "`make demo`, `other` and `other=3`"),
    ],
)
def test_arguments_of_the_library_are_flags_of_the_command(message, shown):
    flags = Flags("", frames_per_second="fps")
    for name in ("epochs", "loss", "kinds", "warm", "fps", "settings"):
        flags.DEFINE_string(name, None, "")

    def fail(_arguments):
        raise DualATMEError(message)

    with pytest.raises(SystemExit) as ended:
        flags.run(fail, ["dualatme-try"])
    assert ended.value.code == f"dualatme-try: {shown}"


def test_letters_that_a_terminal_has_not_are_printed_by_number(monkeypatch):
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", terminal)
    Flags("").run(lambda _arguments: print("Zoë.mp4"), ["dualatme-try"])
    assert terminal.buffer.getvalue() == rb"Zo\xeb.mp4" + b"\n"


def test_flags_of_a_call_are_gone_in_the_next(capsys):
    flags = Flags("", takes_files=True)
    epochs = flags.DEFINE_integer("epochs", 60, "")
    for arguments in (["--epochs=3"], []):
        flags.run(
            lambda rest: print(epochs.value, epochs.present, rest), ["dualatme-try", *arguments, "help"]
        )
    assert capsys.readouterr().out.splitlines() == [
        "3 True ['dualatme-try', 'help']",
        "60 False ['dualatme-try', 'help']",
    ]


@pytest.mark.parametrize(
    ("command", "arguments", "message"),
    [
        ("train", ["--epochs=0"], "Expected --epochs to be an integer from 1"),
        (
            "train",
            ["--workers=2", "--distribute=mirrored"],
            "Received: --workers=2 and --distribute=mirrored.",
        ),
        ("prepare", ["--dataset=folder", "--margin=1"], "Expected --margin from 0 to 0.4"),
        ("prepare", ["--dataset=casme2"], "Expected --annotations for casme2"),
        ("prepare", [], "flag --dataset=None: Flag --dataset must have a value"),
        ("export", ["--run=nowhere"], "a .keras or .pth file. Received: nowhere, which is not there"),
        ("pretrain", ["--output=nowhere/a.keras"], "Expected --output to be a .keras file in a folder"),
        ("pretrain", ["--output=a.h5"], "Expected --output to be a .keras file in a folder"),
    ],
)
def test_commands_name_their_flags(command, arguments, message):
    with pytest.raises(SystemExit, match=message):
        script_calls.call(COMMANDS / f"{command}.py", *arguments)

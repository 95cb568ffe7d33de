"""Tables of results, model cards and README: trains what is missing, keeps the answers, writes the tables.

    results.py train --sets=A,B --runs=runs/results [--only=plus,linear] [--seeds=1,2,3]
    results.py keep --sets=A,B --runs=runs/results
    results.py write

A set is a folder of flow images with lists below `MEGC2019/v_cde_flow`; its name is that of the folder.
`train` runs `train.py` for each seed that `results/` has not; weights learned from drawn motion with other
seeds than that of the package, and those of large presets, are made first. `keep` copies answers from runs
to `results/`, where other seeds stay: clip, subject, database, label, probabilities, and nothing else of the
images. `write` makes the tables from `results/` alone; a test holds the pages to it.
"""

import argparse
import csv
import dataclasses
import functools
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dualatme_keras.choices import MODELS, PRESETS
from dualatme_keras.evaluation import compare_predictions
from dualatme_keras.evaluation.challenge_log import clip_name
from dualatme_keras.evaluation.protocol_audit import score_protocol_audit
from dualatme_keras.evaluation.seeds import mean_answer
from dualatme_keras.metrics import pooled_scores
from dualatme_keras.runs import Predictions, RunDirectory, read_predictions, score_predictions

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results"
PAGES = (ROOT / "docs" / "results.md", ROOT / "docs" / "model_cards.md", ROOT / "README.md")
SETS = ("megc2019_flow", "megc2019_flow_tvl1")
SEEDS = (1, 2, 3)
THREADS = "--threads=1"


@dataclasses.dataclass(frozen=True)
class Experiment:
    """A row of a table.

    Attributes:
        title: what it is, in Markdown.
        flags: of `train.py`; of `evaluate.py` for weights that are not trained further. `{drawn}` stands for
            weights learned from drawn motion with the row's seed.
        parameters: of the network.
        one_seed: nothing in it is random.
    """

    title: str
    flags: str
    parameters: int | None = None
    one_seed: bool = False

    @property
    def trained(self) -> bool:
        """Whether real clips train it."""
        return "--weights" not in self.flags


def _preset(name, title=None, more=""):
    title = title or f"Dual-ATME, preset `{name}`"
    return Experiment(title, f"--preset={name}{more}", PRESETS[name]["parameters"])


def _model(name, title, one_seed=False):
    return Experiment(title, f"--model={name}", MODELS[name]["parameters"], one_seed)


_FROM_DRAWN = " --initial_weights={drawn}"
NETWORKS = {
    "plus": _preset("plus", more=_FROM_DRAWN),
    "facs": Experiment("`facs`, no real clip", "--weights={drawn}", PRESETS["facs"]["parameters"]),
    "linear": _model("linear", "`linear`", one_seed=True),
    "released_none": _preset("released", more=" --audit_protocol"),
    "paper_none": _preset("paper"),
    "sssnet": _model("sssnet", "SSSNet"),
    "off_apexnet": _model("off_apexnet", "OFF-ApexNet"),
    "ststnet": _model("ststnet", "STSTNet"),
}
PRETRAINING = {
    name: (f"{preset}_none", f"{preset}_drawn")
    for name, preset in (("`facs`", "facs"), ("`released`", "released"), ("`paper`", "paper"))
}
_STARTS = {
    "facs_none": _preset("facs"),
    "facs_drawn": _preset("facs", more=_FROM_DRAWN),
    "released_drawn": _preset("released", more=_FROM_DRAWN),
    "paper_drawn": _preset("paper", more=_FROM_DRAWN),
}
PLUS = {
    "plus": NETWORKS["plus"],
    "plus_flow": _preset("plus_flow", "its linear classifier sees the flow alone", _FROM_DRAWN),
    "plus_branches": _preset("plus_branches", "its linear classifier sees the branches alone", _FROM_DRAWN),
    "facs": dataclasses.replace(NETWORKS["facs"], title="no linear classifier (`facs`)"),
    "linear": dataclasses.replace(NETWORKS["linear"], title="the flow's linear classifier alone (`linear`)"),
    "plus_one_way": _preset("plus", "asked about the clip alone", f"{_FROM_DRAWN} --nomirror_answers"),
    "plus_unmirrored": _preset(
        "plus", "no mirror images at all", f"{_FROM_DRAWN} --nomirror --nomirror_answers"
    ),
    "plus_unbalanced": _preset(
        "plus", "classes as frequent as they are", f"{_FROM_DRAWN} --class_weight=none"
    ),
    "plus_steps": _preset(
        "plus",
        "all of it trained by gradient steps",
        f"{_FROM_DRAWN} --solver=gradient --optimizer=adamw --learning_rate=5e-4 --schedule=cosine "
        "--epochs=20 --batch_size=64",
    ),
}
ABLATIONS = {
    "paper_none": dataclasses.replace(NETWORKS["paper_none"], title="`paper`"),
    **{
        name: _preset(name, f"`{name}`")
        for name in (
            *("no_attention", "attention_puzzled", "attention_both"),
            *("entire_only", "puzzled_only", "no_similarity"),
        )
    },
}
PROTOCOLS = {
    f"{network}_{protocol}": dataclasses.replace(
        NETWORKS[network], flags=f"{NETWORKS[network].flags} --protocol={protocol}"
    )
    for network in ("plus", "linear")
    for protocol in ("sde", "hde")
}
EXPERIMENTS = {**NETWORKS, **_STARTS, **PLUS, **ABLATIONS, **PROTOCOLS}
LEAK = "released_none"
"""The run whose protocol is audited."""


def train(sets: Sequence[Path], runs: Path, names: Sequence[str], seeds: Sequence[int]) -> None:
    """Runs what `results/` has not yet, below `RUNS/SET/NAME/seed_K`, and writes the seconds beside each."""
    for name in names:
        experiment = EXPERIMENTS[name]
        for seed in seeds[:1] if experiment.one_seed else seeds:
            for folder in sets:
                workdir = runs / folder.name / name / f"seed_{seed}"
                seconds = workdir.with_suffix(".seconds")
                if seconds.exists() or str(seed) in _kept_rows(folder.name, name):
                    continue
                flags = [
                    flag.format(drawn=_drawn(runs, name, seed)) if "{drawn}" in flag else flag
                    for flag in experiment.flags.split()
                ]
                flags += [f"--lists={folder / 'MEGC2019' / 'v_cde_flow'}", f"--data_root={folder}"]
                if experiment.trained:
                    flags += [f"--seed={seed}", THREADS]
                start, continued = time.perf_counter(), workdir.exists()
                _run("train.py" if experiment.trained else "evaluate.py", *flags, f"--workdir={workdir}")
                # Nobody knows how long a call that was stopped took.
                seconds.write_text("" if continued else f"{time.perf_counter() - start:.0f}\n")


def _drawn(runs, name, seed):
    """Weights of that network, learned from drawn motion."""
    preset = next((preset for preset in ("released", "paper") if name == f"{preset}_drawn"), "facs")
    if (preset, seed) == ("facs", 1):
        return "facs"
    file = runs / "weights" / f"{preset}_{seed}.keras"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        _run(
            "-m",
            "dualatme_keras.commands.pretrain",
            f"--preset={preset}",
            f"--seed={seed}",
            f"--output={file}",
        )
    return file


def _run(*arguments):
    subprocess.run([sys.executable, *arguments], cwd=ROOT, check=True)


def keep(sets: Sequence[Path], runs: Path) -> None:
    """Copies the answers of finished runs to `results/`, and what their audits found."""
    for folder in sets:
        for name in EXPERIMENTS:
            found = runs / folder.name / name
            seeds = {
                seed: run for seed, run in RunDirectory(found).seeds().items() if run.predictions.exists()
            }
            if not seeds:
                continue
            kept = RESULTS / folder.name / f"{name}.csv"
            kept.parent.mkdir(parents=True, exist_ok=True)
            answers = {seed: read_predictions(run.predictions) for seed, run in seeds.items()}
            rows = _kept_rows(folder.name, name)
            for seed, one in answers.items():
                time_file = found / f"seed_{seed}.seconds"
                seconds = time_file.read_text().strip() if time_file.exists() else ""
                rows[str(seed)] = _rows(one, seed, seconds)
            with kept.open("w", newline="") as file:
                writer = csv.DictWriter(file, next(iter(rows.values()))[0], lineterminator="\n")
                writer.writeheader()
                writer.writerows(row for seed in sorted(rows, key=int) for row in rows[seed])
            if name == LEAK:
                file = kept.with_name("leak.json")
                audits = json.loads(file.read_text()) if file.exists() else {}
                found = {str(seed): score_protocol_audit(run, answers[seed]) for seed, run in seeds.items()}
                file.write_text(json.dumps(audits | found, indent=1) + "\n")


def _rows(answers, seed, seconds):
    """Lines of a CSV file, a clip each."""
    answers = answers.of_paths(sorted(answers.paths))
    rounded = [[f"{p:.4f}" for p in row] for row in answers.probabilities]
    if differing := int((np.array(rounded, float).argmax(axis=1) != answers.predictions).sum()):
        raise SystemExit(f"Expected four digits to tell the classes apart. Received: {differing} ties.")
    columns = (answers.paths, answers.subjects, answers.databases, answers.labels, rounded)
    return [
        {"seed": seed, "seconds": seconds, "clip": clip_name(path, database)}
        | {"subject": subject, "database": database, "label": label}
        | dict(zip(_names(answers), row, strict=True))
        for path, subject, database, label, row in zip(*columns, strict=True)
    ]


def _kept_rows(folder, name):
    """Lines of an experiment in `results/`, by seed."""
    file = RESULTS / folder / f"{name}.csv"
    rows = {}
    if file.exists():
        with file.open(newline="") as lines:
            for row in csv.DictReader(lines):
                rows.setdefault(row["seed"], []).append(row)
    return rows


def _names(predictions):
    return [f"p_{name}" for name in predictions.class_names]


@dataclasses.dataclass(frozen=True)
class Kept:
    """What `results/` has of an experiment on one set.

    Attributes:
        answers: of each seed, by the seed.
        seconds: of each seed's run; None where nobody measured.
    """

    answers: dict[str, Predictions]
    seconds: tuple[int | None, ...]

    def mean(self, score: str, part: str = "full") -> str:
        """Mean and standard deviation over seeds."""
        return _spread([score_predictions(one)[part][score] for one in self.answers.values()])

    def interval(self) -> str:
        """95% of UF1 over subjects, of all seeds."""
        columns = zip(*(one.columns for one in self.answers.values()), strict=True)
        _, subjects, databases, labels, told, _ = map(np.concatenate, columns)
        return _interval(pooled_scores(labels, told, subjects, databases)["full"], "uf1")


def _interval(scores, key):
    low, high = scores["intervals"][key]
    return f"[{_score(low, 2)}, {_score(high, 2)}]"


@functools.cache
def read(folder: str, name: str) -> Kept | None:
    """What is kept of an experiment; None where it was not run."""
    rows = _kept_rows(folder, name)
    if not rows:
        return None
    answers, seconds = {}, []
    for seed, own in rows.items():
        names = [column.removeprefix("p_") for column in own[0] if column.startswith("p_")]
        probabilities = np.array([[row[f"p_{name}"] for name in names] for row in own], np.float32)
        columns = (np.array([row[key] for row in own]) for key in ("subject", "database"))
        clips = np.array(["/".join((row["database"], row["subject"], row["clip"])) for row in own])
        labels = np.array([row["label"] for row in own], np.int64)
        told = probabilities.argmax(axis=1)
        answers[seed] = Predictions(clips, *columns, labels, told, probabilities, tuple(names))
        seconds.append(int(own[0]["seconds"]) if own[0]["seconds"] else None)
    return Kept(answers, tuple(seconds))


def networks_table(folder: str) -> str:
    """Which network: scores, intervals, tests against `linear`, times."""
    rows = [
        (
            *("network", "parameters", "UF1", "95% over people", "UAR", "CASME II", "SMIC"),
            *("against `linear`", "p", "McNemar p, seeds together", "seeds", "minutes", "flags"),
        )
    ]
    for name, experiment in NETWORKS.items():
        kept = read(folder, name)
        if kept is None:
            rows.append((experiment.title, f"{experiment.parameters:,}", "not run", *[""] * 10))
            continue
        against = ("", "", "") if name == "linear" else _against_linear(folder, name)
        minutes = [seconds / 60 for seconds in kept.seconds if seconds]
        rows.append(
            (
                experiment.title,
                f"{experiment.parameters:,}",
                kept.mean("uf1"),
                kept.interval(),
                kept.mean("uar"),
                kept.mean("uf1", "casme2"),
                kept.mean("uf1", "smic"),
                *against,
                str(len(kept.answers)),
                f"{np.mean(minutes):.1f}" if minutes and experiment.trained else "",
                f"`{_flags(experiment)}`",
            )
        )
    rows.append(_most_frequent(folder))
    return _table(rows)


def _most_frequent(folder):
    """The row that every network has to beat."""
    clips = read(folder, "linear").answers["1"]
    told = np.full_like(clips.labels, np.bincount(clips.labels).argmax())
    scores = pooled_scores(clips.labels, told, clips.subjects, clips.databases)
    full, *databases = (scores[part] for part in ("full", "casme2", "smic"))
    cells = (_score(full["uf1"]), _interval(full, "uf1"), _score(full["uar"]))
    name = clips.class_names[told[0]]
    return (
        f"always {name}, the most frequent class",
        "",
        *cells,
        *(_score(one["uf1"]) for one in databases),
        *[""] * 6,
    )


def _difference(compared):
    difference = compared["parts"]["full"]["uf1"]["difference"]
    return f"{'-' if difference < 0 else '+'}{_score(abs(difference))}"


def _flags(experiment):
    return experiment.flags.replace("{drawn}", "WEIGHTS")


def _against_linear(folder, name):
    if read(folder, "linear") is None:
        return "", "", ""
    result = compare(folder, "linear", name)
    return _difference(result), _p(result["parts"]["full"]["uf1"]["p"]), _p(result["mcnemar"]["p"])


@functools.cache
def compare(folder: str, first: str, other: str) -> dict:
    """Tests the seeds that two experiments both have, where seeds matter, see `compare_runs`."""
    runs = {name: read(folder, name).answers for name in (first, other)}
    if not any(EXPERIMENTS[name].one_seed for name in runs):
        shared = set.intersection(*map(set, runs.values()))
        runs = {name: {seed: answers[seed] for seed in sorted(shared)} for name, answers in runs.items()}
    return compare_predictions({name: [*answers.values()] for name, answers in runs.items()})[
        "against_first"
    ][0]


def variants_table(experiments: dict[str, Experiment]) -> str:
    """UF1 / UAR of each row on both sets, and its UF1 less the first row's, of seeds that both have."""
    first = next(iter(experiments))
    rows = [("", *(f"`{folder}`" for folder in SETS), "UF1 against the first, same seeds", "seeds", "flags")]
    for name, experiment in experiments.items():
        kept = [read(folder, name) for folder in SETS]
        cells = [f"{one.mean('uf1')} / {one.mean('uar')}" if one else "not run" for one in kept]
        against = [
            _difference(compare(folder, first, name)) if one and name != first and read(folder, first) else ""
            for folder, one in zip(SETS, kept, strict=True)
        ]
        cells.append(" and ".join(filter(None, against)))
        rows.append((experiment.title, *cells, _seeds(kept), f"`{_flags(experiment)}`"))
    return _table(rows)


def _seeds(kept):
    """How many there are, of both sets together where these are as many."""
    return " and ".join(dict.fromkeys(str(len(one.answers)) for one in kept if one))


def pretraining_table() -> str:
    """From random weights and from weights learned on drawn motion."""
    rows = [
        (
            "preset",
            "set",
            "from random weights",
            "from drawn motion",
            "difference of UF1, same seeds",
            "p",
            "seeds",
        )
    ]
    for title, (without, with_drawn) in PRETRAINING.items():
        for folder in SETS:
            kept = [read(folder, name) for name in (without, with_drawn)]
            cells = [f"{one.mean('uf1')} / {one.mean('uar')}" if one else "not run" for one in kept]
            seeds = " and ".join(str(len(one.answers)) if one else "0" for one in kept)
            tested = ("", "")
            if all(kept):
                compared = compare(folder, without, with_drawn)
                tested = (_difference(compared), _p(compared["parts"]["full"]["uf1"]["p"]))
            rows.append((title, f"`{folder}`", *cells, *tested, seeds))
    return _table(rows)


def protocols_table() -> str:
    """Trained on both databases, on the same one, on the other one."""
    rows = [("tested on", "network", "trained on", *(f"`{folder}`" for folder in SETS), "seeds")]
    trained_on = {"": "both, but this person", "_sde": "the same database", "_hde": "the other database"}
    for part, title in (("casme2", "CASME II"), ("smic", "SMIC")):
        for network in ("plus", "linear"):
            for suffix, words in trained_on.items():
                kept = [read(folder, f"{network}{suffix}") for folder in SETS]
                cells = [
                    f"{one.mean('uf1', part)} / {one.mean('uar', part)}" if one else "not run" for one in kept
                ]
                rows.append((title, f"`{network}`", words, *cells, _seeds(kept)))
    return _table(rows)


def leak_table() -> str:
    """What choosing epochs by the test clips would have claimed."""
    rows = [("which epoch", *(f"`{folder}`" for folder in SETS))]
    titles = {
        "last_epoch": "the last, which is what this package reports",
        "best_epoch": "the one that does best on the test clips, the same for all folds",
        "best_epoch_of_each_fold": "for each fold the one that does best on its test clips",
    }
    for key, title in titles.items():
        cells = []
        for folder in SETS:
            file = RESULTS / folder / "leak.json"
            audits = list(json.loads(file.read_text()).values()) if file.exists() else []
            scores = [_spread([audit[key][score] for audit in audits]) for score in ("uf1", "uar") if audits]
            cells.append(" / ".join(scores) or "not run")
        rows.append((title, *cells))
    return _table(rows)


def agreement_table() -> str:
    """Clips that nobody gets right, and those that all of them tell as the same other class."""
    names = [name for name in NETWORKS if all(read(folder, name) for folder in SETS)]
    networks = ", ".join(f"`{name.removesuffix('_none')}`" for name in names)
    rows = [(f"of {networks}", *(f"`{folder}`" for folder in SETS))]
    for part, title in (("full", "clips"), ("casme2", "CASME II"), ("smic", "SMIC")):
        wrong, alike = [], []
        for folder in SETS:
            labels, told = zip(*(_told(read(folder, name), part) for name in names), strict=True)
            missed = np.all(np.array(told) != labels, axis=0)
            wrong.append(f"{missed.sum()} of {len(missed)}")
            alike.append(f"{(missed & np.all(np.array(told) == told[0], axis=0)).sum()} of {len(missed)}")
        rows += [
            (f"{title} that all get wrong", *wrong),
            (f"{title} that all tell as the same other class", *alike),
        ]
    return _table(rows)


def _told(kept, part):
    """Labels, and what a network's seeds answer together, in the order of paths."""
    together = mean_answer([*kept.answers.values()])
    rows = np.argsort(together.paths)
    if part != "full":
        rows = rows[together.databases[rows] == part]
    return together.labels[rows], together.predictions[rows]


def readme_table() -> str:
    """The short table of README."""
    titles = {
        "plus": "**`--preset=plus`**: the weights and a linear classifier trained on the clips",
        "facs": "those weights alone, no real clip in training",
        "linear": "`--model=linear`, a linear classifier trained on the clips",
        "released_none": "Dual-ATME as published, `--preset=released`, trained on the clips",
        "ststnet": "STSTNet, trained on the clips",
    }
    rows = [("309 clips of 40 people, UF1 / UAR", *(f"`{folder}`" for folder in SETS), "seeds")]
    for name, title in titles.items():
        kept = [read(folder, name) for folder in SETS]
        if not any(kept):
            continue
        cells = [
            " / ".join(
                _score(
                    np.mean([score_predictions(answers)["full"][score] for answers in one.answers.values()])
                )
                for score in ("uf1", "uar")
            )
            if one
            else "not run"
            for one in kept
        ]
        rows.append((title, *cells, _seeds(kept)))
    return _table(rows)


def weights_table() -> str:
    """What the weights that ship, which are those of seed 1, tell of clips that they have not seen."""
    rows = [("clips", *(f"`{folder}`" for folder in SETS))]
    scores = [score_predictions(read(folder, "facs").answers["1"]) for folder in SETS]
    for part, title in (("full", "all"), ("casme2", "CASME II"), ("smic", "SMIC-HS")):
        cells = [
            " / ".join(f"{_score(one[part][key])} {_interval(one[part], key)}" for key in ("uf1", "uar"))
            for one in scores
        ]
        rows.append((f"{title}, {scores[0][part]['samples']}", *cells))
    return _table(rows)


TABLES = {
    **{f"networks {folder}": functools.partial(networks_table, folder) for folder in SETS},
    "parts of plus": functools.partial(variants_table, PLUS),
    "pretraining": pretraining_table,
    "ablations": functools.partial(variants_table, ABLATIONS),
    "leak": leak_table,
    "databases": protocols_table,
    "agreement": agreement_table,
    "weights": weights_table,
    "readme": readme_table,
}


def write_page(text: str) -> str:
    """A page with its tables made anew, each between `<!-- table: NAME -->` and `<!-- end of table -->`."""
    for name, make in TABLES.items():
        begin, end = f"<!-- table: {name} -->\n", "<!-- end of table -->"
        if begin in text:
            before, rest = text.split(begin)
            text = f"{before}{begin}\n{make()}\n\n{end}{rest.split(end, 1)[1]}"
    return text


def _spread(values):
    mean = _score(np.mean(values))
    return mean if len(values) < 2 else f"{mean} ± {_score(np.std(values, ddof=1))}"


def _score(value, digits=3):
    return f"{value:.{digits}f}".removeprefix("0") if value < 1 else f"{value:.{digits}f}"


def _p(value):
    return "< .001" if value < 0.001 else _score(value)


def _table(rows):
    rule = tuple("---" for _ in rows[0])
    return "\n".join(f"| {' | '.join(row)} |" for row in (rows[0], rule, *rows[1:]))


def main():
    """Trains, keeps or writes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("train", "keep", "write"))
    parser.add_argument("--sets", default="", help="folders of flow images, with commas")
    parser.add_argument("--runs", default="runs/results", help="folder of the runs")
    parser.add_argument("--only", default="", help="experiments to train; default: all")
    parser.add_argument("--seeds", default=",".join(map(str, SEEDS)))
    arguments = parser.parse_args()
    sets = [Path(folder).resolve() for folder in arguments.sets.split(",") if folder]
    runs = Path(arguments.runs).resolve()
    if arguments.what == "train":
        names = arguments.only.split(",") if arguments.only else list(EXPERIMENTS)
        train(sets, runs, names, [int(seed) for seed in arguments.seeds.split(",")])
    if arguments.what == "keep":
        keep(sets, runs)
    if arguments.what == "write":
        for page in PAGES:
            page.write_text(write_page(page.read_text()))


if __name__ == "__main__":
    main()

"""How many small faults the tests catch.

    make mutants
    python benchmarks/mutants.py --count=20 --rooms=losses,metrics --tests=tests/losses,tests/metrics

Cosmic Ray changes one operator, number or condition of the package, which gives a mutant. The tests that
cover the changed line run against it, in a copy of the checkout, until one fails. A mutant that none catches
points at behaviour that no test holds. Places in the code are sampled by a seed, in each room by its share
of lines.

Left out are changes that say nothing about the tests:
- texts, as Cosmic Ray does not touch them, and what errors say (all of a `raise`);
- annotations, and `if __name__ == "__main__"`;
- `strict` of `zip`, `frozen` and `slots` of data classes, which guard against faults in the code itself;
- dotted names of exceptions, which Cosmic Ray takes apart;
- exchanges of operators that nearly always end in a TypeError (`a << b` for `a - b`): an operator becomes its
  neighbour, a comparison its opposite too.

Caught is also what hangs (said apart) and what cannot be imported. At the end, the tests that failed run
together on the unchanged code: a failure there is no catch.
"""

import argparse
import ast
import difflib
import json
import os
import random
import time
from collections import Counter, defaultdict
from pathlib import Path

from cosmic_ray.ast import ast_nodes, get_ast_from_path
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator
from mutant_tests import PACKAGE, ROOT, CoverageMap, Workplaces

_NEIGHBOURS = {
    "Binary": "Add_Sub Sub_Add Mul_Div Div_Mul FloorDiv_Mul Mod_Mul Pow_Mul BitOr_BitAnd BitAnd_BitOr",
    "Comparison": "Eq_NotEq NotEq_Eq Is_IsNot IsNot_Is Lt_LtE Lt_GtE LtE_Lt LtE_Gt "
    "Gt_GtE Gt_LtE GtE_Gt GtE_Lt",
    "Unary": "Delete_USub Delete_Not Delete_Invert",
}
OPERATORS = [
    *(f"Replace{kind}Operator_{pair}" for kind, pairs in _NEIGHBOURS.items() for pair in pairs.split()),
    *("AddNot", "ReplaceAndWithOr", "ReplaceOrWithAnd", "ReplaceTrueWithFalse", "ReplaceFalseWithTrue"),
    *("NumberReplacer", "ExceptionReplacer", "RemoveDecorator", "ZeroIterationForLoop"),
    *("ReplaceBreakWithContinue", "ReplaceContinueWithBreak"),
]
_INTERFACE = "tests/public_interface_test.py"
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


class Module:
    """A file of the package: where it can be changed, and whose tests decide on a change.

    Args:
        path: the file.
    """

    def __init__(self, path):
        self.path = path
        self.name = str(path.relative_to(ROOT))
        self.room = path.relative_to(ROOT / PACKAGE).parts[0].removesuffix(".py")
        self.text = path.read_text(encoding="utf-8")
        self._tree = ast.parse(self.text)

    def places(self):
        """Position (line, column) -> operators, each with its occurrence, that change something there."""
        nodes = list(ast_nodes(get_ast_from_path(self.path)))
        left_out = [self._span(node) for node in _left_out(self._tree)]
        places = defaultdict(list)
        for name in OPERATORS:
            operator = get_operator(f"core/{name}")()
            spans = (span for node in nodes for span in operator.mutation_positions(node))
            for occurrence, (start, _) in enumerate(spans):
                if not any(first <= start < last for first, last in left_out):
                    places[start].append((name, occurrence))
        return places

    def mutant(self, name, occurrence):
        """The text with one change; None where that is no program, or the same one."""
        try:
            text = mutate_code(self.text, get_operator(f"core/{name}")(), occurrence)
            changed = ast.parse(text)
        except (AttributeError, SyntaxError):  # the first where an exception in a tuple has a dotted name
            return None
        return None if ast.dump(changed) == ast.dump(self._tree) else text

    def deciding_lines(self, line):
        """Yields sets of lines, the nearest first; what covers one of a set may catch a change in `line`.

        In a function, the lines of the statement. What runs at import has no tests of its own: those of the
        functions that use its names have them. Then come the function or class around it, the file, and what
        imports it.
        """
        around = [node for node in ast.walk(self._tree) if line in _lines(node)]
        statement = [node for node in around if isinstance(node, (ast.stmt, ast.excepthandler))][-1]
        if self.in_function(line):
            yield _head(statement)
        else:
            yield self._functions(lambda function: _assigned(statement) & _mentioned(function))
        for outer in reversed(around):
            if isinstance(outer, (*_FUNCTIONS, ast.ClassDef)):
                yield self._functions(lambda function, outer=outer: function.lineno in _lines(outer))
        yield self._functions(lambda function: True)
        yield range(1, self.text.count("\n") + 1)

    def in_function(self, line):
        """Whether a line runs when a function is called, and not at import."""
        return bool(self._functions(lambda function: line in _body(function)))

    def _functions(self, chosen):
        functions = [node for node in ast.walk(self._tree) if isinstance(node, _FUNCTIONS) and chosen(node)]
        return {line for function in functions for line in _body(function)}

    def _span(self, node):
        def position(line, column):  # ast counts bytes, Cosmic Ray characters
            return line, len(self.text.splitlines()[line - 1].encode()[:column].decode())

        return position(node.lineno, node.col_offset), position(node.end_lineno, node.end_col_offset)


def _left_out(tree):
    """Nodes whose change says nothing about the tests."""
    for node in ast.walk(tree):
        guard = isinstance(node, ast.keyword) and node.arg in ("strict", "frozen", "slots")
        script = isinstance(node, ast.If) and ast.unparse(node.test) == "__name__ == '__main__'"
        if guard or script or isinstance(node, ast.Raise):
            yield node
        if isinstance(node, ast.ExceptHandler) and node.type:
            yield from (name for name in ast.walk(node.type) if isinstance(name, ast.Attribute))
        yield from filter(None, (getattr(node, "annotation", None), getattr(node, "returns", None)))


def _lines(node):
    if not hasattr(node, "lineno"):
        return ()
    first = min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", ()))])
    return range(first, node.end_lineno + 1)


def _body(node):
    first = node.body[0] if isinstance(node.body, list) else node.body
    return range(first.lineno, node.end_lineno + 1)


def _head(statement):
    """Lines of a statement without those of the statements in it."""
    body = getattr(statement, "body", None)
    return range(statement.lineno, max(body[0].lineno, statement.lineno + 1)) if body else _lines(statement)


def _assigned(statement):
    if isinstance(statement, (*_FUNCTIONS, ast.ClassDef)):
        return set()
    names = (node for node in ast.walk(statement) if isinstance(node, ast.Name))
    return {node.id for node in names if isinstance(node.ctx, ast.Store)}


def _mentioned(function):
    nodes = list(ast.walk(function))
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    return names | {node.attr for node in nodes if isinstance(node, ast.Attribute)}


def sample(modules, count, seed):
    """Mutants of different places: list of (module, line, operator, text of the file with the change).

    Rooms share `count` by their lines, each has one at least; a room's mutants do not depend on the others.
    """
    rooms = defaultdict(list)
    for module in modules:
        rooms[module.room].append(module)
    lines = {room: sum(module.text.count("\n") for module in rooms[room]) for room in sorted(rooms)}
    mutants = []
    for room, size in lines.items():
        rng = random.Random(f"{seed} {room}")
        places = [(module, *place) for module in rooms[room] for place in module.places().items()]
        rng.shuffle(places)
        wanted = max(1, round(count * size / sum(lines.values())))
        drawn = []
        for module, (line, _), operators in places:
            operator, occurrence = rng.choice(operators)
            if len(drawn) < wanted and (text := module.mutant(operator, occurrence)):
                drawn.append((module, line, operator, text))
        mutants += drawn
    return mutants


def judge(mutant, workplaces, covered, seconds):
    """Runs the tests of one mutant; returns what is known of it as a dict."""
    module, line, operator, text = mutant
    found = [covered.tests(module.name, lines) for lines in module.deciding_lines(line)]
    groups = [tests for tests in found if tests]
    if module.in_function(line):
        groups = groups[:1]
    else:  # first the one quick test that knows all defaults, flags and public constants
        groups = [{test for tests in groups for test in tests if test.startswith(_INTERFACE)}, *groups]
    limits = covered.order(groups, f"tests/{module.room}", seconds)
    files = list(dict.fromkeys(test.partition("::")[0] for test in limits))
    outcome = workplaces.run(files, limits, change=(module.name, text))
    result = "timeout" if outcome.timed_out else "caught" if outcome.caught else "survived"
    where = f"{module.name}:{line}"
    print(f"{result} {where} {operator} {outcome.seconds:.0f} s {outcome.failed or ''}", flush=True)
    diff = difflib.unified_diff(module.text.splitlines(), text.splitlines(), n=0, lineterm="")
    return {
        "room": module.room,
        "where": where,
        "operator": operator,
        "result": result,
        "seconds": outcome.seconds,
        "failed": outcome.failed,
        "tests": len(limits),
        "diff": [changed for changed in diff if changed[:3] not in ("---", "+++") and changed[0] in "+-"],
    }


def control(results, workplaces, covered):
    """Runs the tests that failed on the code as it is, and takes back what they caught if they fail again."""
    by_file = defaultdict(set)
    for failed in {result["failed"] for result in results} - {None}:
        if "::" in failed:
            by_file[failed.partition("::")[0]].add(failed)

    def fails(file):
        outcome = workplaces.run([file], covered.order([by_file[file]], file, float("inf")))
        return (outcome.failed or file) if outcome.caught else None

    for failed in filter(None, workplaces.map(fails, sorted(by_file))):
        print(f"{failed} fails without a mutant too: no catch")
        for result in results:
            if result["failed"] and result["failed"].startswith(failed):
                result["result"] = "survived"


def report(results):
    """Lines of Markdown: a table of rooms, then what survived."""
    counts = defaultdict(Counter)
    for result in results:
        for room in (result["room"], "all"):
            counts[room][result["result"]] += 1
    yield from (
        "| room | mutants | caught | of these, timeouts | survived |",
        "| --- | --- | --- | --- | --- |",
    )
    for room, count in counts.items():
        if room != "all":
            yield _row(room, count)
    yield _row("all", counts["all"])
    for result in results:
        if result["result"] == "survived":
            yield f"\n{result['where']}, {result['operator']}, {result['tests']} tests"
            yield from (f"    {line}" for line in result["diff"])


def _row(room, count):
    total, caught = sum(count.values()), count["caught"] + count["timeout"]
    return (
        f"| {room} | {total} | {caught} ({caught / total:.0%}) | {count['timeout']} | {count['survived']} |"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=200, help="mutants, about")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--rooms", help="of the package, with commas; all where not given")
    parser.add_argument("--tests", default="tests", help="files or folders, with commas")
    parser.add_argument("--jobs", type=int, default=2, help="calls of pytest at one time")
    parser.add_argument("--seconds", type=float, default=60, help="of tests against one mutant, at most")
    parser.add_argument("--output", type=Path, default=ROOT / "runs" / "mutants", help="folder")
    arguments = parser.parse_args()
    modules = [Module(path) for path in sorted((ROOT / PACKAGE).rglob("*.py"))]
    if arguments.rooms:
        modules = [module for module in modules if module.room in arguments.rooms.split(",")]
    start = time.perf_counter()
    with Workplaces(arguments.jobs) as workplaces:
        covered = CoverageMap(arguments.output / "coverage.json")
        covered.update(workplaces, arguments.tests.split(","))
        mutants = sample(modules, arguments.count, arguments.seed)
        results = list(
            workplaces.map(lambda mutant: judge(mutant, workplaces, covered, arguments.seconds), mutants)
        )
        control(results, workplaces, covered)
    (arguments.output / "results.json").write_text(json.dumps(results, indent=1))
    table = "\n".join(report(results))
    (arguments.output / "report.md").write_text(table + "\n")
    print(f"\n{table}\n\n{(time.perf_counter() - start) / 60:.0f} minutes, {os.cpu_count()} cores")


if __name__ == "__main__":
    main()

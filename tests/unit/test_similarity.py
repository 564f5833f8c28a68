"""Similarity survives what a copy is disguised with, and does not rise because a problem is the same."""

import ast
import builtins
import io
import keyword
import tokenize
from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from submitter.similarity import (
    K_GRAM,
    WINDOW,
    Fingerprints,
    Program,
    all_hashes,
    decode,
    fingerprint,
    lexer_for,
    rank,
    similarity,
)

FOLDER = Path(__file__).resolve().parents[1] / "programs" / "similar"
# Six answers to one small problem, each thought out on its own; every one prints the same.
HONEST = [path.read_text() for path in sorted(FOLDER.glob("honest_*.py"))]
DEAD_CODE = '''
def unused(a, b):
    """Never called."""
    while a < b:
        a += b // 2
        if a % 7 == 3:
            break
    return [x * 2 for x in range(a)]

LIMIT = 99
if LIMIT > 100:
    print("never", LIMIT ** 3, sep="")
'''


def prints(text: str, template: frozenset[int] = frozenset(), file_name: str = "program.py") -> Fingerprints:
    lexer = lexer_for(file_name)
    assert lexer is not None
    return fingerprint(decode(text.encode()), lexer, template)


def alike(one: str, other: str) -> float:
    return similarity(prints(one), prints(other))


def hashes_of(template: str) -> frozenset[int]:
    lexer = lexer_for("template.py")
    assert lexer is not None
    return all_hashes(decode(template.encode()), lexer)


# -- disguises ----------------------------------------------------------------------------------------------------


def rename_everything(text: str) -> str:
    """Every name that is not the language's own becomes another."""
    names: dict[str, str] = {}
    tokens = []
    for kind, word, *_ in tokenize.generate_tokens(io.StringIO(text).readline):
        is_name = kind == tokenize.NAME and not keyword.iskeyword(word) and not hasattr(builtins, word)
        tokens.append((kind, names.setdefault(word, f"name_{len(names)}") if is_name else word))
    return tokenize.untokenize(tokens)


def parts_of(text: str) -> list[str]:
    lines = text.splitlines(keepends=True)
    parts = []
    for node in ast.parse(text).body:
        assert node.end_lineno is not None
        parts.append("".join(lines[node.lineno - 1 : node.end_lineno]))
    return parts


def reorder_functions(text: str) -> str:
    """All functions and classes the other way round; the rest after them."""
    parts = parts_of(text)
    imports = [part for part in parts if part.startswith(("import", "from"))]
    defined = [part for part in parts if part.startswith(("def", "class"))]
    rest = [part for part in parts if part not in imports and part not in defined]
    return "".join([*imports, *reversed(defined), *rest])


def change_comments_and_blanks(text: str) -> str:
    lines = [line for line in text.splitlines() if '"""' not in line and not line.lstrip().startswith("#")]
    return "# mine, all mine\n\n\n" + "\n\n".join(f"{line}   # step {at}" for at, line in enumerate(lines))


def add_dead_code(text: str) -> str:
    parts = parts_of(text)
    return "".join([*parts[: len(parts) // 2], DEAD_CODE, *parts[len(parts) // 2 :]])


def do_all_of_it(text: str) -> str:
    return add_dead_code(reorder_functions(rename_everything(change_comments_and_blanks(text))))


DISGUISES = [rename_everything, reorder_functions, change_comments_and_blanks, add_dead_code, do_all_of_it]


def test_the_disguises_change_a_program_and_it_is_one_still() -> None:
    """Else the tests below would show nothing."""
    for text in HONEST:
        for disguise in (rename_everything, change_comments_and_blanks, add_dead_code, do_all_of_it):
            assert disguise(text) != text
            compile(disguise(text), "disguised", "exec")
    assert reorder_functions(HONEST[0]).index("def main") < reorder_functions(HONEST[0]).index("def mean")


@pytest.mark.parametrize("disguise", DISGUISES)
@pytest.mark.parametrize("number", range(len(HONEST)))
def test_a_disguised_copy_ranks_above_every_honest_pair(disguise: Callable[[str], str], number: int) -> None:
    """By far: a third of the scale lies between the two, so that a table shows where the one ends."""
    texts = [*HONEST, disguise(HONEST[number])]
    programs = [Program(str(at), text, prints(text)) for at, text in enumerate(texts)]
    first, second, *_ = rank(programs, most=100)
    assert {first.a.name, first.b.name} == {str(number), str(len(HONEST))}
    assert first.similarity > 0.6
    assert second.similarity < 0.25


@pytest.mark.parametrize("disguise", [rename_everything, change_comments_and_blanks])
def test_names_comments_and_blanks_do_not_count_at_all(disguise: Callable[[str], str]) -> None:
    assert [alike(text, disguise(text)) for text in HONEST] == [1.0] * len(HONEST)


def test_honest_programs_have_little_in_common() -> None:
    assert max(alike(one, other) for one, other in combinations(HONEST, 2)) < 0.15


def test_a_program_in_another_language_is_compared_by_its_own_lexer() -> None:
    c = """#include <stdio.h>
        int main(void) { int n; /* read */ scanf("%d", &n);
        printf("%d\\n", n * n); return 0; }"""
    disguised = """#include <stdio.h>
        #include <math.h>
        int main( void )
        {
          long wert; // x
          scanf("%ld",&wert);
          printf( "%ld\\n" , wert*wert );
          return 0;
        }"""
    assert similarity(prints(c, file_name="a.c"), prints(disguised, file_name="b.c")) > 0.8


# -- templates ----------------------------------------------------------------------------------------------------


def test_template_code_does_not_count() -> None:
    template = HONEST[4]
    one, other = template + HONEST[0], HONEST[1] + rename_everything(template)
    assert alike(one, other) > 0.5
    without = hashes_of(template)
    assert similarity(prints(one, without), prints(other, without)) < 0.15


def test_a_program_that_is_nothing_but_the_template_has_no_fingerprints() -> None:
    renamed = rename_everything(HONEST[0])
    assert not prints(renamed, hashes_of(HONEST[0])).lines


# -- properties ---------------------------------------------------------------------------------------------------

QUICKLY = settings(max_examples=40, deadline=None)  # on a machine that is busy, too
STATEMENTS = [
    "{0} = {1} + 3",
    "{0} = [{1}({2}) for {2} in {3} if {2} > 0]",
    "for {0} in {1}.{2}: {3}({0}, end='')",
    "if {0} and not {1}: {2} = {0}[{1}:2]",
    "while {0} < {1}: {0} += 1",
    "def {0}({1}, {2}=None): return {1} ** {2}",
    "import {0}",
    "print(f'{{{0}}} is {{{1}:.2f}}', {2}, sep='')",
    "{0} = {{{1}: {2}, 'x': {3}}}",
    "{0} = lambda {1}: {1} if {2} else {3}",
]
names = st.from_regex(r"[a-z_][a-z0-9_]{0,6}", fullmatch=True).filter(
    lambda word: not (keyword.iskeyword(word) or keyword.issoftkeyword(word))
)
namings = st.lists(names, min_size=4, max_size=4, unique=True)
shapes = st.lists(st.sampled_from(STATEMENTS), min_size=1, max_size=25)


def written(shape: Sequence[str], naming: Sequence[str], between: str = "\n") -> str:
    return between.join(statement.format(*naming) for statement in shape) + "\n"


@QUICKLY
@given(shapes, shapes, namings)
def test_it_is_symmetric_and_between_0_and_1(one: list[str], other: list[str], naming: list[str]) -> None:
    a, b = prints(written(one, naming)), prints(written(other, naming))
    assert similarity(a, b) == similarity(b, a)
    assert 0.0 <= similarity(a, b) <= 1.0
    assert (similarity(a, b) > 0.0) == bool(a.lines.keys() & b.lines.keys())


@QUICKLY
@given(shapes, namings)
def test_a_program_is_wholly_similar_to_itself(shape: list[str], naming: list[str]) -> None:
    """Exactly, however short it is."""
    assert alike(written(shape, naming), written(shape, naming)) == 1.0


@QUICKLY
@given(shapes, namings, namings)
def test_renaming_changes_no_fingerprint(shape: list[str], naming: list[str], other: list[str]) -> None:
    assert prints(written(shape, naming)).lines == prints(written(shape, other)).lines


@QUICKLY
@given(shapes, namings, st.sampled_from(["\n\n", "  # a comment\n", "\r\n", "\n# 1\n", ";\n"]))
def test_layout_changes_no_fingerprint(shape: list[str], naming: list[str], between: str) -> None:
    assert prints(written(shape, naming)).lines.keys() == prints(written(shape, naming, between)).lines.keys()


@QUICKLY
@given(shapes, shapes, namings)
def test_every_long_run_that_two_programs_share_is_found(
    shape: list[str], others: list[str], naming: list[str]
) -> None:
    """The theorem of the paper: K_GRAM + WINDOW - 1 tokens in a row cannot be missed."""
    shared = written(shape, naming)
    one, other = shared, written(others, naming) + shared
    if prints(shared).tokens >= K_GRAM + WINDOW - 1:
        assert alike(one, other) > 0.0


@QUICKLY
@given(st.binary(max_size=400), st.sampled_from(["a.py", "a.c", "a.java", "a.js", "a.php", "a.adb", "a.go", "a.sh"]))
def test_any_bytes_are_a_program(data: bytes, file_name: str) -> None:
    lexer = lexer_for(file_name)
    assert lexer is not None
    text = decode(data)
    found = fingerprint(text, lexer)
    assert bool(found.lines) == bool(found.tokens)
    last = text.count("\n")
    assert all(1 <= low <= high <= last for places in found.lines.values() for low, high in places)


def test_what_has_no_code_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="without fingerprints"):
        alike("# nothing\n", HONEST[0])


def test_the_lines_of_a_fingerprint_are_those_where_its_tokens_stand() -> None:
    [(_, places)] = prints("\n# first\n\na = (1 +\n     2)\n").lines.items()
    assert list(places) == [(4, 5)]


@pytest.mark.parametrize("file_name", ["notes.txt", "program", "program.unknown"])
def test_what_is_no_program_has_no_lexer(file_name: str) -> None:
    assert lexer_for(file_name) is None


# -- teams --------------------------------------------------------------------------------------------------------


def program(name: str, text: str, *team: str) -> Program:
    return Program(name, text, prints(text), frozenset(team))


def test_programs_that_share_a_student_are_no_pair() -> None:
    alone, together, other = HONEST[0], do_all_of_it(HONEST[0]), HONEST[0]
    pairs = rank([program("1", alone, "ada"), program("2", together, "ada", "bob"), program("3", other, "eve")], 10)
    assert [(pair.a.name, pair.b.name) for pair in pairs] == [("1", "3"), ("2", "3")]


@pytest.mark.parametrize("turned", [False, True])
def test_two_programs_of_one_team_count_as_one(turned: bool) -> None:
    """The one that is more like the other team's."""
    programs = [
        program("1", HONEST[1] + HONEST[0], "ada", "bob"),
        program("2", HONEST[0], "eve"),
        program("3", HONEST[0], "bob", "ada"),
    ]
    pairs = rank(programs[::-1] if turned else programs, 10)
    assert [({pair.a.name, pair.b.name}, pair.similarity) for pair in pairs] == [({"2", "3"}, 1.0)]


def test_files_are_by_different_people_each() -> None:
    assert len(rank([program(name, HONEST[0]) for name in "123"], 10)) == 3


def test_pairs_come_most_similar_first_and_as_many_as_asked_for() -> None:
    texts = [*HONEST, *map(do_all_of_it, HONEST)]
    programs = [program(f"{at:02}", text) for at, text in enumerate(texts)]
    every = rank(programs, 1000)
    similarities = [pair.similarity for pair in every]
    assert similarities == sorted(similarities, reverse=True)
    assert all(similarities)
    assert rank(programs, 3) == every[:3]
    assert rank(programs[::-1], 3)[0].similarity == similarities[0]


def test_shares_tell_which_of_two_was_padded() -> None:
    [pair] = rank([program("1", HONEST[0]), program("2", HONEST[0] + HONEST[4] + HONEST[2])], 1)
    assert pair.share_of_a > 0.9
    assert pair.share_of_b < 0.5
    assert pair.similarity == pytest.approx((pair.share_of_a * pair.share_of_b) ** 0.5)

"""When an output counts as the expected one: by tables, by an oracle that is slow and plain, and by what must hold."""

import re
import tracemalloc
from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from submitter.comparing import check_pattern, outputs_match
from submitter.comparison import Comparison, ComparisonKind
from submitter.model import MIB

quick = settings(deadline=None)

E, T, W, L, O, N, R = ComparisonKind  # noqa: E741
IN_NO_ORDER = {L, O}
ALL = {E, T, W, L, O, N}


def how(text: str) -> Comparison:
    return Comparison.parse(text)


# -- tables -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expected", "actual", "equal_under"),
    [
        (b"9", b"9", ALL),
        (b"9", b"9\n", ALL),
        (b"9\n", b"9", ALL),
        (b"a\nb", b"a\nb\n", ALL),
        (b"", b"", ALL),
        (b"", b"\n", ALL),
        (b"9", b"9\n\n", ALL - {E}),
        (b"9", b"9 \t\n", ALL - {E}),
        (b"9", b"9\r\n", ALL - {E}),
        (b"9", b"9\x0b\x0c", ALL - {E}),
        (b"a\nb", b"a  \nb\t\n \n\n", ALL - {E}),
        (b"a\nb", b"a\r\nb\r\n", ALL - {E}),
        (b"", b" \n\t\n", ALL - {E}),
        (b"a b", b"a  b", {W, O, N}),
        (b"a b", b"a\nb", {W, O, N}),
        (b"9", b" 9", {W, O, N}),
        (b"9", b"\n9", {W, L, O, N}),
        (b"a\nb", b"a\n\nb", {W, L, O, N}),
        (b"a\nb", b"b\na", {L, O}),
        (b"a\nb", b"b  \n\na\n\n", {L, O}),
        (b"a b", b"b a", {O}),
        (b"a b\nc", b"c\na b", {L, O}),
        (b"a b\nc", b"c\nb a", {O}),
        (b"a\na\nb", b"a\nb\nb", set()),
        (b"a\na\nb", b"a\nb", set()),
        (b"a\nb", b"a\na\nb", set()),
        (b"9", b"9.0", {N}),
        (b"9", b"+9", {N}),
        (b"9", b"009", {N}),
        (b"9", b".9e1", {N}),
        (b"0", b"-0.0", {N}),
        (b"x 9", b"x 9.", {N}),
        (b"ab", b"a b", set()),
        (b"9", b"", set()),
        (b"", b"9", set()),
        (b"9", b"99", set()),
        (b"9", b"9 9", set()),
        (b"9", b"-9", set()),
        (b"a", b"A", set()),
        (b"\xc3\xa9", b"e\xcc\x81", set()),  # the same letter, composed and not
        (b"9", b"9\0", set()),
        (b"9", "9\u00a0".encode(), set()),  # a blank of Unicode's is no blank of ours
        (b"9", b"\xef\xbb\xbf9", set()),
        (b"\xff", b"\xfe", set()),
    ],
)
def test_comparison_forgives_what_it_says_and_no_more(
    expected: bytes, actual: bytes, equal_under: set[ComparisonKind]
) -> None:
    assert {kind for kind in ALL if outputs_match(Comparison(kind), expected, actual)} == equal_under


@pytest.mark.parametrize(
    ("expected", "actual", "options", "is_right"),
    [
        ("1.0", "1.000001", "absolute=1e-6", True),
        ("1.0", "1.0000011", "absolute=1e-6", False),
        ("1.0", "0.999999", "absolute=1e-6", True),
        ("1000000", "1000001", "relative=1e-6", True),
        ("1000000", "1000001.1", "relative=1e-6", False),
        ("-1000000", "-1000001", "relative=1e-6", True),
        ("0", "0.0000001", "relative=1e-6", False),  # relative to nothing is nothing
        ("0", "0.0000001", "relative=1e-6 absolute=1e-6", True),  # either is enough
        ("1000", "1100", "relative=0.1", True),
        ("1100", "990", "relative=0.1", True),
        ("1000", "1111", "relative=0.1", False),
        ("1111", "1000", "relative=0.1", True),  # relative to what was expected
        ("0.3", "0.1", "absolute=0.2", True),  # in floating point, 0.3 - 0.1 is less than 0.2, but 0.8 - 0.6 is more
        ("0.8", "0.6", "absolute=0.2", True),
        ("9007199254740993", "9007199254740992", "", False),  # equal as floats
        ("9007199254740993", "9007199254740992", "absolute=1", True),
        ("1" + "0" * 400, "1" + "0" * 399 + "1", "", False),  # infinite as floats
        ("1" + "0" * 400, "1" + "0" * 399 + "1", "relative=1e-99", True),
        ("1" * 40, "0", "relative=1", True),  # the difference and the tolerance have forty digits, and are equal
        ("1e999999999", "1e999999998", "absolute=1e9", False),
        ("1e999999999", "1e999999999", "", True),
        ("1e999999999", "10e999999998", "", True),
        ("1e999999999", "1", "relative=1", True),  # less than it by all but itself
        ("1e999999999", "-1", "relative=1", False),
        ("1e-999999999", "0", "", False),
        ("1e-999999999", "0", "absolute=1e-99", True),
        ("1e999999999", "inf", "relative=9e99", False),
        ("1e9999999999", "1e9999999999", "", True),  # words, since nobody can mean it
        ("1e9999999999", "1e9999999998", "relative=9e99", False),
        ("5", "nan", "absolute=9e99", False),
        ("nan", "5", "absolute=9e99", False),
        ("nan", "nan", "", True),  # as words
        ("nan", "NaN", "", False),
        ("nan", "NaN", "ignore_case", True),
        ("inf", "-inf", "absolute=9e99", False),
        ("inf", "Infinity", "ignore_case", False),
        ("16", "0x10", "absolute=9e99", False),
        ("0x10", "0x10", "", True),
        ("1000", "1_000", "absolute=9e99", False),
        ("1000", "1,000", "absolute=9e99", False),
        ("3", "٣", "absolute=9e99", False),
        ("3", "３", "absolute=9e99", False),
        ("3", "3.0.0", "absolute=9e99", False),
        ("3", "3e", "absolute=9e99", False),
        ("3", ".", "absolute=9e99", False),
        ("3", "--3", "absolute=9e99", False),
        ("3", "3f", "absolute=9e99", False),
        ("1E3", "1000", "", True),
        ("x=1 y", "x=1.0 y", "", False),  # a word that holds a number is a word
        ("x = 1 y", "x = 1.0 Y", "", False),
        ("x = 1 y", "X = 1.0 Y", "ignore_case", True),
        ("1 2", "1", "absolute=9", False),
        ("1", "1 2", "absolute=9", False),
        ("1 2", "2 1", "", False),
    ],
)
def test_numbers_are_right_within_either_tolerance(expected: str, actual: str, options: str, is_right: bool) -> None:
    assert outputs_match(how(f"numbers {options}"), expected.encode(), actual.encode()) is is_right


@pytest.mark.parametrize("kind", sorted(ALL))
@pytest.mark.parametrize(
    ("expected", "actual", "is_right"),
    [
        ("Yes", "yES", True),
        ("Žluť", "žLUŤ", True),
        ("straße", "STRASSE", True),
        ("ΣΑΣ", "σας", True),
        ("é", "e", False),
        ("yes", "no", False),
    ],
)
def test_case_can_be_ignored_with_every_comparison(
    kind: ComparisonKind, expected: str, actual: str, is_right: bool
) -> None:
    assert outputs_match(Comparison(kind, ignore_case=True), expected.encode(), actual.encode()) is is_right
    assert not outputs_match(Comparison(kind), expected.encode(), actual.encode())


def test_what_is_no_utf_8_has_no_case() -> None:
    latin = "Ž".encode("iso8859-2"), "ž".encode("iso8859-2")
    assert not outputs_match(how("exact ignore_case"), *latin)
    assert outputs_match(how("exact ignore_case"), b"A" + latin[0], b"a" + latin[0])


@pytest.mark.parametrize("cut", range(5))
def test_case_is_ignored_where_a_text_is_cut_in_pieces(cut: int) -> None:
    """Long texts are taken in pieces, and a piece may end inside of a letter."""
    filler = b"x" * (64 * 1024 - cut)
    upper, lower = "ŽÉ𐐀Ž".encode(), "žé𐐨ž".encode()
    assert outputs_match(how("exact ignore_case"), filler + upper, filler + lower)
    assert not outputs_match(how("exact ignore_case"), filler + upper, filler + lower[:-1])


@pytest.mark.parametrize(
    ("pattern", "actual", "is_right"),
    [
        ("[0-9]+", "123", True),
        ("[0-9]+", "123\n", True),
        ("[0-9]+\n", "123", True),
        ("[0-9]+", "123\n\n", False),
        ("[0-9]+", "x123", False),  # the whole output, not some part of it
        ("[0-9]+", "123x", False),
        ("yes|no", "no", True),
        ("yes|no", "yes no", False),
        ("a.c", "a\nc", False),
        ("(?s)a.c", "a\nc", True),
        ("^a$", "a", True),
        ("é.", "éž", True),  # a character, not a byte
        (r"\p{L}+", "Žluť", True),
        ("", "", True),
        ("", "x", False),
        ("a", "A", False),
        ("(?i)a", "A", True),
    ],
)
def test_a_pattern_matches_the_whole_output(pattern: str, actual: str, is_right: bool) -> None:
    assert outputs_match(how("regex"), pattern.encode(), actual.encode()) is is_right


def test_a_pattern_can_ignore_case() -> None:
    assert outputs_match(how("regex ignore_case"), b"yes|no", b"No")
    assert outputs_match(how("regex ignore_case"), "ž+".encode(), "ŽžŽ".encode())


def test_an_output_that_is_no_utf_8_matches_no_character() -> None:
    assert not outputs_match(how("regex"), b"a.c", b"a\xffc")


@pytest.mark.parametrize(
    ("pattern", "complaint"), [("(", "missing"), ("a{1001}", "repetition"), (r"(a)\1", "escape"), ("(?=a)", "perl")]
)
def test_what_is_no_pattern_is_refused(pattern: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        check_pattern(pattern, False, 100)


def test_a_pattern_that_could_take_minutes_is_refused() -> None:
    """Linear in the output is not enough if the pattern is as large."""
    check_pattern(".*a.{300}b", False, MIB)
    check_pattern(".*a.{900}b", False, MIB // 2)
    with pytest.raises(ValueError, match="shorten it, or lower output_bytes"):
        check_pattern(".*a.{900}b", False, MIB)
    with pytest.raises(ValueError, match="shorten it"):
        check_pattern("[0-9]+ " * 20_000, False, MIB)


# -- an oracle ----------------------------------------------------------------------------------------------------

pieces = [
    b"a",
    b"B",
    b"b",
    b"1",
    b"1.0",
    b"1.25",
    b"-2",
    b"1e1",
    b"nan",
    b" ",
    b" ",
    b"\t",
    b"\r",
    b"\n",
    b"\n",
    b"\xff",
]
outputs = st.lists(st.sampled_from(pieces), max_size=9).map(b"".join)
digits = st.text("0123456789", min_size=1, max_size=4)
numerals = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "-", "+"]),
    digits,
    st.just("") | digits.map(".{}".format),
    st.just("") | st.integers(-30, 30).map("e{}".format),
)
tolerances = st.sampled_from(["0", "1e-9", "1e-3", "0.5", "1", "20", "1e5"])


def oracle_lines(text: bytes) -> list[bytes]:
    lines = [re.sub(rb"[ \t\r\f\v]+\Z", b"", line) for line in text.split(b"\n")]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def oracle_numbers(expected: bytes, actual: bytes, absolute: str = "0", relative: str = "0") -> bool:
    def number(word: bytes) -> Fraction | None:
        try:
            return Fraction(word.decode("ascii"))
        except ValueError:
            return None

    if len(expected.split()) != len(actual.split()):
        return False
    for one, other in zip(expected.split(), actual.split(), strict=True):
        wanted, printed = number(one), number(other)
        if wanted is None or printed is None:
            if one != other:
                return False
        elif not (
            abs(wanted - printed) <= Fraction(absolute) or abs(wanted - printed) <= Fraction(relative) * abs(wanted)
        ):
            return False
    return True


ORACLES: dict[ComparisonKind, Callable[[bytes, bytes], bool]] = {
    E: lambda e, a: e.removesuffix(b"\n") == a.removesuffix(b"\n"),
    T: lambda e, a: oracle_lines(e) == oracle_lines(a),
    W: lambda e, a: e.split() == a.split(),
    L: lambda e, a: sorted(filter(None, oracle_lines(e))) == sorted(filter(None, oracle_lines(a))),
    O: lambda e, a: sorted(e.split()) == sorted(a.split()),
    N: oracle_numbers,
}


@quick
@given(outputs, outputs, st.booleans())
def test_every_comparison_agrees_with_the_plain_way_to_do_it(expected: bytes, actual: bytes, ignore_case: bool) -> None:
    folded = (expected.lower(), actual.lower()) if ignore_case else (expected, actual)
    for kind, oracle in ORACLES.items():
        assert outputs_match(Comparison(kind, ignore_case), expected, actual) is oracle(*folded), kind


@quick
@given(outputs, st.data())
def test_every_comparison_agrees_with_it_on_outputs_that_differ_little(expected: bytes, data: st.DataObject) -> None:
    """Two outputs at random are mostly different under every comparison."""
    shuffled = b"\n".join(data.draw(st.permutations(expected.split(b"\n"))))
    actual = data.draw(st.sampled_from([expected, shuffled])).replace(b" ", data.draw(st.sampled_from([b" ", b"  "])))
    for kind, oracle in ORACLES.items():
        assert outputs_match(Comparison(kind), expected, actual) is oracle(expected, actual), kind


@quick
@given(numerals, numerals, tolerances, tolerances)
@example("0.8", "0.6", "0.2", "0")
def test_numbers_agree_with_fractions(expected: str, actual: str, absolute: str, relative: str) -> None:
    comparison = how(f"numbers absolute={absolute} relative={relative}")
    words = expected.encode(), actual.encode()
    assert outputs_match(comparison, *words) is oracle_numbers(*words, absolute, relative)


@quick
@given(st.text("ab|*+?().", max_size=8), st.text("ab", max_size=6), st.booleans())
def test_patterns_agree_with_pythons(pattern: str, output: str, ignore_case: bool) -> None:
    """Python's own engine, where both take a pattern."""
    try:
        compiled = re.compile(pattern, re.IGNORECASE if ignore_case else 0)
        check_pattern(pattern, ignore_case, 100)
    except (re.error, ValueError):
        assume(False)
    found = outputs_match(Comparison(R, ignore_case), pattern.encode(), output.encode())
    assert found is (compiled.fullmatch(output) is not None)


# -- what must hold -----------------------------------------------------------------------------------------------


@quick
@given(st.binary(max_size=30), st.booleans())
def test_every_output_equals_itself_with_and_without_a_final_newline(output: bytes, ignore_case: bool) -> None:
    line = output.rstrip(b"\n")  # of two, the first is an empty line, and that counts where all does
    for kind in ALL:
        comparison = Comparison(kind, ignore_case)
        assert outputs_match(comparison, output, output)
        assert outputs_match(comparison, line, line + b"\n")
        assert outputs_match(comparison, line + b"\n", line)


@pytest.mark.parametrize(("expected", "actual"), [(b"\n", b"\n\n"), (b"1\n\n", b"1\n")])
def test_an_empty_line_at_the_end_counts_where_all_does(expected: bytes, actual: bytes) -> None:
    assert not outputs_match(Comparison.EXACT, expected, actual)
    assert not outputs_match(Comparison.EXACT, actual, expected)


@quick
@given(outputs, outputs, st.booleans(), tolerances)
def test_it_does_not_matter_which_of_the_two_was_expected(
    one: bytes, other: bytes, ignore_case: bool, absolute: str
) -> None:
    """But for a relative tolerance, which is relative to the expected number, and for patterns."""
    options = f"absolute={absolute}" + " ignore_case" * ignore_case
    for comparison in [*(Comparison(kind, ignore_case) for kind in ALL), how(f"numbers {options}")]:
        assert outputs_match(comparison, one, other) is outputs_match(comparison, other, one)


WEAKER = [(E, T), (T, W), (T, L), (W, O), (L, O), (W, N)]


@quick
@given(outputs, outputs, st.booleans())
def test_a_weaker_comparison_accepts_all_that_a_stricter_one_does(
    expected: bytes, actual: bytes, ignore_case: bool
) -> None:
    for stricter, weaker in WEAKER:
        if outputs_match(Comparison(stricter, ignore_case), expected, actual):
            assert outputs_match(Comparison(weaker, ignore_case), expected, actual), (stricter, weaker)
    for kind in ALL:
        if outputs_match(Comparison(kind), expected, actual):
            assert outputs_match(Comparison(kind, ignore_case=True), expected, actual)


@quick
@given(numerals, numerals, tolerances, tolerances, tolerances, tolerances)
def test_a_larger_tolerance_accepts_all_that_a_smaller_one_does(
    expected: str, actual: str, absolute: str, relative: str, more_absolute: str, more_relative: str
) -> None:
    words = expected.encode(), actual.encode()
    smaller = how(f"numbers absolute={absolute} relative={relative}")
    larger = Comparison(
        N,
        absolute=max(smaller.absolute, how(f"numbers absolute={more_absolute}").absolute),
        relative=max(smaller.relative, how(f"numbers relative={more_relative}").relative),
    )
    assert outputs_match(larger, *words) or not outputs_match(smaller, *words)


# -- what a student could do to us --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", sorted(ALL))
@pytest.mark.parametrize("filler", [b" ", b"\n", b"\t", b"\r", b" \n", b"\r\n", b"7", b"7.", b"+", b"a ", b"1\n"])
@pytest.mark.timeout(20)
def test_comparison_takes_linear_time(kind: ComparisonKind, filler: bytes) -> None:
    """Of what is quadratic, a mebibyte takes hours; a student could stop the grader with it."""
    comparison = Comparison(kind, ignore_case=True)
    much = filler * (MIB // len(filler))
    assert not outputs_match(comparison, b"y", much + b"x")
    assert not outputs_match(comparison, much + b"y", much + b"x")
    assert outputs_match(comparison, much + b"x", much + b"X")


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        (b"1" * MIB, b"1" * MIB + b"x"),
        (b"1" * MIB, b"2" * MIB),
        (b"1." + b"0" * MIB, b"1." + b"0" * MIB + b"1"),
        (b"1e999999999", b"1" * MIB),
        (b"1" * MIB, b"1e999999999"),
        (b"1e" + b"9" * MIB, b"1e" + b"8" * MIB),
        (b"0" * MIB + b"1", b"2"),
        (b"-" * MIB, b"-" * MIB + b"1"),
    ],
)
@pytest.mark.timeout(20)
def test_no_number_is_too_long_or_too_large(expected: bytes, actual: bytes) -> None:
    assert not outputs_match(how("numbers"), expected, actual)
    assert not outputs_match(how("numbers"), actual, expected)


@pytest.mark.parametrize("pattern", [b"(a+)+b", b"(a|a)*b", b"(a|aa)+$b", b"(.*)*x", b"(a?){1000}a{1000}b"])
@pytest.mark.timeout(20)
def test_no_pattern_takes_forever(pattern: bytes) -> None:
    """Python's own engine would not come back from some of them."""
    assert not outputs_match(how("regex"), pattern, b"a" * MIB)


@pytest.mark.parametrize("text", ["trailing_blanks", "whitespace", "unordered_lines", "unordered_tokens", "numbers"])
def test_comparison_never_holds_an_output_in_pieces(text: str) -> None:
    """A third of a mebibyte of short lines takes five as a list; of 64 MiB nobody has as much to spare."""
    expected, actual = b"12\n" * (MIB // 9), b"12 \n" * (MIB // 12)
    tracemalloc.start()
    try:
        outputs_match(how(text), expected, actual)
        assert tracemalloc.get_traced_memory()[1] < 3 * MIB
    finally:
        tracemalloc.stop()

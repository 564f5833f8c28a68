"""The text form of a comparison: what may be written, what it means, and what an error says."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from submitter.comparison import Comparison, ComparisonKind
from tests.comparisons import NOT_WRITTEN_SO, WRITTEN

quick = settings(deadline=None)

plain = st.from_regex(r"[0-9]{1,9}(\.[0-9]{1,9})?", fullmatch=True).filter(str.isascii)
scientific = st.from_regex(r"[0-9](\.[0-9]{1,9})?[eE][+-]?[0-9]{1,2}", fullmatch=True).filter(str.isascii)
tolerances = plain | scientific


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Anything that people may write."""
    kind = draw(st.sampled_from([*map(str, ComparisonKind), "tokens"]))
    options = draw(st.sampled_from([[], ["ignore_case"]]))
    if kind == "numbers":
        for name in draw(st.lists(st.sampled_from(["absolute", "relative"]), unique=True)):
            options = [*options, f"{name}={draw(tolerances)}"]
    return draw(st.sampled_from([" ", "  "])).join([kind, *draw(st.permutations(options))])


@pytest.mark.parametrize(("text", "printed"), WRITTEN.items())
def test_what_is_written_is_read_and_printed_in_one_form(text: str, printed: str) -> None:
    assert str(Comparison.parse(text)) == printed


@pytest.mark.parametrize(("text", "complaint"), NOT_WRITTEN_SO.items())
def test_what_is_no_comparison_is_refused_with_what_to_write(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match="write ") as refusal:
        Comparison.parse(text)
    assert complaint in str(refusal.value)


@quick
@given(texts())
def test_printing_and_reading_are_inverse(text: str) -> None:
    comparison = Comparison.parse(text)
    assert Comparison.parse(str(comparison)) == comparison


@quick
@given(tolerances)
def test_a_tolerance_is_the_number_that_was_written(text: str) -> None:
    comparison = Comparison.parse(f"numbers relative={text}")
    assert (comparison.absolute, comparison.relative) == (Decimal(0), Decimal(text))


def test_the_older_names_are_there_without_options() -> None:
    named = [Comparison.EXACT, Comparison.TRAILING_BLANKS, Comparison.WHITESPACE]
    assert named == [Comparison.parse(name) for name in ("exact", "trailing_blanks", "whitespace")]


@pytest.mark.parametrize("tolerance", ["-1", "NaN", "Infinity"])
def test_no_comparison_has_a_tolerance_that_is_none(tolerance: str) -> None:
    with pytest.raises(ValueError, match="at least 0"):
        Comparison(ComparisonKind.NUMBERS, absolute=Decimal(tolerance))


def test_only_numbers_have_a_tolerance() -> None:
    with pytest.raises(ValueError, match="only numbers"):
        Comparison(ComparisonKind.EXACT, relative=Decimal(1))

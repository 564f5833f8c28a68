"""
How alike two programs are, whatever their names, layout, comments and order of functions.

How it works. A lexer of Pygments, which reads a program and never runs or imports
it, cuts it into tokens. Comments, docstrings and blanks are left out, every name
becomes the same token, and so does every number and every string. All runs of
K_GRAM tokens are hashed, and winnowing chooses some of the hashes as the program's
fingerprints: the same ones wherever in a program the same run of tokens stands.

Source: S. Schleimer, D. Wilkerson, A. Aiken, "Winnowing: Local Algorithms for
Document Fingerprinting", SIGMOD 2003. By their theorem every run of
K_GRAM + WINDOW - 1 tokens that two programs share is found, and none shorter than
K_GRAM is. Where the two numbers come from is told by docs/admins.md.
"""

import math
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cache
from hashlib import blake2b
from itertools import combinations

from pygments.lexer import Lexer
from pygments.lexers import find_lexer_class_for_filename
from pygments.lexers.special import TextLexer
from pygments.token import Comment, Keyword, Literal, Name, Operator, _TokenType

K_GRAM = 8  # tokens
WINDOW = 4  # of k-grams

_LINE_ENDS = str.maketrans({"\r": "\n", "\v": " ", "\f": " "})
_WITHOUT_MEANING = frozenset(";")  # ends a line in some languages, and may be put there or left out in others

_NOTHING, _WORD, _CHARACTERS, _STRING = "nothing", "word", "characters", "string"
_SPELLINGS: Mapping[_TokenType, str] = {
    Comment: _NOTHING,
    Comment.Preproc: "#",  # in C, an #include
    Comment.PreprocFile: _NOTHING,
    Keyword: _WORD,
    Keyword.Type: "x",  # what a type is called is a name too, if it is somebody's own
    Literal: "0",
    Literal.String: _STRING,
    Literal.String.Doc: _NOTHING,
    Name: "x",
    Operator.Word: _WORD,
    # All else in single characters: how many of them make one operator depends on the lexer, and on blanks.
}


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """
    What of a program is compared.

    Attributes:
        tokens: how many the program has, those of a template included.
        lines: for each fingerprint, where it stands: pairs of a first and a last line, counted from 1, in order.
    """

    tokens: int
    lines: Mapping[int, Sequence[tuple[int, int]]] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Program:
    """
    One that is compared.

    Attributes:
        name: what people know it by.
        text: as `decode` gives it.
        team: the tokens of those who handed it in; empty if nobody knows, and then it is a team of its own.
    """

    name: str
    text: str = field(repr=False)
    fingerprints: Fingerprints
    team: frozenset[str] = field(default=frozenset(), repr=False)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two programs, and how many fingerprints they share."""

    a: Program
    b: Program
    shared: int

    @property
    def similarity(self) -> float:
        """0 to 1: the geometric mean of the two shares, so that padding only one of the programs hides little."""
        return _ochiai(self.shared, self.a.fingerprints, self.b.fingerprints)

    @property
    def share_of_a(self) -> float:
        """How much of `a` is in `b` too, 0 to 1."""
        return self.shared / len(self.a.fingerprints.lines)

    @property
    def share_of_b(self) -> float:
        """How much of `b` is in `a` too, 0 to 1."""
        return self.shared / len(self.b.fingerprints.lines)


def decode(data: bytes) -> str:
    """A program's text, whatever its bytes are; line ends are b"\\n", and there is one at the end."""
    text = data.decode("utf-8-sig", errors="replace").replace("\r\n", "\n").translate(_LINE_ENDS)
    return text if text.endswith("\n") else text + "\n"


def lexer_for(file_name: str) -> Lexer | None:
    """By the ending of the file's name; None if that is no programming language that Pygments knows."""
    found = find_lexer_class_for_filename(file_name)
    return None if found is None or issubclass(found, TextLexer) else found()


def fingerprint(text: str, lexer: Lexer, template: Set[int] = frozenset()) -> Fingerprints:
    """
    The fingerprints of a program, none if it has no code, or none beside the template's.

    Lexers are regular expressions, and of some texts they take for ever: bound this by processor time.

    Args:
        text: as `decode` gives it.
        template: hashes that do not count, from `all_hashes` of code that was handed out.
    """
    tokens = list(_tokens(text, lexer))
    hashes = _hashes([token for token, _ in tokens])
    own = [at for at, value in enumerate(hashes) if value not in template]
    lines: dict[int, dict[tuple[int, int], None]] = {}
    for chosen in _winnow([hashes[at] for at in own]):
        at = own[chosen]
        last = min(at + K_GRAM, len(tokens)) - 1
        lines.setdefault(hashes[at], {})[tokens[at][1], tokens[last][1]] = None
    return Fingerprints(len(tokens), {value: tuple(places) for value, places in lines.items()})


def all_hashes(text: str, lexer: Lexer) -> frozenset[int]:
    """Those of all K_GRAM tokens in a row, chosen by winnowing or not: what a template is known by."""
    return frozenset(_hashes([token for token, _ in _tokens(text, lexer)]))


def similarity(a: Fingerprints, b: Fingerprints) -> float:
    """
    0 (no run of tokens in common) to 1 (the same fingerprints); symmetric.

    It is the Ochiai coefficient of the two sets, that is the cosine of the angle between them.

    Raises:
        ValueError: one of them is empty, so that there is nothing to compare.
    """
    if not (a.lines and b.lines):
        raise ValueError("a program without fingerprints cannot be compared")
    return _ochiai(len(a.lines.keys() & b.lines.keys()), a, b)


def _ochiai(shared: int, a: Fingerprints, b: Fingerprints) -> float:
    return shared / math.sqrt(len(a.lines) * len(b.lines))


def rank(programs: Sequence[Program], most: int) -> list[Pair]:
    """
    The `most` pairs that are most alike, the most similar first; such as share nothing are left out.

    A student does not copy from themself: programs whose teams have somebody in
    common are no pair. Programs of one and the same team count as one: of the
    pairs of two teams only the most similar is kept.

    Args:
        programs: in any order; each has fingerprints.
    """
    best: dict[tuple[frozenset[str] | int, frozenset[str] | int], Pair] = {}
    chosen = [frozenset(program.fingerprints.lines) for program in programs]
    for (i, a), (j, b) in combinations(enumerate(programs), 2):
        shared = len(chosen[i] & chosen[j])
        if not shared or a.team & b.team:
            continue
        pair = Pair(a, b, shared)
        one, other = a.team or i, b.team or j
        known = best.get((one, other)) or best.get((other, one))
        if known is None:
            best[one, other] = pair
        elif pair.similarity > known.similarity:
            best.pop((other, one), None)
            best[one, other] = pair
    return sorted(best.values(), key=lambda pair: (-pair.similarity, pair.a.name, pair.b.name))[:most]


def _tokens(text: str, lexer: Lexer) -> Iterator[tuple[str, int]]:
    """What counts, in a spelling of its own, and the line that it begins in."""
    line, counted_to, in_string = 1, 0, False
    for at, kind, value in lexer.get_tokens_unprocessed(text):
        spelling = _spelling(kind)
        if spelling == _NOTHING or (value.isspace() and spelling != _STRING):
            continue
        if spelling == _STRING and in_string:
            continue  # lexers cut a string into pieces; and two with nothing in between are one in many languages
        in_string = spelling == _STRING
        line, counted_to = line + text.count("\n", counted_to, at), at
        if spelling == _WORD:
            yield value.lower(), line  # some languages do not mind the case, and in others it is always the same
        elif spelling == _CHARACTERS:
            yield from ((one, line) for one in value if not (one.isspace() or one in _WITHOUT_MEANING))
        else:
            yield spelling, line


@cache
def _spelling(kind: _TokenType) -> str:
    """How a kind of token is spelled, by the nearest kind above it that we know."""
    while kind not in _SPELLINGS and kind.parent is not None:
        kind = kind.parent
    return _SPELLINGS.get(kind, _CHARACTERS)


def _hashes(tokens: Sequence[str]) -> list[int]:
    """Of each K_GRAM tokens in a row; of all tokens, if there are fewer. The same on every machine and in every run."""
    spelled = [token.encode(errors="surrogatepass") for token in tokens]
    ends = range(min(K_GRAM, len(spelled)), len(spelled) + 1) if spelled else ()
    return [
        int.from_bytes(blake2b(b"\0".join(spelled[max(0, end - K_GRAM) : end]), digest_size=8).digest(), "big")
        for end in ends
    ]


def _winnow(hashes: Sequence[int]) -> Iterator[int]:
    """
    Where the chosen hashes stand: the lowest of each WINDOW in a row, of all if there are fewer.

    Of equal ones the one that was chosen before, else the rightmost, as in the paper.
    """
    chosen = -1
    for start in range(max(1, len(hashes) - WINDOW + 1) if hashes else 0):
        window = hashes[start : start + WINDOW]
        lowest = min(window)
        if chosen < start or hashes[chosen] != lowest:
            chosen = start + len(window) - 1 - window[::-1].index(lowest)
            yield chosen

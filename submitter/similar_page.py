"""
Similar pairs as an HTML page: one file with no scripts and nothing to load.

The programs on it are hostile text, and so are the names of files. Everything is
escaped, characters that cannot be seen or that change the order of others are
spelled out, and the page's own policy lets a browser run and load nothing.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from html import escape

from submitter.similarity import Pair, Program

MAX_LINES = 5_000  # of a program that are shown
MAX_LINE_CHARACTERS = 500

_STYLE = """
body { font: 15px/1.4 system-ui, sans-serif; margin: 1.5rem; color: #1b1b1b; background: #fff }
table.pairs { border-collapse: collapse } table.pairs td, table.pairs th { padding: .2rem .8rem; text-align: left }
table.pairs td.n { text-align: right; font-variant-numeric: tabular-nums }
section { margin-top: 3rem; border-top: 1px solid #bbb }
div.sides { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem }
div.side { overflow: auto; max-height: 85vh; border: 1px solid #ccc; min-width: 0 }
div.side table { border-collapse: collapse; font: 12px/1.45 ui-monospace, monospace; white-space: pre; tab-size: 4 }
div.side td { padding: 0 .6rem } div.side td.l { text-align: right; color: #666; user-select: none }
tr.s td { background: #ffe9b8 } tr:target td { background: #ffc44d }
span.c { color: #b00020; border: 1px solid #b00020; font-size: 10px; border-radius: 2px }
p.note { color: #555 }
"""


def similar_page(title: str, pairs: Sequence[Pair], names: Mapping[str, str], notes: Sequence[str] = ()) -> str:
    """
    The page.

    Args:
        pairs: in the order in which they are shown.
        names: for a student's token, what to call them; empty: nobody is named.
        notes: what else the reader should know, each a paragraph.
    """
    rows = "\n".join(
        f'<tr><td class="n"><a href="#p{number}">{pair.similarity:.0%}</a></td>'
        f'<td>{_title(pair.a, names)}</td><td class="n">{pair.share_of_a:.0%}</td>'
        f'<td>{_title(pair.b, names)}</td><td class="n">{pair.share_of_b:.0%}</td></tr>'
        for number, pair in enumerate(pairs, start=1)
    )
    sections = "\n".join(_section(number, pair, names) for number, pair in enumerate(pairs, start=1))
    paragraphs = "\n".join(f'<p class="note">{visible(note)}</p>' for note in notes)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="referrer" content="no-referrer">
<meta name="robots" content="noindex">
<title>{visible(title)}</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>{visible(title)}</h1>
<p class="note">A high number says that two programs have much in common, not why. Look at them before you judge.</p>
{paragraphs}
<table class="pairs">
<tr><th>similar</th><th>program</th><th>of it</th><th>program</th><th>of it</th></tr>
{rows}
</table>
{sections}
</body>
</html>
"""


def visible(text: str) -> str:
    """Text as HTML in which every character can be seen for what it is; tabs and line ends stay."""
    return "".join(
        f'<span class="c">U+{ord(character):04X}</span>' if _is_hidden(character) else escape(character)
        for character in text
    )


def _is_hidden(character: str) -> bool:
    # Cc and Cf: control characters, and those that turn the direction of text round; Zl and Zp break lines.
    return character not in "\t\n" and unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def _title(program: Program, names: Mapping[str, str]) -> str:
    known = ", ".join(names[token] for token in sorted(program.team) if token in names)
    return f"{visible(program.name)} ({visible(known)})" if known else visible(program.name)


def _section(number: int, pair: Pair, names: Mapping[str, str]) -> str:
    shared = pair.a.fingerprints.lines.keys() & pair.b.fingerprints.lines.keys()
    sides = "\n".join(
        f'<div class="side">{_side(f"p{number}{own}", f"p{number}{others}", program, other, shared)}</div>'
        for own, others, program, other in (("a", "b", pair.a, pair.b), ("b", "a", pair.b, pair.a))
    )
    heading = f"{pair.similarity:.0%}: {_title(pair.a, names)} and {_title(pair.b, names)}"
    return f'<section id="p{number}">\n<h2>{heading}</h2>\n<div class="sides">\n{sides}\n</div>\n</section>'


def _side(own: str, others: str, program: Program, other: Program, shared: set[int]) -> str:
    """One program, its shared lines marked; the number of such a line leads to where the other has the like."""
    leads_to: dict[int, int] = {}
    mine, theirs = program.fingerprints.lines, other.fingerprints.lines
    for (first, last), (to, end) in sorted((place, theirs[value][0]) for value in shared for place in mine[value]):
        for at in range(first, min(last, MAX_LINES) + 1):
            leads_to.setdefault(at, min(to + at - first, end))
    lines = program.text.removesuffix("\n").split("\n")
    rows = []
    for at, line in enumerate(lines[:MAX_LINES], start=1):
        cut = visible(line[:MAX_LINE_CHARACTERS]) + (" …" if len(line) > MAX_LINE_CHARACTERS else "")
        if at in leads_to:
            label, kind = f'<a href="#{others}{min(leads_to[at], MAX_LINES)}">{at}</a>', ' class="s"'
        else:
            label, kind = str(at), ""
        rows.append(f'<tr id="{own}{at}"{kind}><td class="l">{label}</td><td>{cut}</td></tr>')
    if len(lines) > MAX_LINES:
        rows.append(f"<tr><td></td><td>… and {len(lines) - MAX_LINES:,} lines more</td></tr>")
    return "<table>\n" + "\n".join(rows) + "\n</table>"

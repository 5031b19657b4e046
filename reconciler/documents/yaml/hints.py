"""Common mistakes in YAML text: from what the parser or a schema says, and the line, to what to write instead. Pure.

Each row of the tables knows one mistake. A row looks at the text and not at the parser's words, which differ between
versions; the message only says whether the row is asked at all. What no row knows stays as it was said.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from reconciler.documents.text import shown
from reconciler.model.regex import regex

SYNTAX: Final = "not valid YAML: "
"""How a message begins that tells what the parser could not read."""

_BREAK: Final = r"\r\n|[\n\r\x85\u2028\u2029]"
_KEY: Final = r"(?:- +)*(?P<key>[\w.$@-]+):[ ]+"
_ENTRY: Final = rf"(?:{_KEY}|- +)"
_INDENT: Final = regex(r" *")
_NOT_A_TEXT: Final = rf"{SYNTAX}|a key must be text|must not be empty"


class Said(NamedTuple):
    """What is said of the place ``path`` of a document, at ``column`` of ``lines[line]``; both count from 0."""

    message: str
    path: str
    lines: Sequence[str]
    line: int
    column: int

    @property
    def text(self) -> str:
        return self.lines[self.line]


class Hint(NamedTuple):
    """What to say instead, and the column of the same line where the mistake begins."""

    message: str
    column: int


class Mistake(NamedTuple):
    """A row: asked where the message begins like ``said``, the path matches ``path`` and the line holds ``line``."""

    name: str
    said: str
    line: str
    say: Callable[[Said, re.Match[str]], Hint | None]
    path: str = ""


def lines_of(text: str) -> list[str]:
    """The lines of ``text`` as YAML counts them."""
    return re.split(_BREAK, text)


def hint_for(said: Said) -> Hint:
    """The first row that knows the mistake; else what was said."""
    return next(_hints(said), Hint(said.message, said.column))


def _hints(said: Said) -> Iterator[Hint]:
    for mistake in MISTAKES:
        if re.match(mistake.said, said.message) and re.match(mistake.path, said.path):
            match = re.search(mistake.line, said.text)
            if match and (hint := mistake.say(said, match)):
                yield hint


def quoted(text: str) -> str:
    """``text`` in the quotes that need no escapes."""
    return f"'{text}'" if '"' in text or "\\" in text else f'"{text}"'


def _at(message: str) -> Callable[[Said, re.Match[str]], Hint]:
    """A fixed sentence; ``{name}`` takes the group of that name. The caret is below the group ``at``."""
    return lambda _, match: Hint(message.format(**match.groupdict()), match.start("at"))


def _quote(why: str) -> Callable[[Said, re.Match[str]], Hint]:
    """``why`` a text needs quotes, and the entry written with them."""

    def say(_said: Said, match: re.Match[str]) -> Hint:
        key, value = match["key"], re.sub(r"\s+#.*", "", match["at"]).rstrip()
        entry = f"{key}: {quoted(value)}" if key else f"- {quoted(value)}"
        return Hint(f"{why.format(mark=value[:1])}: {entry}", match.start("at"))

    return say


def _refused_mark(said: Said, match: re.Match[str]) -> Hint:
    """An alias or a tag may be meant, or a text that begins like one."""
    value = re.sub(r"\s+#.*", "", match["at"]).rstrip()
    entry = f"{match['key']}: {quoted(value)}" if match["key"] else f"- {quoted(value)}"
    return Hint(f"{said.message}; if it is text, write {entry}", match.start("at"))


def _quote_in_braces(why: str) -> Callable[[Said, re.Match[str]], Hint]:
    """As ``_quote``, for a value that ends where the next one begins."""

    def say(_said: Said, match: re.Match[str]) -> Hint:
        value = match["at"].rstrip()
        return Hint(f"{why.format(mark=value[:1])}: {match['key']}: {quoted(value)}", match.start("at"))

    return say


def _uneven(said: Said, match: re.Match[str]) -> Hint | None:
    """A line whose indentation is that of no line above with which it could belong together."""
    width, above = len(match["indent"]), _open_indents(said.lines[: said.line])
    if not above or width in above or (width > above[0] and _opens(said.lines, said.line)):
        return None
    beside = min((other for other in above if other > width), default=above[0])
    where = "the line above" if beside == above[0] else "the lines above"
    return Hint(f"this line is indented by {_spaces(width)}, {where} by {beside}", width)


def _spaces(count: int) -> str:
    return "1 space" if count == 1 else f"{count} spaces"


def _open_indents(lines: Sequence[str]) -> list[int]:
    """The indentations that the next line may have, the innermost first; a list's dash has two."""
    found: list[int] = []
    for line in reversed(lines):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        text = line
        while True:  # the dash first: what is behind it is deeper
            width = len(text) - len(text.lstrip(" "))
            if not found or width < found[-1] or (width > found[-1] and line is not text):
                found.append(width)
            if not re.match(r" *- +\S", text):
                break
            text = text.replace("-", " ", 1)
        if 0 in found:
            break
    return sorted(set(found), reverse=True)


def _opens(lines: Sequence[str], before: int) -> bool:
    """Whether the last line above may have deeper ones below it."""
    above = next((line for line in reversed(lines[:before]) if line.strip() and line.lstrip()[0] != "#"), "")
    return re.search(r"(?::|^ *-)\s*(?:#.*)?$", above) is not None


def _empty(said: Said, _match: re.Match[str]) -> Hint:
    has_text = any(line.strip() for line in said.lines)
    return Hint("the file has only comments" if has_text else "the file is empty", 0)


def _list(said: Said, _match: re.Match[str]) -> Hint | None:
    """A list where a mapping belongs: what its first line is as an entry."""
    below = said.lines[said.line : said.line + 50]
    match = next((found for line in below if (found := re.match(rf" *- +({_KEY}.*)", line))), None)
    if match is None:
        return None
    if match["key"] == "name":
        name = match[1].partition(":")[2].strip()
        return Hint(f"expected a mapping, found a list; write '{name}:' in place of '- name: {name}'", said.column)
    return Hint(f"expected a mapping, found a list; write {shown(match[1].strip())} without '- '", said.column)


def _text(said: Said, _match: re.Match[str]) -> Hint | None:
    """A text where a mapping belongs: an entry below without its colon, or without the space after it."""
    below = said.lines[said.line + 1 : said.line + 2]
    match = re.match(r" +(?P<key>[\w.@-]+)(?:: *| +)(?P<value>[^\s:#]+)\s*(?:#.*)?$", below[0]) if below else None
    if match is None:
        return None
    wanted = f"write '{match['key']}: {match['value']}', with a colon and a space"
    return Hint(f"expected a mapping, found text; {wanted}", said.column)


def _conflict(said: Said, _match: re.Match[str]) -> Hint | None:
    """What git leaves where two sides changed the same lines."""
    first = next((number for number, line in enumerate(said.lines) if line.startswith("<<<<<<< ")), None)
    if first is None:
        return None
    return Hint(f"git left a merge conflict in line {first + 1}; keep one of its two sides", said.column)


def _unclosed(said: Said, _match: re.Match[str]) -> Hint | None:
    """The bracket that is still open at the end of the text above."""
    opened: list[tuple[str, int]] = []
    for number, line in enumerate(said.lines[: said.line + 1]):
        for mark in re.sub(r""" #.*|"[^"]*"|'[^']*'""", "", line):
            if mark in "{[":
                opened.append((mark, number))
            elif mark in "}]" and opened:
                opened.pop()
    if not opened:
        return None
    mark, number = opened[-1]
    return Hint(
        f"the '{mark}' in line {number + 1} is not closed; write '{'}' if mark == '{' else ']'}' at its end",
        said.column,
    )


_OTHER_ADDRESS: Final = r"expected (?:a folder|a path|http|the URL)|it holds a space"

MISTAKES: Final = (
    Mistake(
        "tab",
        SYNTAX,
        r"^ *(?P<at>\t)",
        lambda _, match: Hint("this line starts with a tab; indent with spaces", match.start("at")),
    ),
    Mistake(
        "braces",
        _NOT_A_TEXT,
        rf"^ *{_ENTRY}(?P<at>\{{\{{.*|\{{[^{{}}]*\}} *[^\s#,}}\]].*|\[[^\[\]]*\] *[^\s#,}}\]].*)$",
        _quote("text that starts with {mark!r} needs quotes"),
    ),
    Mistake(
        "indicator",
        _NOT_A_TEXT,
        rf"^ *{_ENTRY}(?P<at>(?:>(?![-+]?\s*$)|\|(?![-+]?\s*$)|[*&%@`!]).*)$",
        _quote("text that starts with {mark!r} needs quotes"),
    ),
    Mistake("alias or tag", r"(?:aliases|tags) are ", rf"^ *{_ENTRY}(?P<at>(?:\*|!(?!!))[^,{{}}]*)$", _refused_mark),
    Mistake(
        "indicator in braces",
        _NOT_A_TEXT,
        r"[{,] *(?P<key>[\w.$@-]+): *(?P<at>[>|*&%@`!][^,{}\[\]]*)",
        _quote_in_braces("text that starts with {mark!r} needs quotes"),
    ),
    Mistake(
        "braces in braces",
        _NOT_A_TEXT,
        r"[{,] *(?P<key>[\w.$@-]+): *(?P<at>\{\{[^{}]*\}\}[^,{}\[\]]*)",
        _quote_in_braces("text that starts with {mark!r} needs quotes"),
    ),
    Mistake(
        "colon in braces",
        SYNTAX,
        r"[{,] *(?P<key>[\w.$@-]+): *(?P<at>[^\s\"'{}\[\]|>#,][^,{}\[\]]*?: [^,{}\[\]]*)",
        _quote_in_braces("text with ': ' in it needs quotes"),
    ),
    Mistake(
        "colon in a text",
        SYNTAX,
        rf"^ *{_KEY}(?P<at>[^\s\"'{{\[|>#].*?:(?: .*|$))",
        _quote("text with ': ' in it needs quotes"),
    ),
    Mistake("merge conflict", rf"{SYNTAX}|expected a mapping, found text", r"", _conflict),
    Mistake("uneven indent", SYNTAX, r"^(?P<indent> *)\S", _uneven),
    Mistake("unclosed bracket", rf"{SYNTAX}did not find expected ',' or", r"", _unclosed),
    Mistake("empty file", r"expected a mapping, found nothing$", r"", _empty, path=r"$"),
    Mistake("list for a mapping", r"expected (?:text or )?a mapping, found a list$", r"", _list),
    Mistake("text for a mapping", r"expected a mapping, found text$", r":\s*(?:#.*)?$", _text),
    Mistake(
        "percentage",
        r"expected text, found a whole number",
        r"max_prune: *(?P<at>\d+)",
        _at("expected a percentage; write max_prune: {at}%"),
        path=r"policy\.max_prune$",
    ),
    Mistake(
        "git+",
        _OTHER_ADDRESS,
        r"(?P<at>git\+(?P<url>(?:https?|ssh)://[^\s'\",}]+))",
        _at("this is written for another tool; write {{git: {url}}}"),
    ),
    Mistake(
        "file url",
        _OTHER_ADDRESS,
        r"(?P<at>file://(?P<path>/[^\s'\",}]+))",
        _at("write a path without 'file://': {path}"),
    ),
    Mistake(
        "space in an address",
        _OTHER_ADDRESS,
        r"(?:https?|ssh)://[^\s'\",}]+(?P<at> )[^\s#]",
        _at("an address has no spaces; write %20 in place of each"),
    ),
)
"""Asked in this order; the first that answers is taken."""

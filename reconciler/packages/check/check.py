"""Check one package: what it says against what there is. Pure: its files come in as ``Content``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Final

from msgspec import Struct, field

from reconciler.codes import CheckCode, FaultCode
from reconciler.documents.yaml.hints import quoted
from reconciler.documents.yaml.places import dotted
from reconciler.errors import Fault, InputError
from reconciler.model.config import JsonObject, has_more_than
from reconciler.model.package import EXTENSION_MANIFEST, EXTENSION_PACKAGING, MODULE_MANIFEST, MODULE_PACKAGING
from reconciler.model.regex import regex
from reconciler.packages.check import exposure, files, flow, keys, modules, tasks, values
from reconciler.packages.check.disable import Disable, disables_in, kept
from reconciler.packages.check.document import Document, Span, Text
from reconciler.packages.check.finding import Finding, Severity
from reconciler.packages.check.found import Found
from reconciler.packages.check.modules import Signature, signature_of
from reconciler.packages.content import Content, read
from reconciler.packages.manifest import Reading, read_all
from reconciler.packages.shape import EXTENSION, MODULE, PACKAGING, Shape

_UNQUOTED: Final = regex(r"(?P<value>\{\{[^#\n\r]*?\}\}[^#\n\r]*?)[ \t]*(?:#.*)?$")
_TEMPLATES: Final = "templates/"
_MOST: Final = 200
"""Findings of one package; more help nobody."""
MAX_VALUES: Final = 5_000
"""Keys and values of a document. A larger one is not looked into: what names it compares would take its square."""


class Known(Struct, frozen=True, kw_only=True):
    """What is known beside the package: extensions by name, all or some of them, and how findings are rated."""

    extensions: Mapping[str, Signature] = field(default_factory=dict)
    names_all: bool = False
    severities: Mapping[CheckCode, Severity] = field(default_factory=dict)


class Subject(Struct, frozen=True, kw_only=True):
    """A package that was read: what a check goes by, and what others need to know of it."""

    name: str
    content: Content
    reading: Reading

    @property
    def called(self) -> str:
        """The name by which other packages call it."""
        document = next((self.reading.documents.get(path) for path in _MANIFESTS if path in self.reading.documents), {})
        return str((document or {}).get("name", ""))

    @property
    def signature(self) -> Signature | None:
        """What it takes and gives; ``None`` where it is no extension."""
        for path in (EXTENSION_MANIFEST, EXTENSION_PACKAGING):
            if path in self.reading.documents:
                return signature_of(self.reading.documents[path])
        return None


_DEFINES: Final = frozenset(["task", "prompt", "steps", "hooks"])
_FOLLOWS: Final = (CheckCode.UNKNOWN_NAME, CheckCode.UNPRODUCED_OUTPUT, CheckCode.UNKNOWN_INPUT)
_MANIFESTS: Final = (MODULE_MANIFEST, EXTENSION_MANIFEST, EXTENSION_PACKAGING)


def subject(content: Content, *, name: str) -> Subject:
    """Read ``content``. What keeps it from being a package at all is a fault of it, too."""
    try:
        reading = read_all(content, name=name)
    except InputError as error:
        faults = error.faults or (Fault(message=error.message, file=name),)
        reading = Reading(package=None, documents={}, faults=faults)
    return Subject(name=name, content=content, reading=reading)


def check(of: Subject, known: Known) -> list[Finding]:
    """All that is found, in the order of the files and lines."""
    texts = [*_texts(of)]
    documents = {text.inside: _document(text, of.reading.documents) for text in texts if isinstance(text, Text)}
    found = [one for one in texts if isinstance(one, Found)]
    found += [one for entry in of.content.files for one in files.in_sizes(entry, f"{of.name}/{entry.path}")]
    for text in documents.values():
        found += files.in_text(text)
    decoded = {path: one for path, one in documents.items() if isinstance(one, Document)}
    for path, document in [*decoded.items()]:
        if has_more_than(MAX_VALUES, [document.value]):
            continue
        slips = [*islice(keys.misspelt(document, _shape(document, decoded)), _MOST)]
        decoded[path] = document.repaired({one.path: one.meant for one in slips if one.meant})
        found += slips
    for document in decoded.values():
        if not has_more_than(MAX_VALUES, [document.value]):
            found += islice(_in_document(document, of, decoded, documents, known), _MOST)
    found += _faults(of.reading.faults, documents, found, of.name)
    found = [*_once(found)]
    disables: list[Disable] = [one for document in decoded.values() for one in disables_in(document)]
    findings = {one.finding(known.severities) for one in kept(found, disables)}
    return sorted(findings, key=lambda one: (one.inside, one.line or 0, one.column or 0, one.code, one.message))[:_MOST]


def _texts(of: Subject) -> Iterator[Text | Found]:
    for entry in of.content.files:
        if files.is_text(entry.path) and entry.size <= files.MAX_TEXT_BYTES:
            yield files.in_bytes(entry.path, f"{of.name}/{entry.path}", read(of.content, entry.path))


def _document(text: Text, values: Mapping[str, JsonObject]) -> Text | Document:
    value = values.get(text.inside)
    return text if value is None else Document(text.inside, text.file, text.text, value)


def _in_document(
    document: Document,
    of: Subject,
    decoded: Mapping[str, Document],
    texts: Mapping[str, Text],
    known: Known,
) -> Iterator[Found]:
    if _shape(document, decoded) is PACKAGING:
        return
    yield from keys.names(document)
    yield from keys.doubled(document)
    if document.inside == MODULE_MANIFEST:
        bundled = {path: one for path, one in decoded.items() if path.startswith("extensions/")}
        own = {path: signature_of(one.value) for path, one in bundled.items()}
        own |= {str(one.value.get("name", "")): own[path] for path, one in bundled.items()}
        yield from modules.in_module(document, {**known.extensions, **own}, names_all=known.names_all)
        return
    yield from exposure.models(document)
    yield from values.in_values(document)
    if "steps" not in document.value and "hooks" not in document.value and "type" not in document.value:
        yield from tasks.in_task(document)
        yield from tasks.in_types(document)
        return
    yield from flow.in_workflow(document, _files(of, texts))
    yield from exposure.in_endpoints(document)
    yield from exposure.in_hooks(document)


def _shape(document: Document, decoded: Mapping[str, Document]) -> Shape:
    if document.inside == MODULE_MANIFEST:
        return MODULE
    is_beside = document.inside == EXTENSION_PACKAGING and EXTENSION_MANIFEST in decoded
    if document.inside == MODULE_PACKAGING or (is_beside and not _DEFINES & document.value.keys()):
        return PACKAGING
    return EXTENSION


def _once(found: Sequence[Found]) -> Iterator[Found]:
    """Without what only follows from a misspelt name that is told already."""
    told = [one.meant for one in found if one.meant]
    for one in found:
        if one.meant or one.code not in _FOLLOWS or not any(f"'{name}'" in one.message for name in told):
            yield one


def _files(of: Subject, texts: Mapping[str, Text]) -> flow.Files:
    templates = {
        path[len(_TEMPLATES) : -len(".txt")]: text
        for path, text in texts.items()
        if path.startswith(_TEMPLATES) and path.endswith(".txt")
    }
    return flow.Files(paths=frozenset(entry.path for entry in of.content.files), templates=templates)


def _faults(faults: Sequence[Fault], texts: Mapping[str, Text], found: Sequence[Found], name: str) -> Iterator[Found]:
    """The faults that nothing found explains better: a key that is missing because it is misspelt, for one."""
    said = {(one.text.file, dotted(one.path)) for one in found}
    slips = {(one.text.file, dotted(one.path[:-1])) for one in found if one.code is CheckCode.MISSPELT_KEY}
    broken = {one.text.file for one in found if one.code is CheckCode.NOT_UTF8}
    for fault in faults:
        place = (fault.file or "", fault.path or "")
        is_slip = fault.code is FaultCode.MISSING_KEY and place in slips
        if fault.file in broken or is_slip or (fault.path and place in said):
            continue
        text = _text_of(fault, texts, name)
        whole = Found(code=CheckCode.INVALID, message=_message(fault), text=text, span=_span(text, fault))
        yield _unquoted(text, fault) or whole


def _message(fault: Fault) -> str:
    return f"{fault.path}: {fault.message}" if fault.path and fault.line is None else fault.message


def _text_of(fault: Fault, texts: Mapping[str, Text], name: str) -> Text:
    inside = (fault.file or "").removeprefix(f"{name}/")
    return texts.get(inside) or Text("" if inside == name else inside, fault.file or name, "")


def _span(text: Text, fault: Fault) -> Span | None:
    if fault.line is None or fault.line > len(text.starts) or not text.text:
        return None
    start = text.starts[fault.line - 1] + (fault.column or 1) - 1
    return Span(start, start + 1)


def _unquoted(text: Text, fault: Fault) -> Found | None:
    """Braces without quotes, with the quotes as the fix."""
    span = _span(text, fault)
    if span is None or "needs quotes" not in fault.message:
        return None
    line, column = text.line(text.place(span.start)[0]), text.place(span.start)[1] - 1
    match = _UNQUOTED.match(line[column:])
    if match is None:
        return None
    value, is_sure = _unquoted_value(line[:column], match["value"])
    whole = Span(span.start, span.start + len(value))
    message = f"{value} without quotes is a mapping in YAML; write {quoted(value)}"
    return Found(
        code=CheckCode.UNQUOTED_BRACES, message=message, text=text, span=whole, fix=quoted(value) if is_sure else None
    )


def _unquoted_value(before: str, rest: str) -> tuple[str, bool]:
    """What of the ``rest`` of a line the quotes belong around, and whether that is sure."""
    is_inside = any(before.count(one) > before.count(other) for one, other in ("{}", "[]"))
    if not is_inside and not rest.endswith(",") and rest.count("{") == rest.count("}"):
        return rest, True
    value = rest[: rest.index("}}") + 2]  # among others, between braces: it ends before the next one
    return value, rest[len(value) :].lstrip().startswith((",", "}", "]"))

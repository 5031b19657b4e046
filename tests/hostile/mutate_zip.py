"""Zip archives with things wrong in them, drawn at random: in the records that they are made of, and in their bytes."""

from __future__ import annotations

import io
import itertools
import random
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from tests.hostile import zip_builder
from tests.hostile.mutate_bytes import damaged, number
from tests.hostile.zip_builder import Entry, build, build64, deflated, extra, streamed

MANIFEST: Final = (
    b"name: x\nversion: 1.0.0\ndescription: d\ntype: workflow\nconfig:\n  a: 1\nsteps:\n  - uses: llm.chat\n"
)
TEXT: Final = b"some text, some more text\n" * 9
NAMES: Final = (
    *("../evil", "a/../../b", "/etc/x", "C:\\x", "a\\b", "CON", "aux.yaml", "a.", "a:b", "", ".", "a//b", "./a", "d/"),
    *(".git/x", "a/.GIT/x", "a\0b", "a\x1bb", "a\u202eb", "caf\u00e9", "cafe\u0301", "A", "a", "a/b", "manifest.yaml"),
    *(
        "MANIFEST.YAML",
        "__MACOSX/._x",
        "__MACOSX/../x",
        ".DS_Store",
        "top/x",
        "x" * 300,
        "d/" * 20 + "x",
        "checksums.txt",
    ),
    *("extension.yaml", "agenticmodule.yaml", "..", "~/x", "-rf", "%2e%2e/x", "\ufeffa", "a\u0000", "ﬁle", "file"),
)
EXTRAS: Final = (
    *(
        b"",
        extra(1, b""),
        extra(1, b"\0" * 8),
        extra(1, b"\xff" * 16),
        extra(0x7075, b"\1....other"),
        b"\0",
        b"\1\0\5\0",
    ),
    *(
        extra(0x5455, b"\3" + bytes(8)),
        extra(0x7875, b"\1\4" + bytes(10)),
        extra(0x000A, bytes(32)),
        extra(0x9901, b"\2\0AE\3\0\0"),
    ),
    *(extra(0x5455, b"") * 2, extra(0x6375, b"\1....a comment"), b"".join(extra(kind, b"") for kind in range(2, 90))),
)
MODES: Final = (
    0,
    0o100644,
    0o100755,
    0o104755,
    0o40755,
    0o120777,
    0o10644,
    0o60644,
    0o140777,
    0o170000,
    0o644,
    0o100000,
)


@dataclass(frozen=True, kw_only=True)
class Model:
    """An archive before it is built."""

    entries: tuple[Entry, ...]
    wide: bool = False
    comment: bytes = b""
    hidden: bytes = b""
    before_end: bytes = b""
    end: zip_builder.Lies = field(default_factory=dict)

    def built(self) -> bytes:
        if self.wide:
            return build64(self.entries, end=self.end)
        return build(self.entries, comment=self.comment, hidden=self.hidden, before_end=self.before_end, end=self.end)


_GOOD: Final = Entry(data=MANIFEST)
MODELS: Final = (
    Model(entries=(_GOOD,)),
    Model(
        entries=(replace(_GOOD, deflate=True), Entry(name="b.txt", data=TEXT, deflate=True), Entry(name="c", data=b""))
    ),
    Model(
        entries=(streamed(MANIFEST, deflate=True), replace(streamed(TEXT), name="b", mode=0o100755)), comment=b"comment"
    ),
    Model(
        entries=(
            Entry(name="top/", mode=0o40755, data=b""),
            replace(_GOOD, name="top/manifest.yaml"),
            Entry(name="top/d/e"),
        )
    ),
    Model(
        entries=(replace(_GOOD, extra=extra(0x5455, b"\1abcd")), Entry(name="__MACOSX/._x"), Entry(name=".DS_Store")),
        wide=True,
    ),
    Model(
        entries=(
            _GOOD,
            replace(streamed(TEXT, sizes="QQ", signature=b""), name="late"),
            Entry(name="\u00fc", flags=2048),
        )
    ),
)


def _written(method: int, *, seekable: bool, zip64: bool) -> bytes:
    """What Python's own writer makes."""
    out = io.BytesIO()
    if not seekable:
        out.seekable = lambda: False  # type: ignore[method-assign]
        out.tell = _refuse  # type: ignore[method-assign]
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in (("manifest.yaml", MANIFEST), ("sub/", b""), ("sub/\u00fc.txt", TEXT), ("sub/b", b"")):
            with archive.open(zipfile.ZipInfo(name), "w", force_zip64=zip64) as member:
                member.write(data)
    return out.getvalue()


def _refuse() -> int:
    raise OSError


WRITTEN: Final = tuple(
    _written(method, seekable=seekable, zip64=zip64)
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    for seekable in (True, False)
    for zip64 in (True, False)
)


def mutant(draw: random.Random) -> bytes:
    """An archive with one to four things done to it."""
    times = draw.choice((1, 1, 1, 2, 2, 3, 4))
    if draw.random() < 0.65:
        model = draw.choice(MODELS)
        for _ in range(times):
            model = draw.choice(_CHANGES)(draw, model)
        data = model.built()
        times = draw.choice((0, 0, 0, 0, 1))
    else:
        data = draw.choice(WRITTEN)
    for _ in range(times):
        data = draw.choice(_DAMAGES)(draw, data)
    return data


# In the records


def _change_entry(draw: random.Random, model: Model, change: Callable[[Entry], Entry]) -> Model:
    entries = list(model.entries)
    at = draw.randrange(len(entries))
    entries[at] = change(entries[at])
    return replace(model, entries=tuple(entries))


def _lie(draw: random.Random, model: Model) -> Model:
    """One field of one header, or the same field of both."""
    local, central = draw.choice(((True, False), (False, True), (True, True), (True, True)))
    names: Sequence[str] = zip_builder.LOCAL if local else zip_builder.CENTRAL
    name, value = draw.choice([name for name in names if name != "signature"]), number(draw)

    def lied(entry: Entry) -> Entry:
        lie = {name: value & (0xFFFF_FFFF if name in _WIDE else 0xFFFF)}
        return replace(
            entry,
            local={**entry.local, **lie} if local else entry.local,
            central={**entry.central, **lie} if central else entry.central,
        )

    return _change_entry(draw, model, lied)


_WIDE: Final = frozenset(["crc", "packed", "size", "external", "offset"])


def _rename(draw: random.Random, model: Model) -> Model:
    name = draw.choice(NAMES).encode("utf-8", "surrogatepass")
    name = damaged(draw, name) if draw.random() < 0.3 else name
    is_folder = name.endswith(b"/") and draw.random() < 0.8

    def renamed(entry: Entry) -> Entry:
        if is_folder:
            return Entry(name=name, mode=0o40755, data=b"")
        return replace(entry, name=name)

    return _change_entry(draw, model, renamed)


def _rename_here(draw: random.Random, model: Model) -> Model:
    name = draw.choice(NAMES).encode("utf-8", "surrogatepass")
    return _change_entry(draw, model, lambda entry: replace(entry, local_name=name))


def _attach(draw: random.Random, model: Model) -> Model:
    one, other = draw.choice(EXTRAS), draw.choice(EXTRAS)
    if draw.random() < 0.3:
        one = damaged(draw, one)
    return _change_entry(
        draw, model, lambda entry: replace(entry, extra=one, local_extra=draw.choice((None, None, b"", other)))
    )


def _retype(draw: random.Random, model: Model) -> Model:
    mode, system = draw.choice(MODES), draw.choice((0, 3, 3, 3, 10, 19, 255))
    return _change_entry(draw, model, lambda entry: replace(entry, mode=mode, system=system))


def _flag(draw: random.Random, model: Model) -> Model:
    bits = 1 << draw.randrange(16)
    return _change_entry(draw, model, lambda entry: replace(entry, flags=entry.flags ^ bits))


def _repack(draw: random.Random, model: Model) -> Model:
    """The data is not what the header says of it."""

    def repacked(entry: Entry) -> Entry:
        choice = draw.randrange(6)
        if choice == 0:
            return replace(entry, packed=entry.payload + b"more")
        if choice == 1:
            return replace(entry, packed=damaged(draw, entry.payload))
        if choice == 2:
            bomb = bytes(draw.choice((1 << 10, 1 << 20, 3 << 20)))
            return replace(entry, data=bomb, deflate=True, packed=deflated(bomb), descriptor=b"", flags=0, local={})
        if choice == 3:
            return replace(entry, packed=deflated(entry.data) * 2, deflate=True)
        if choice == 4:
            return replace(entry, data=draw.randbytes(draw.randrange(200)), descriptor=b"", flags=0, local={})
        return replace(entry, descriptor=damaged(draw, entry.descriptor + b"PK\x07\x08"))

    return _change_entry(draw, model, repacked)


def _reorder(draw: random.Random, model: Model) -> Model:
    entries = [*model.entries]
    draw.shuffle(entries)
    return replace(model, entries=tuple(entries))


def _repeat(draw: random.Random, model: Model) -> Model:
    """An entry again: whole, unlisted, or listed only."""
    entry = draw.choice(model.entries)
    written, listed = draw.choice(((True, True), (True, False), (False, True)))
    return replace(model, entries=(*model.entries, replace(entry, written=written, listed=listed)))


def _join(draw: random.Random, model: Model) -> Model:
    other = draw.choice(MODELS)
    return replace(model, entries=tuple(draw.sample([*model.entries, *other.entries], len(model.entries))))


def _end(draw: random.Random, model: Model) -> Model:
    name = draw.choice(zip_builder.END[1:])
    mask = 0xFFFF_FFFF if name in ("size", "start") else 0xFFFF
    return replace(model, end={**model.end, name: number(draw) & mask})


def _surround(draw: random.Random, model: Model) -> Model:
    choice, data = draw.randrange(4), draw.randbytes(draw.randrange(1, 40))
    if choice == 0:
        return replace(model, hidden=data)
    if choice == 1:
        return replace(model, before_end=data)
    return replace(model, comment=data if choice == 2 else model.built()[-30:])


def _widen(_draw: random.Random, model: Model) -> Model:
    return replace(model, wide=not model.wide, comment=b"", hidden=b"", before_end=b"")


_CHANGES: Final[Sequence[Callable[[random.Random, Model], Model]]] = (
    *(_lie, _lie, _lie, _rename, _rename, _rename_here, _attach, _retype, _flag, _repack, _reorder, _repeat, _join),
    *(_end, _surround, _widen),
)


# In the bytes


def _patch(draw: random.Random, data: bytes) -> bytes:
    """A field of a record that is found by its signature."""
    signature, length = draw.choice(
        ((b"PK\3\4", 30), (b"PK\1\2", 46), (b"PK\5\6", 22), (b"PK\6\6", 56), (b"PK\6\7", 20))
    )
    places = [at for at in range(len(data)) if data.startswith(signature, at)]
    if not places:
        return damaged(draw, data)
    at, width = draw.choice(places) + draw.randrange(4, length), draw.choice((1, 2, 2, 4, 4, 8))
    return data[:at] + (number(draw) & (1 << 8 * width) - 1).to_bytes(width, "little") + data[at + width :]


def _splice(draw: random.Random, data: bytes) -> bytes:
    other = draw.choice(WRITTEN) if draw.random() < 0.5 else draw.choice(MODELS).built()
    return data[: draw.randrange(len(data) + 1)] + other[draw.randrange(len(other)) :]


def _swap_records(draw: random.Random, data: bytes) -> bytes:
    """Two pieces between signatures change places."""
    cuts = [at for at in range(len(data)) if data[at : at + 2] == b"PK"]
    pieces = [data[start:end] for start, end in itertools.pairwise([0, *cuts, len(data)])]
    if len(pieces) > 1:
        one, other = draw.sample(range(len(pieces)), 2)
        pieces[one], pieces[other] = pieces[other], pieces[one]
    return b"".join(pieces)


def _pad(draw: random.Random, data: bytes) -> bytes:
    """Zeros behind it, as a writer of blocks leaves them, or nearly."""
    block = draw.choice((512, 10_240, 10_240, 20_480))
    return data + bytes(max(0, -len(data) % block + draw.choice((0, 0, 0, 1, -1))))


def _cut(draw: random.Random, data: bytes) -> bytes:
    return data[: draw.randrange(len(data) + 1)]


_DAMAGES: Final[Sequence[Callable[[random.Random, bytes], bytes]]] = (
    *(damaged, damaged, _patch, _patch, _patch, _splice, _swap_records, _cut, _pad),
)

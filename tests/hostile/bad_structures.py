"""Archives with one thing wrong in their structure, or past a limit, and what is said of each.

Row numbers are those of the catalogue of bad inputs.
"""

from __future__ import annotations

import struct
from dataclasses import replace

from reconciler.model.desired import Limits
from tests.hostile.zip_builder import Entry, build, build64, deflated, end_record, extra, streamed

AGAIN = "pack the archive again"
GOOD = Entry()
NEXT = Entry(name="b.txt", data=b"b")
TEXT = b"some text, some more text\n" * 9
DEFLATED = Entry(data=TEXT, deflate=True)
LATE = streamed(TEXT, deflate=True)
END = 22
MANIFEST = "entry 'manifest.yaml'"


def fault(rule: str, *, where: str = "", advice: str = AGAIN) -> str:
    return f"{where}: {rule}; {advice}" if where else f"{rule}; {advice}"


def of_manifest(rule: str, advice: str = AGAIN) -> str:
    return fault(rule, where=MANIFEST, advice=advice)


def with_sizes(entry: Entry, **lies: int) -> Entry:
    return replace(entry, local=lies, central=lies)


def quoted_overlap() -> bytes:
    """The first entry's data holds the header of the second, which the directory lists as well."""
    inner = Entry(name="inner", data=b"x" * 50)
    outer = Entry(data=inner.local_part())
    listed = replace(inner, written=False, central={"offset": 30 + len(outer.raw_name)})
    return build([outer, listed])


def with_prefix(adjusted: bool) -> bytes:
    start = len(GOOD.local_part())
    if not adjusted:
        return b"#!sh" + build([GOOD])
    return b"#!sh" + build([replace(GOOD, central={"offset": 4})], end={"start": start + 4})


def many(count: int, *, said: int) -> bytes:
    """An archive with ``count`` records in its directory, of which the end record says ``said``."""
    body, directory = GOOD.local_part(), GOOD.central_part(0) * count
    return body + directory + end_record(said, len(directory), len(body))


OVERLAP = "overlaps what is behind it"
DISAGREE = of_manifest("its header and the central directory disagree")
NO_DESCRIPTOR = of_manifest("has no data descriptor that fits it")
NO_END = fault("is not a complete zip archive: its end record is missing, or other bytes follow it")
TWO_ENDS = fault("has two end records")
PARTS = fault("is one part of an archive in several")
LOCATOR = fault("has a zip64 end record that is not right before its locator, or is longer than it may be")
NO_ROOM = of_manifest("its extra fields do not fill the room given for them")
ENCRYPTED = of_manifest("is encrypted", "pack the archive without a password")
GAP_BEFORE_END = "has {} bytes that belong to no entry, before the entries or before its end record"

STRUCTURE = {
    "row-28-full-overlap": (
        build([GOOD, replace(GOOD, name="again", written=False, central={"offset": 0})]),
        of_manifest(OVERLAP),
    ),
    "row-29-quoted-overlap": (quoted_overlap(), of_manifest(OVERLAP)),
    "row-32-too-many-entries": (
        many(2001, said=2001),
        fault(
            "has 2001 entries in a directory of 118059 bytes; at most 2000 in 4194304 are read",
            advice="make the package smaller",
        ),
    ),
    "row-32-seventy-thousand": (
        many(70_000, said=70_000),
        fault(
            "has 4464 entries in a directory of 4130000 bytes; at most 2000 in 4194304 are read",
            advice="make the package smaller",
        ),
    ),
    "row-32-huge-directory": (
        many(80_000, said=1),
        fault(
            "has 1 entries in a directory of 4720000 bytes; at most 2000 in 4194304 are read",
            advice="make the package smaller",
        ),
    ),
    "row-33-count-modulo": (many(65_537, said=65_537), fault("lists more entries than its end record counts")),
    "row-33-count-too-high": (many(1, said=2), fault("lists fewer entries than its end record counts")),
    "row-33-no-directory-record": (
        build([replace(GOOD, central={"signature": 0})]),
        fault("lists fewer entries than its end record counts"),
    ),
    "row-34-huge-packed-size": (build([with_sizes(DEFLATED, packed=0xFFFF_FFF0)]), of_manifest(OVERLAP)),
    "row-35-size-too-large": (
        build([with_sizes(DEFLATED, size=len(TEXT) + 1)]),
        of_manifest(f"unpacks to {len(TEXT)} bytes, not to the declared {len(TEXT) + 1}"),
    ),
    "row-35-size-too-small": (
        build([with_sizes(DEFLATED, size=5)]),
        of_manifest("unpacks to more than the declared 5 bytes"),
    ),
    "row-35-size-of-a-stored-file": (
        build([with_sizes(GOOD, size=5)]),
        of_manifest("unpacks to 8 bytes, not to the declared 5"),
    ),
    "row-36-crc": (build([with_sizes(DEFLATED, crc=1)]), of_manifest("its data does not fit its CRC: it is damaged")),
    "row-36-crc-of-a-stored-file": (
        build([with_sizes(GOOD, crc=1)]),
        of_manifest("its data does not fit its CRC: it is damaged"),
    ),
    "row-37-descriptor-lies": (build([replace(LATE, descriptor=b"PK\x07\x08" + b"\1" * 12)]), NO_DESCRIPTOR),
    "row-37-descriptor-missing": (build([replace(LATE, descriptor=b"")]), NO_DESCRIPTOR),
    "row-37-descriptor-cut": (build([replace(LATE, descriptor=LATE.descriptor[:-4]), NEXT]), NO_DESCRIPTOR),
    "row-37-descriptor-of-another-kind": (
        build([replace(LATE, descriptor=b"PK\x07\x09" + LATE.descriptor[4:])]),
        NO_DESCRIPTOR,
    ),
    "row-37-descriptor-not-announced": (
        build([replace(GOOD, descriptor=b"PK\x07\x08" + b"\0" * 12)]),
        of_manifest("16 bytes that belong to no entry stand behind it"),
    ),
    "row-37-descriptor-huge": (build([replace(LATE, descriptor=b"x" * 5000)]), NO_DESCRIPTOR),
    "row-38-name": (build([replace(GOOD, local_name=b"manifest.yamm")]), DISAGREE),
    "row-38-method": (build([replace(GOOD, local={"method": 8})]), DISAGREE),
    "row-38-flags": (build([replace(GOOD, local={"flags": 2048})]), DISAGREE),
    "row-38-crc": (build([replace(GOOD, local={"crc": 5})]), DISAGREE),
    "row-38-size": (build([replace(GOOD, local={"size": 5})]), DISAGREE),
    "row-38-packed": (build([replace(GOOD, local={"packed": 5})]), DISAGREE),
    "row-38-no-sizes": (build([replace(GOOD, local={"size": 0, "packed": 0, "crc": 0})]), DISAGREE),
    "row-38-descriptor-with-other-sizes": (build([replace(LATE, local={"size": 3})]), DISAGREE),
    "row-38-no-local-header": (
        build([replace(GOOD, local={"signature": 0})]),
        of_manifest("has no header before its data"),
    ),
    "row-39-not-listed": (
        build([GOOD, replace(NEXT, listed=False), Entry(name="c")]),
        of_manifest(f"{len(NEXT.local_part())} bytes that belong to no entry stand behind it"),
    ),
    "row-39-first-not-listed": (
        build([replace(NEXT, listed=False), GOOD]),
        fault(f"has {len(NEXT.local_part())} bytes before its first entry"),
    ),
    "row-39-hidden-before-directory": (
        build([GOOD], hidden=b"hidden"),
        of_manifest("6 bytes that belong to no entry stand behind it"),
    ),
    "row-40-prefix": (with_prefix(adjusted=False), fault(GAP_BEFORE_END.format(4))),
    "row-40-prefix-adjusted": (with_prefix(adjusted=True), fault("has 4 bytes before its first entry")),
    "row-41-trailing": (build([GOOD]) + b"\0", NO_END),
    "row-41-trailing-after-comment": (build([GOOD], comment=b"abc") + b"d", NO_END),
    "row-41-zeros-that-fill-no-block": (build([GOOD]).ljust(511, b"\0"), NO_END),
    "row-41-zeros-beyond-a-block": (build([GOOD]) + bytes(20_480 - len(build([GOOD]))), NO_END),
    "row-41-more-than-zeros": (build([GOOD]).ljust(10_239, b"\0") + b"x", NO_END),
    "row-41-before-the-end-record": (build([GOOD], before_end=b"12345"), fault(GAP_BEFORE_END.format(5))),
    "row-41-directory-into-end-record": (
        build([GOOD], end={"size": 60}),
        fault("has a central directory that runs into its end record"),
    ),
    "row-42-concatenated": (build([GOOD]) + build([GOOD]), fault(GAP_BEFORE_END.format(len(build([GOOD]))))),
    "row-43-second-end-record": (build([GOOD], before_end=end_record(1, 59, 51)), fault(GAP_BEFORE_END.format(END))),
    "row-43-end-record-in-the-comment": (build([GOOD], comment=end_record(1, 59, 51)), TWO_ENDS),
    "row-43-signature-in-the-comment": (build([GOOD], comment=b"see PK\5\6"), TWO_ENDS),
    "row-44-locator-offset": (build64([GOOD], locator={"offset": 7}), LOCATOR),
    "row-44-locator-disk": (build64([GOOD], locator={"disk": 1}), LOCATOR),
    "row-44-locator-disks": (build64([GOOD], locator={"disks": 2}), LOCATOR),
    "row-44-other-count": (
        build64([GOOD], end={"count": 2, "here": 2}),
        fault("has two end records, with and without zip64, that disagree"),
    ),
    "row-44-no-zip64-record": (
        struct.pack("<IIQI", 0x07064B50, 0, 0, 1) + end_record(0, 0, 0),
        fault("has a zip64 locator but no zip64 end record"),
    ),
    "row-44-saturated-without-zip64": (
        build([GOOD], end={"start": 0xFFFF_FFFF}),
        fault("has a central directory that runs into its end record"),
    ),
    "row-45-extensible-data": (build64([GOOD], extensible=b"\0" * 8), LOCATOR),
    "row-45-extensible-data-claimed": (build64([GOOD], record={"length": 52}), LOCATOR),
    "row-44-no-signature": (build64([GOOD], record={"signature": 0}), LOCATOR),
    "row-50-entries-elsewhere-zip64": (
        build64([GOOD], record={"count": 2}, end={"count": 0xFFFF, "here": 0xFFFF}),
        PARTS,
    ),
    "row-46-unicode-path": (
        build([replace(GOOD, extra=extra(0x7075, b"\1....other.yaml"))]),
        of_manifest("it has another name in its Unicode path field"),
    ),
    "row-46-unicode-path-in-the-local-header": (
        build([replace(GOOD, local_extra=extra(0x7075, b"\1....other.yaml"))]),
        of_manifest("it has another name in its Unicode path field"),
    ),
    "row-47-extra-twice": (
        build([replace(GOOD, extra=extra(0x5455, b"\0") * 2)]),
        of_manifest("the extra field 0x5455 is there twice"),
    ),
    "row-47-extra-short": (build([replace(GOOD, extra=extra(0x5455, b"\0" * 5)[:-1])]), NO_ROOM),
    "row-47-extra-crumbs": (build([replace(GOOD, local_extra=b"\0\0\0")]), NO_ROOM),
    "row-47-extras-without-end": (
        build([replace(GOOD, extra=b"".join(extra(kind, b"") for kind in range(2, 300)))]),
        NO_ROOM,
    ),
    "row-47-zip64-field-not-needed": (
        build([replace(GOOD, extra=extra(1, b"\0" * 8))]),
        of_manifest("its zip64 field does not fit its header"),
    ),
    "row-48-encrypted": (build([replace(GOOD, flags=1)]), ENCRYPTED),
    "row-48-strongly-encrypted": (build([replace(GOOD, flags=1 << 6)]), ENCRYPTED),
    "row-48-masked-headers": (build([replace(GOOD, flags=1 << 13)]), ENCRYPTED),
    "row-48-patched-data": (build([replace(GOOD, flags=1 << 5)]), of_manifest("has unknown flags (0x0020)")),
    "row-49-method": (
        build([with_sizes(GOOD, method=12)]),
        of_manifest(
            "is compressed by method 12; only stored and deflated are read",
            "pack the archive with plain zip compression",
        ),
    ),
    "row-49-version": (
        build([with_sizes(GOOD, needed=64)]),
        of_manifest("needs version 6.4 of the zip format, which no reader knows"),
    ),
    "row-36-crc-of-what-is-ignored": (
        build([GOOD, with_sizes(Entry(name=".DS_Store"), crc=1)]),
        fault("its data does not fit its CRC: it is damaged", where="entry '.DS_Store'"),
    ),
    "row-50-disk-of-the-end": (build([GOOD], end={"disk": 1}), PARTS),
    "row-50-disk-of-the-directory": (build([GOOD], end={"start_disk": 1}), PARTS),
    "row-50-entries-elsewhere": (build([GOOD], end={"count": 2}), PARTS),
    "row-50-disk-of-an-entry": (
        build([replace(GOOD, central={"disk": 1})]),
        of_manifest("is on another part of an archive in several"),
    ),
    "row-51-empty-file": (b"", NO_END),
    "row-51-end-record-only": (end_record(0, 0, 0), fault("holds no files")),
    "row-51-cut-in-the-end-record": (build([GOOD])[:-1], NO_END),
    "row-51-no-zip": (b"manifest: here\n" * 9, NO_END),
    "row-51-directory-record-cut": (
        build([replace(GOOD, central={"comment_len": 9})]),
        fault("has a central directory that is cut short"),
    ),
    "row-51-entry-past-the-end": (
        build([GOOD, replace(NEXT, central={"offset": 1 << 30})]),
        of_manifest(f"{(1 << 30) - len(GOOD.local_part())} bytes that belong to no entry stand behind it"),
    ),
    "row-51-local-header-past-the-end": (
        build([replace(GOOD, local={"extra_len": 0xFFFF})]),
        fault("ends in the middle of an entry: it is damaged"),
    ),
    "row-53-data-after-deflate-end": (
        build([replace(DEFLATED, packed=deflated(TEXT) + b"hidden")]),
        of_manifest("has data behind the end of its deflate stream"),
    ),
    "row-53-a-second-deflate-stream": (
        build([replace(DEFLATED, packed=deflated(TEXT) * 2)]),
        of_manifest("has data behind the end of its deflate stream"),
    ),
    "row-53-deflate-cut-short": (
        build([replace(DEFLATED, packed=deflated(TEXT)[:-2])]),
        of_manifest("its deflate data is cut short"),
    ),
    "row-53-no-deflate-data": (
        build([Entry(data=b"", deflate=True, packed=b"")]),
        of_manifest("its deflate data is cut short"),
    ),
    "row-53-deflate-broken": (
        build([replace(DEFLATED, packed=b"\x07" + deflated(TEXT)[1:])]),
        of_manifest("its deflate data is broken (Error -3 while decompressing data: invalid block type)"),
    ),
}

ZEROS = Entry(data=bytes(2 << 20), deflate=True)
LIMITED = {
    "row-30-ratio": (
        build([ZEROS]),
        Limits(),
        of_manifest(
            f"unpacks to more than 200 times its {len(ZEROS.payload)} bytes",
            "store it uncompressed if it is what it should be",
        ),
    ),
    "row-30-ratio-denied": (
        build([with_sizes(ZEROS, size=1000)]),
        Limits(),
        of_manifest("unpacks to more than the declared 1000 bytes"),
    ),
    "row-30-one-file": (
        build([DEFLATED]),
        Limits(file=100),
        of_manifest(f"has {len(TEXT)} bytes; a file has at most 100", "make the package smaller"),
    ),
    "row-30-all-files": (
        build([DEFLATED, replace(DEFLATED, name="b")]),
        Limits(unpacked=300),
        fault(
            f"unpacks to {2 * len(TEXT)} bytes; at most 300 are",
            advice="make the package smaller, or raise policy.limits.unpacked",
        ),
    ),
    "row-30-archive": (
        build([GOOD]),
        Limits(archive=100),
        fault(
            f"has {len(build([GOOD]))} bytes; at most 100 are read",
            advice="make the package smaller, or raise policy.limits.archive",
        ),
    ),
}

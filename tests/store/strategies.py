"""What the laws of our documents are tried on."""

from __future__ import annotations

import json

from hypothesis import strategies as st
from msgspec import UNSET

from reconciler.model.digest import Digest
from reconciler.model.executables import in_order
from reconciler.model.ids import PACKAGE_KINDS, ItemKey, Kind
from reconciler.model.journal import Journal, Move
from reconciler.model.lock import Lock, LockItem, Pin
from reconciler.model.package import Dialect, Manifest
from reconciler.model.record import ConfirmBy, Hold, Record, RecordedFile, RecordItem, Route, Routes, Suspension
from reconciler.model.registry import Registry, RegistryEntry
from reconciler.model.servers import RecordedServer, ServerChange, ServerEdit
from reconciler.model.source import Source, SourceKind, plain_path
from tests.documents.strategies import WORDS, objects

any_text = st.sampled_from([*WORDS, "\ud800", "a\udfffb", "\ud83d\ude00"]) | st.text(max_size=8)
"""Lone surrogates too: JSON can spell them, so a file of ours or of the gateway's may hold them."""
texts = any_text.filter(bool)
numbers = st.integers(0, 2**63 - 1)
ids = st.from_regex(r"\A[a-zA-Z0-9_-]{1,8}\Z")
keys = st.builds(ItemKey, st.sampled_from(PACKAGE_KINDS), ids)
digests = st.binary(min_size=32, max_size=32).map(lambda data: Digest(f"sha256:{data.hex()}"))
sources = st.builds(Source, st.sampled_from(SourceKind), texts, any_text, any_text.map(plain_path))
servers = st.builds(
    RecordedServer,
    key=st.builds(ItemKey, st.just(Kind.MCP_SERVER), ids),
    owner=texts | st.none(),
    settings=objects,
    enabled=st.booleans(),
    entry=digests,
)
files = st.dictionaries(texts, st.builds(RecordedFile, texts, numbers, numbers, numbers, numbers), max_size=3)


@st.composite
def record_items(draw: st.DrawFn) -> RecordItem:
    key = draw(keys)
    manifest = st.builds(
        Manifest,
        kind=st.just(key.kind),
        id=st.just(key.id),
        name=texts,
        version=texts,
        dialect=st.sampled_from(Dialect),
        definition=texts,
        loadable=st.booleans(),
        builtin=st.booleans(),
        enabled_default=st.booleans(),
        hot_reload=st.booleans(),
        requires=st.lists(texts, max_size=2).map(tuple),
    )
    return RecordItem(
        key=key,
        owner=draw(texts | st.none()),
        source=draw(sources),
        source_stamp=draw(any_text),
        tree=draw(digests),
        config=draw(objects),
        enabled=draw(st.booleans()),
        manifest=draw(manifest),
        files=draw(files),
        depends_on=draw(st.lists(texts, max_size=2).map(tuple)),
        may_run=draw(st.frozensets(texts, max_size=2).map(in_order) | st.none()),
    )


records = st.builds(
    Record,
    generation=numbers,
    told_generation=numbers,
    hold=st.builds(Hold, reason=any_text, generation=numbers, inputs=st.dictionaries(any_text, digests, max_size=2))
    | st.none(),
    confirm_by=st.none()
    | st.builds(
        ConfirmBy,
        generation=numbers,
        back_to=numbers,
        until=any_text,
        inputs=st.dictionaries(any_text, digests, max_size=2),
    ),
    suspensions=st.lists(st.builds(Suspension, item=any_text, reason=any_text, since=any_text), max_size=2).map(tuple),
    routes=st.builds(
        Routes,
        process=any_text,
        generation=numbers,
        items=st.dictionaries(any_text, st.builds(Route, any_text, any_text), max_size=2),
    ),
    owners=st.dictionaries(any_text, texts, max_size=2),
    documents=st.dictionaries(digests, objects, max_size=2),
    items=st.lists(record_items(), max_size=3).map(lambda items: {item.key: item for item in items}),
    servers=st.lists(servers, max_size=2).map(lambda items: {item.key: item for item in items}),
)

_KNOWN_KEYS = ("id", "type", "name", "version", "enabled", "installed_at", "last_updated_at", "source_path")
extras = objects.map(lambda value: {key: value[key] for key in value if key not in _KNOWN_KEYS})


@st.composite
def entries(draw: st.DrawFn) -> RegistryEntry:
    return RegistryEntry(
        key=ItemKey(draw(st.sampled_from(PACKAGE_KINDS)), draw(spelled.filter(bool))),
        name=draw(spelled.filter(bool)),
        version=draw(spelled),
        enabled=draw(st.booleans()),
        installed_at=draw(spelled),
        last_updated_at=draw(spelled),
        source_path=draw(spelled),
        extra=draw(extras),
    )


spelled = any_text.map(lambda text: str(json.loads(json.dumps(text))))
"""As JSON gives it back: no pair of surrogates, which is one character there."""


_usual = st.fixed_dictionaries(
    {
        **dict.fromkeys(("id", "name", "version", "installed_at", "last_updated_at", "source_path"), spelled),
        "type": st.sampled_from([*map(str, PACKAGE_KINDS)]),
        "enabled": st.booleans(),
    }
)
nearly_usual = (
    _usual
    | st.builds(
        lambda row, key, value: {**row, key: value},
        _usual,
        st.sampled_from([*_KNOWN_KEYS, "more"]),
        st.sampled_from([None, 1, True, "", "skill", []]),
    )
    | st.builds(lambda row, gone: {key: row[key] for key in row if key != gone}, _usual, st.sampled_from(_KNOWN_KEYS))
)
"""Entries with the keys of the gateway's own; of some one value is missing, or another, or there is another key."""


foreign = st.builds(
    lambda item_id, kind, more: {**more, "id": item_id, "type": kind},
    spelled.filter(bool),
    st.sampled_from(["skill", "Ä"]),
    extras,
)
registries = st.builds(
    Registry,
    entries=st.lists(entries(), max_size=3).map(lambda found: {entry.key.id: entry for entry in found}),
    foreign=st.lists(foreign, max_size=2).map(
        lambda found: tuple(sorted(found, key=lambda value: (str(value["type"]), str(value["id"]))))
    ),
)

locations = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters=[chr(code) for code in (*range(32), 127)]),
    min_size=1,
    max_size=12,
) | st.sampled_from(["a\x85b", "a\u2028b", "\ufeffa", "😀.zip", "a b: c # d", '"\\', "\ufffe", " a "])
lock_versions = st.sampled_from(["1.0.0", "1.10.0", "0.0.0-rc.1+b", "1.2.3.4", "1.0.0 é", "1.0.0\x85x"])
paths = locations.filter(lambda text: "://" not in text)
plain = st.text("abc/.-_é0", min_size=1, max_size=9).filter(lambda text: text[0] not in "-/" and ".." not in text)
web_addresses = plain.map(lambda text: f"https://example.org/{text}")
package_folders = plain.map(lambda text: "/".join(part for part in text.split("/") if part not in ("", ".")))
repositories = st.sampled_from(["registry.example.org/team/a", "localhost:5000/a-b/c_d", "[::1]:5000/a"])
commits = st.binary(min_size=20, max_size=20).map(bytes.hex)
pinned_sources = (
    st.builds(Source, st.just(SourceKind.HTTP), web_addresses)
    | st.builds(Source, st.just(SourceKind.CATALOG), web_addresses | paths)
    | st.builds(Source, st.just(SourceKind.GIT), web_addresses | plain, plain | st.just(""), package_folders)
    | st.builds(
        Source, st.just(SourceKind.OCI), repositories, plain | st.just("") | digests.map(lambda text: f"@{text}")
    )
)
pins = (
    st.builds(Pin, url=web_addresses)
    | st.builds(Pin, commit=commits, tag=plain | st.just(""))
    | st.builds(Pin, oci=repositories, digest=digests, tag=plain | st.just(""))
)
unpinned_sources = st.builds(Source, st.sampled_from([SourceKind.DIR, SourceKind.ZIP]), paths)
locks = st.lists(
    st.builds(LockItem, key=keys, source=unpinned_sources, version=lock_versions, tree=digests)
    | st.builds(
        LockItem,
        key=keys,
        source=pinned_sources,
        version=lock_versions,
        tree=digests,
        pin=pins,
        archive=digests | st.none(),
    ),
    max_size=3,
    unique_by=lambda item: item.key.id,
).map(lambda items: Lock(items=tuple(sorted(items, key=lambda item: item.key))))

server_edits = st.dictionaries(
    texts, st.builds(ServerEdit, entry=objects | st.none(), is_whole=st.booleans()), max_size=2
)
moves = st.builds(
    Move,
    key=keys,
    target=texts,
    new=texts,
    old=texts,
    new_inode=numbers | st.none(),
    old_inode=numbers | st.none(),
    backup=texts | st.none(),
    brought=st.frozensets(any_text, max_size=3) | st.none(),
)
edits = st.dictionaries(texts, entries() | st.none(), max_size=2)
journals = st.builds(
    Journal,
    txn=texts,
    generation=numbers,
    moves=st.lists(moves, max_size=2).map(tuple),
    edits=edits,
    before=edits,
    rebuilt=st.lists(entries(), max_size=2).map(tuple) | st.none(),
    record=any_text,
    previous_record=any_text | st.none(),
    generation_text=any_text | st.none(),
    servers=st.just(UNSET)
    | st.builds(
        ServerChange,
        edits=server_edits,
        before=server_edits,
        text=any_text | st.none(),
        mode=numbers | st.none(),
        is_private=st.booleans(),
        kept=st.lists(texts, max_size=2).map(tuple),
    ),
)

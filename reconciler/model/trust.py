"""Trust: who may sign packages and catalogs, and what the lock and the record keep of signatures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, Literal, NamedTuple, cast

from msgspec import Struct, field

from reconciler.model.config import Json, JsonObject

HOST_TRUST: Final = "/etc/llamagate/trust.yaml"
"""Where a host's own rules are, unless ``--trust`` names another file."""
SIGNATURE_SUFFIX: Final = ".sig"
"""Signatures of ``x.zip`` or of the folder ``x`` are beside it, with this added to its name."""
MAX_SIGNATURES_BYTES: Final = 64 * 2**10
"""Of all signatures of one package or index, as text."""
ARMOUR_BEGIN: Final = "-----BEGIN SSH SIGNATURE-----"
ARMOUR_END: Final = "-----END SSH SIGNATURE-----"
_ARMOUR_LINE: Final = 70
LOCAL: Final = "local"
_UNITS: Final = {"m": 60, "h": 3_600, "d": 86_400, "w": 604_800}

Require = Literal["signed", "none"]


class Signed(Struct, frozen=True, kw_only=True):
    """One signature of a pin: ``by`` its signer, with which ``key`` (its fingerprint), and ``at`` which time it counts.

    ``at`` is of our clock, in UTC: ``2026-11-29T18:00:00Z``. ``signature`` is an SSHSIG in base64, without its armour.
    ``tag``: it is of a git tag with this text, in base64, and not of the package's statement.
    """

    by: str
    key: str
    at: str
    signature: str
    tag: str = ""

    def to_document(self) -> JsonObject:
        tag: JsonObject = {"tag": self.tag} if self.tag else {}
        return {"by": self.by, "key": self.key, "at": self.at, "signature": self.signature, **tag}

    @property
    def signer(self) -> Signer:
        return Signer(self.by, self.key)


class Signer(NamedTuple):
    """Who signed what is installed: a name, and the fingerprint of the key."""

    by: str
    key: str

    def __str__(self) -> str:
        return f"{self.by} ({self.key})"


def signer_change(before: Sequence[Signer], now: Sequence[Signer]) -> str:
    """What a reviewer must know of another signer, in words; empty where it is as before, or nobody had signed."""
    if not before or {one.key for one in before} & {one.key for one in now}:
        return ""
    were = " and ".join(one.by for one in before)
    if not now:
        return f"it was signed by {were}, and is not signed now"
    if known := {one.by for one in before} & {one.by for one in now}:
        return f"it is signed with another key of {' and '.join(sorted(known))} than before ({now[0].key})"
    return f"it was signed by {were}, and is signed by {' and '.join(map(str, now))} now"


def signed_from_document(value: Json) -> tuple[Signed, ...]:
    """One signature, or a list of several, as a lock writes them."""
    several = value if isinstance(value, list) else [value]
    return tuple(Signed(**one) for one in cast("list[dict[str, str]]", several))


def signed_to_document(signed: tuple[Signed, ...]) -> JsonObject:
    """Nothing where nothing is signed; one signature stands alone."""
    if not signed:
        return {}
    return {"signed": signed[0].to_document() if len(signed) == 1 else [one.to_document() for one in signed]}


class By(Struct, frozen=True):
    """Whose signatures are asked for: ``count`` different people of these ``names``; empty: of all who may sign."""

    names: tuple[str, ...] = ()
    count: int = 1

    @staticmethod
    def from_document(value: Json) -> By:
        if isinstance(value, dict):
            return By(tuple(cast("list[str]", value.get("of", []))), cast(int, value["any"]))
        return By((value,) if isinstance(value, str) else tuple(cast("list[str]", value)))

    def __str__(self) -> str:
        names = " or ".join(self.names) or "anybody in the signers file"
        return names if self.count == 1 else f"{self.count} different signers of: {names}"


class SourceTrust(Struct, frozen=True, kw_only=True):
    """The rule for one prefix of sources. ``None``: as for all. ``max_age`` of a catalog's index, in seconds."""

    require: Require | None = None
    by: By | None = None
    max_age: int | None = None


class TrustRules(Struct, frozen=True, kw_only=True):
    """The section ``trust`` of a desired state, or a host's own file. Paths are as written; ids in lower case."""

    signers: str | None = None
    revoked: str | None = None
    require: Require = "signed"
    sources: Mapping[str, SourceTrust] = field(default_factory=dict)
    items: Mapping[str, By] = field(default_factory=dict)
    doubled: Mapping[str, str] = field(default_factory=dict)
    """Ids that are there already but for their case, each with that other spelling."""

    @staticmethod
    def from_document(value: JsonObject) -> TrustRules:
        """Decode what the schema accepts."""
        sources = cast("dict[str, JsonObject]", value.get("sources", {}))
        items = cast("dict[str, JsonObject]", value.get("items", {}))
        return TrustRules(
            signers=cast("str | None", value.get("signers")),
            revoked=cast("str | None", value.get("revoked")),
            require=cast(Require, value.get("require", "signed")),
            sources={prefix: _source_trust(rule) for prefix, rule in sources.items()},
            items={item_id.casefold(): By.from_document(rule["by"]) for item_id, rule in items.items()},
            doubled=_doubled(items),
        )


def _doubled(ids: Iterable[str]) -> Mapping[str, str]:
    seen: dict[str, str] = {}
    return {one: other for one in ids if (other := seen.setdefault(one.casefold(), one)) != one}


def _source_trust(value: JsonObject) -> SourceTrust:
    return SourceTrust(
        require=cast("Require | None", value.get("require")),
        by=By.from_document(value["by"]) if "by" in value else None,
        max_age=seconds_of(str(value["max_age"])) if "max_age" in value else None,
    )


def seconds_of(text: str) -> int:
    """``30d`` in seconds. The unit is one of m, h, d, w."""
    return int(text[:-1]) * _UNITS[text[-1]]


TIME_FORMAT: Final = "%Y-%m-%dT%H:%M:%SZ"


@lru_cache(maxsize=4096)
def moment(text: str) -> float:
    """A time of ours in seconds since 1970; of what is none, the beginning of that."""
    try:
        return datetime.strptime(text, TIME_FORMAT).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return 0.0


class LockedCatalog(Struct, frozen=True, kw_only=True):
    """What was last seen of a signed catalog. ``source`` is as the file writes it; ``expires`` in UTC.

    ``signed`` is false where its index was signed, and has lost that, and somebody accepted it.
    """

    source: str
    catalog: str
    serial: int
    expires: str
    signed: bool = True

    def is_expired(self, now: datetime) -> bool:
        return self.signed and now.timestamp() > moment(self.expires)

    @staticmethod
    def from_document(value: JsonObject) -> LockedCatalog:
        return LockedCatalog(
            source=str(value["source"]),
            catalog=str(value["catalog"]),
            serial=cast(int, value["serial"]),
            expires=str(value["expires"]),
            signed=bool(value.get("signed", True)),
        )

    def to_document(self) -> JsonObject:
        lost: JsonObject = {} if self.signed else {"signed": False}
        return {"source": self.source, "catalog": self.catalog, "serial": self.serial, "expires": self.expires, **lost}


def armoured(text: str) -> bytes:
    """A signature in base64 as ``ssh-keygen`` writes and reads it."""
    lines = [text[at : at + _ARMOUR_LINE] for at in range(0, len(text), _ARMOUR_LINE)]
    return "".join(f"{line}\n" for line in (ARMOUR_BEGIN, *lines, ARMOUR_END)).encode()

"""One repository of a registry, asked over HTTP (OCI distribution specification 1.1). All is checked by digest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from typing import BinaryIO, Final, TypeVar
from urllib.parse import quote

from msgspec import Struct, field
from msgspec.structs import replace

from reconciler.codes import ErrorCode
from reconciler.documents import json_text
from reconciler.errors import InputError, LlamagateError, RefusedError
from reconciler.model.digest import Digest, digest_bytes
from reconciler.model.regex import regex
from reconciler.sources.oci.access import Access
from reconciler.sources.oci.manifests import ACCEPT, MAX_BYTES, Descriptor, Manifest, read_manifest
from reconciler.sources.oci.reference import Repository, is_digest, is_tag
from reconciler.sources.retry import patiently
from reconciler.sources.web.connection import GET, Message, Response
from reconciler.sources.web.credentials import Credentials
from reconciler.sources.web.deadline import Deadline
from reconciler.sources.web.redirects import Terms, final_answer, prefixed
from reconciler.sources.web.transfer import Arrived, Bounds, save
from reconciler.sources.web.url import HttpUrl, parsed_url

_TAGS_A_PAGE: Final = 1000
_MAX_PAGES: Final = 200
_MAX_PAGE_BYTES: Final = 4 * 2**20
_MAX_TAG_BYTES: Final = 16 * 2**20
"""Of all pages together."""
_NEXT: Final = regex(r'<([^<>]*)>\s*;[^,]*\brel="?next\b')
_UNAUTHORIZED: Final = 401
_OK: Final = 200
_NOT_FOUND: Final = 404
_UNKNOWN: Final = frozenset([400, _NOT_FOUND, 405, 501])
"""What registries answer to a question that they do not know."""
_TELLING: Final = frozenset([400, 403, 405, 409, 413, 415, 422])
"""With these a registry says what is wrong."""
_FORBIDDEN: Final = 403
_MAX_TOLD_BYTES: Final = 2**16
_TOLD_CHARACTERS: Final = 200
_OCTETS: Final = {"Content-Type": "application/octet-stream"}
_DAMAGED: Final = "the registry damaged it, or somebody changed it there: push it again"

T = TypeVar("T")


class Request(Struct, frozen=True, kw_only=True):
    """``url`` is absolute; ``size`` bounds the answer, in bytes; ``welcome`` are the statuses that are an answer."""

    url: HttpUrl
    size: int = 2**20
    headers: Mapping[str, str] = field(default_factory=dict)
    message: Message = GET
    welcome: frozenset[int] = frozenset([200, _NOT_FOUND])


class Client(Struct, frozen=True, kw_only=True):
    """Asks one repository as ``access`` permits, each thing within ``bounds``.

    Errors are those of downloads: ``UnreachableError``, ``RefusedError`` and ``InputError``.
    """

    access: Access
    bounds: Bounds
    deadline: Deadline | None = None
    """The end of all that is asked; left out, each question has the time of ``bounds`` for itself."""

    @property
    def repository(self) -> Repository:
        return self.access.repository

    def within_one_deadline(self) -> Client:
        """The same for many questions, of which the registry decides how many there are."""
        return replace(self, deadline=self.deadline or Deadline.after(self.bounds.seconds))

    def tags(self) -> tuple[str, ...] | None:
        """All tags, page by page; ``None`` where there is no such repository."""
        found: list[str] = []
        url, left = self._url(f"/tags/list?n={_TAGS_A_PAGE}"), _MAX_TAG_BYTES
        asking = self.within_one_deadline()
        for _ in range(_MAX_PAGES):
            status, data, link = asking._read(Request(url=url, size=min(_MAX_PAGE_BYTES, left)))
            if status == _NOT_FOUND:
                return None
            page = _tags_in(data, f"the list of tags of {self.repository}")
            found += page
            following = self._next(url, link) if page else None
            if following is None:
                return tuple(found)
            url, left = following, left - len(data)
            if left <= 0:
                break
        raise InputError(f"{self.repository} has too many tags to look at", advice="name one with 'ref'")

    def manifest(self, ref: str) -> Manifest | None:
        """The manifest of a tag or a digest, which is what it must be; ``None`` where there is none."""
        if not (is_digest(ref) or is_tag(ref)):
            message = f"'{ref}' is neither a tag of {self.repository} nor a digest"
            raise InputError(message, advice="write a tag, or @sha256:…", code=ErrorCode.MALFORMED)
        name = f"{self.repository}@{ref}" if is_digest(ref) else f"{self.repository}:{ref}"
        asked = Request(url=self._url(f"/manifests/{ref}"), size=MAX_BYTES, headers={"Accept": ACCEPT})
        status, data, sent_as = self._read(asked, header="Content-Type")
        if status == _NOT_FOUND:
            return None
        manifest = read_manifest(data, name=name, sent_as=sent_as)
        if is_digest(ref) and manifest.digest != ref:
            raise _changed(name, manifest.digest)
        return manifest

    def document(self, path: str, *, accept: str) -> tuple[bytes, str] | None:
        """What is at ``path`` below the repository, and its media type; ``None`` where there is nothing."""
        asked = Request(
            url=self._url(path), size=MAX_BYTES, headers={"Accept": accept}, welcome=frozenset([_OK]) | _UNKNOWN
        )
        status, data, media_type = self._read(asked, header="Content-Type")
        return (data, media_type) if status == _OK else None

    def fetch(self, blob: Descriptor, out: BinaryIO, arrived: Arrived) -> Digest:
        """Write a blob into ``out``; the caller compares the digest that it has."""
        asked = Request(url=self._blob(blob), size=self.bounds.size, welcome=frozenset([_OK]))

        def attempt(deadline: Deadline) -> Digest:
            with self._answer(asked, deadline) as answer:
                return save(answer, out, self.bounds, arrived)

        return self._patiently(f"{self.repository}@{blob.digest}", attempt)

    def blob(self, wanted: Descriptor, most: int) -> bytes | None:
        """A small blob, with its digest checked; ``None`` where there is none."""
        name = f"{self.repository}@{wanted.digest}"
        if wanted.size > most:
            raise InputError(f"{name} has more than {most} bytes")
        status, data, _ = self._read(Request(url=self._blob(wanted), size=most))
        if status == _NOT_FOUND:
            return None
        _check(name, data, wanted.digest)
        return data

    def upload(self, blob: Descriptor, body: bytes | BinaryIO) -> bool:
        """Bring a blob there; whether it was not there yet. A token goes to no other place than the registry."""
        there = Request(url=self._blob(blob), message=Message("HEAD"))
        if self._read(there)[0] != _NOT_FOUND:
            return False
        begin = Request(url=self._url("/blobs/uploads/"), message=Message("POST"), welcome=frozenset([202]))
        _, _, location = self._read(begin, header="Location")
        target = self._below(begin.url, location, "it wants a file uploaded")
        mark = "&" if "?" in target.target else "?"
        url = HttpUrl(target.origin, f"{target.target}{mark}digest={quote(blob.digest)}")
        sent = Message("PUT", body, blob.size)
        self._read(Request(url=url, headers=_OCTETS, message=sent, welcome=frozenset([201])))
        return True

    def put(self, ref: str, data: bytes, media_type: str) -> str:
        """Write a manifest; the registry's header ``OCI-Subject``, by which it says that it lists referrers itself."""
        sent = Message("PUT", data, len(data))
        url, headers = self._url(f"/manifests/{ref}"), {"Content-Type": media_type}
        asked = Request(url=url, headers=headers, message=sent, welcome=frozenset([201]))
        return self._read(asked, header="OCI-Subject")[2]

    def _url(self, path: str) -> HttpUrl:
        return parsed_url(f"{self.repository.base}{path}")

    def _blob(self, blob: Descriptor) -> HttpUrl:
        if not is_digest(blob.digest):  # it may lead anywhere
            message = f"{self.repository}: a manifest names a file by something else than a sha256"
            raise InputError(message, code=ErrorCode.MALFORMED)
        return self._url(f"/blobs/{blob.digest}")

    def _next(self, url: HttpUrl, link: str) -> HttpUrl | None:
        match = _NEXT.search(link)
        return self._below(url, match[1], "it continues its list of tags") if match else None

    def _below(self, url: HttpUrl, location: str, what: str) -> HttpUrl:
        """``location``, which must be at the registry itself."""
        try:
            target = HttpUrl.from_text(url.absolute(location))
        except ValueError as error:
            raise InputError(f"{self.repository}: {what} at an address that is not valid: {error}") from error
        if target.origin != self.repository.origin:
            message = f"{self.repository}: {what} at {target}, which is another place"
            advice = "tell its owner: behind a proxy a registry has to know its own address"
            raise RefusedError(message, advice=advice, code=ErrorCode.INSECURE)
        return target

    def _read(self, asked: Request, *, header: str = "Link") -> tuple[int, bytes, str]:
        """Status, body and one header of a small answer."""

        def attempt(deadline: Deadline) -> tuple[int, bytes, str]:
            with self._answer(asked, deadline) as answer:
                if asked.message.method != "GET" or answer.status != _OK:
                    return answer.status, b"", answer.header(header)
                out = BytesIO()
                save(answer, out, Bounds(size=asked.size, seconds=deadline.seconds))
                return answer.status, out.getvalue(), answer.header(header)

        return self._patiently(str(asked.url), attempt)

    def _patiently(self, name: str, attempt: Callable[[Deadline], T]) -> T:
        deadline = self.deadline or Deadline.after(self.bounds.seconds)
        try:
            return patiently(lambda: attempt(deadline), end=deadline.end)
        except LlamagateError as error:
            raise prefixed(error, f"{name}: ") from error

    @contextmanager
    def _answer(self, asked: Request, deadline: Deadline) -> Iterator[Response]:
        """The answer; where the registry wants to know who asks, it is asked once more, and told."""
        self.access.check()
        shown, terms = self.access.shown, self._terms(asked, deadline)
        for is_last in (False, True):
            with final_answer(asked.url, replace(terms, credentials=shown)) as answer:
                if answer.status in _TELLING - asked.welcome:
                    raise _told(answer, shown)
                if answer.status != _UNAUTHORIZED:
                    yield answer
                    return
                header = answer.header("WWW-Authenticate")
            if is_last:
                raise self.access.failed(self.access.refused(shown))
            shown = self.access.renewed(header, shown, terms)

    def _terms(self, asked: Request, deadline: Deadline) -> Terms:
        return Terms(
            size=asked.size,
            deadline=deadline,
            private_hosts=self.bounds.private_hosts,
            credentials=None,
            network=self.bounds.network,
            message=asked.message,
            headers=asked.headers,
            welcome=asked.welcome | _TELLING | {_UNAUTHORIZED},
        )


def _told(answer: Response, credentials: Credentials | None) -> InputError:
    """The error for a refusal, with what the registry says of it (``{"errors": [{"code", "message"}]}``)."""
    out = BytesIO()
    try:
        save(answer, out, Bounds(size=_MAX_TOLD_BYTES, seconds=0))
        document = json_text.load(out.getvalue(), name="errors", max_bytes=_MAX_TOLD_BYTES)
        errors = document.get("errors") if isinstance(document, dict) else None
    except LlamagateError:
        errors = None
    found = [one for one in errors if isinstance(one, dict)] if isinstance(errors, list) else []
    said = "; ".join(f"{one.get('code', '')} {one.get('message', '')}".strip() for one in found)
    message = f"it answered {answer.status}{f': {_shown(said)}' if said else ''}"
    if answer.status != _FORBIDDEN:
        return InputError(message)
    advice = f"check what {credentials.label} permits" if credentials else "log in there"
    return InputError(message, advice=advice, code=ErrorCode.CREDENTIALS)


def _shown(text: str) -> str:
    escaped = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return escaped if len(escaped) <= _TOLD_CHARACTERS else f"{escaped[:_TOLD_CHARACTERS]}…"


def _tags_in(data: bytes, name: str) -> list[str]:
    document = json_text.load(data, name=name, max_bytes=_MAX_PAGE_BYTES)
    tags = document.get("tags") if isinstance(document, dict) else None
    if not isinstance(tags, list | None) or not isinstance(document, dict):
        raise InputError(f"{name}: the registry's answer is not a list of tags", code=ErrorCode.MALFORMED)
    return [tag for tag in tags or () if isinstance(tag, str)]


def _check(name: str, data: bytes, wanted: Digest) -> None:
    if (found := digest_bytes(data)) != wanted:
        raise _changed(name, found)


def _changed(name: str, found: Digest) -> RefusedError:
    message = f"{name}: what the registry sends has the digest {found}"
    return RefusedError(message, advice=_DAMAGED, code=ErrorCode.PIN_MISMATCH)

"""The signatures that are beside a file on a web server."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.errors import InputError
from reconciler.model.auth import Auth
from reconciler.model.trust import MAX_SIGNATURES_BYTES, SIGNATURE_SUFFIX
from reconciler.sources.context import SourceContext
from reconciler.sources.web.artifact import network_of
from reconciler.sources.web.credentials import credentials_for
from reconciler.sources.web.transfer import Bounds, read_document


def beside(urls: Sequence[str], auth: Auth | None, context: SourceContext) -> tuple[bytes, ...]:
    """What the first of these addresses has beside it, with ``.sig`` after its path; nothing where none has that.

    ``UnreachableError`` and ``RefusedError`` as for a download.
    """
    credentials = credentials_for(auth, urls[0], context.variables) if auth else None
    rules = context.rules
    bounds = Bounds(
        size=MAX_SIGNATURES_BYTES,
        seconds=rules.seconds,
        private_hosts=rules.private_hosts,
        network=network_of(context),
    )
    for url in urls:
        address = signature_url(url)
        context.check_may_ask(address)
        try:
            return (read_document(address, bounds=bounds, credentials=credentials),)
        except InputError:  # some stores answer 403 to who asks for what is not there
            continue
    return ()


def signature_url(url: str) -> str:
    """``https://host/x.zip?token`` with ``.sig`` after its path; the query stays."""
    path, mark, query = url.partition("?")
    return f"{path}{SIGNATURE_SUFFIX}{mark}{query}"

"""An authority of the tests' own, and servers' certificates that are right or wrong."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme


class Authority:
    """``file`` holds its certificate, as ``SSL_CERT_FILE`` may name it."""

    def __init__(self, folder: Path) -> None:
        self._ca = trustme.CA()
        self.file = folder / "authority.pem"
        self._ca.cert_pem.write_to_path(str(self.file))

    def server(self, *names: str, valid: timedelta = timedelta(days=1)) -> ssl.SSLContext:
        """For an https server under ``names`` (host names or addresses), valid for so long; negative: expired."""
        now = datetime.now(UTC)
        certificate = self._ca.issue_cert(*names, not_before=now - timedelta(days=30), not_after=now + valid)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)
        return context

    def write(self, name: str, place: Path) -> None:
        """A certificate for ``name``, with its key, into the file ``place``."""
        self._ca.issue_cert(name).private_key_and_cert_chain_pem.write_to_path(str(place))

    def itself(self) -> ssl.SSLContext:
        """For a server that shows the authority's own certificate, which nobody else has signed."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with self._ca.private_key_pem.tempfile() as key:
            context.load_cert_chain(self.file, key)
        return context

"""The journal on disk. While it stands, a change is under way; ``journal.undo`` while it is undone."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from msgspec import UNSET, Struct

from reconciler.documents.first_schema import journal_from
from reconciler.documents.record import number_of
from reconciler.documents.sealed import NOT_OURS, as_object, decode, seal, unseal
from reconciler.errors import InputError, NeedsRecoveryError, NewerDocumentError
from reconciler.fs import durable, sync, tree
from reconciler.fs.bounded import read_start
from reconciler.model.home import Home
from reconciler.model.journal import JOURNAL_SCHEMA, Journal
from reconciler.model.record import RECORD_SCHEMA

_EARLIER: Final = 2
"""The number of a journal that every version since can follow."""


class _Document(Struct, frozen=True, kw_only=True):
    schema: int
    journal: Journal


def write_journal(home: Home, journal: Journal) -> None:
    """Durable when it returns: the commit point."""
    records = map(number_of, (journal.record, journal.previous_record or ""))
    schema = _EARLIER if journal.servers is UNSET and max(records) < RECORD_SCHEMA else JOURNAL_SCHEMA
    durable.write_file(
        home.journal, seal(_Document(schema=schema, journal=journal)), mode=durable.private_mode(home.ours)
    )


def read_journal(path: Path) -> Journal | None:
    """The journal at ``path``, or ``None``. ``NeedsRecoveryError`` where it cannot be trusted; nothing is touched."""
    try:
        data = read_start(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise NeedsRecoveryError(f"{path} cannot be read: {error.strerror}") from error
    try:
        schema, body = unseal(data, name=str(path), schema=JOURNAL_SCHEMA)
        return journal_from(as_object(body)) if schema == 1 else decode(body, _Document).journal
    except NewerDocumentError as error:
        raise _untrusted(error.message, "finish it with that version, or") from error
    except InputError as error:
        raise _untrusted(error.message) from error
    except NOT_OURS as error:
        raise _untrusted(f"{path}: it is not as llamagate writes it") from error


def _untrusted(why: str, then: str = "look at it, then") -> NeedsRecoveryError:
    return NeedsRecoveryError(
        f"a change was interrupted, and its journal cannot be used: {why}",
        advice=f"nothing was changed; {then} 'llamagate recover --abandon' keeps everything as it is",
    )


def interrupted(home: Home) -> bool:
    """Whether a journal stands: a change is under way, or was cut off. ``OSError`` where that cannot be told."""
    return any(tree.inode_of(path) is not None for path in (home.journal, home.journal_undo))


def begin_undo(home: Home) -> None:
    """From now on the change is undone, also by a recovery."""
    durable.rename(home.journal, home.journal_undo)
    sync.sync_folder(home.ours)

"""Our record, the generations and the gateway's registry: bytes in, values out."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from reconciler.codes import ErrorCode
from reconciler.documents.sealed import seal, unseal
from reconciler.errors import InputError, NewerDocumentError, StorageError
from reconciler.fs.bounded import read_start
from reconciler.fs.settled import read_settled
from reconciler.model.generation import GENERATION_SCHEMA, Generation, Unreadable
from reconciler.model.home import Home
from reconciler.model.record import RECORD_SCHEMA, Record
from reconciler.model.registry import (
    CorruptRegistryError,
    NewerRegistryError,
    Registry,
    decode_registry,
    is_registry,
)

_WITHOUT_RECORD: Final = "move it aside and run 'llamagate apply', which adopts what is installed as the file says"


def read_record(home: Home) -> tuple[Record, bytes | None]:
    """What we remember of ``home``, and the bytes that say so.

    Where there is no record we remember nothing, but generations go on from the last one whose document is there:
    backups are named by them.
    """
    try:
        data = read_start(home.record)
    except FileNotFoundError:
        return Record(generation=max(generation_numbers(home), default=0)), None
    except OSError as error:
        raise StorageError(f"{home.record} cannot be read: {error.strerror}") from error
    try:
        return Record.from_document(unseal(data, name=str(home.record), schema=RECORD_SCHEMA)), data
    except InputError as error:
        raise InputError(
            error.message, faults=error.faults, advice=error.advice or _WITHOUT_RECORD, code=error.code
        ) from error
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        message = "it is not as llamagate writes it"
        raise InputError.at(message, file=home.record, advice=_WITHOUT_RECORD) from error


def record_bytes(record: Record) -> bytes:
    """The record as it stands on disk."""
    return seal(record.to_document())


def generation_bytes(generation: Generation) -> bytes:
    """A generation as it stands on disk."""
    return seal(generation.to_document())


def read_generations(home: Home) -> dict[int, Generation | Unreadable]:
    """Every generation that is kept, oldest first, or why it cannot be read."""
    return {number: _generation_if_whole(home, number) for number in generation_numbers(home)}


def _generation_if_whole(home: Home, number: int) -> Generation | Unreadable:
    try:
        return read_generation(home, number)
    except NewerDocumentError:
        return Unreadable.NEWER
    except InputError:
        return Unreadable.DAMAGED


def read_generation(home: Home, number: int) -> Generation:
    """One generation. ``InputError`` where it is not kept, or damaged."""
    path = home.generation(number)
    try:
        return Generation.from_document(unseal(read_start(path), name=str(path), schema=GENERATION_SCHEMA))
    except FileNotFoundError as error:
        kept = generation_numbers(home)
        there = f"there are {kept[0]} to {kept[-1]}" if kept else "there are none yet"
        raise InputError(
            f"generation {number} does not exist; {there}",
            advice="'llamagate history' lists them",
            code=ErrorCode.NOT_FOUND,
        ) from error
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror}") from error
    except KeyError as error:
        message = "an older llamagate wrote it, without what a rollback needs"
        raise InputError.at(message, file=path) from error


def generation_numbers(home: Home) -> list[int]:
    """Those that are kept, the oldest first."""
    return sorted(int(path.stem) for path in home.generations.glob("*.json") if path.stem.isdecimal())


class RegistryFile(Struct, frozen=True, kw_only=True):
    """The gateway's registry; ``corrupt`` says why its bytes are no registry, and then ``registry`` is empty."""

    registry: Registry
    corrupt: str | None = None


def read_registry(home: Home) -> RegistryFile:
    """The registry as it is. A form that a newer gateway may have written is refused, never taken for damage."""
    try:
        return RegistryFile(registry=decode_registry(read_settled(home.registry, is_registry)))
    except FileNotFoundError:
        return RegistryFile(registry=Registry())
    except OSError as error:
        raise StorageError(f"{home.registry} cannot be read: {error.strerror}") from error
    except CorruptRegistryError as error:
        return RegistryFile(registry=Registry(), corrupt=str(error))
    except NewerRegistryError as error:
        advice = "a newer gateway may have written it; update llamagate"
        raise InputError.at(
            f"this version cannot read it: {error}", file=home.registry, advice=advice, code=ErrorCode.NEWER_DOCUMENT
        ) from error

"""Our record, the generations and the gateway's registry: bytes in, values out."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.documents.sealed import seal, unseal
from reconciler.errors import Fault, InputError, StorageError
from reconciler.fs.settled import read_settled
from reconciler.model.config import JsonObject
from reconciler.model.home import Home
from reconciler.model.record import RECORD_SCHEMA, Record
from reconciler.model.registry import (
    CorruptRegistryError,
    NewerRegistryError,
    Registry,
    decode_registry,
    is_registry,
)


def read_record(home: Home) -> tuple[Record, bytes | None]:
    """What we remember of ``home``, and the bytes that say so.

    Where there is no record we remember nothing, but generations go on from the last one whose document is there:
    backups are named by them.
    """
    try:
        data = home.record.read_bytes()
    except FileNotFoundError:
        return Record(generation=_last_generation(home)), None
    except OSError as error:
        raise StorageError(f"{home.record} cannot be read: {error.strerror}") from error
    try:
        return Record.from_document(unseal(data, name=str(home.record), schema=RECORD_SCHEMA)), data
    except InputError as error:
        advice = error.advice or (
            "move it aside and run 'llamagate apply', which adopts what is installed as the file says"
        )
        raise InputError(error.message, faults=error.faults, advice=advice) from error


def _last_generation(home: Home) -> int:
    numbers = [int(path.stem) for path in home.generations.glob("*.json") if path.stem.isdecimal()]
    return max(numbers, default=0)


def record_bytes(record: Record) -> bytes:
    """The record as it stands on disk."""
    return seal(record.to_document())


def generation_bytes(document: JsonObject) -> bytes:
    """A generation as it stands on disk."""
    return seal(document)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryFile:
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
        message = f"this version cannot read it: {error}"
        fault = Fault(file=str(home.registry), message=message)
        raise InputError(
            str(fault), faults=[fault], advice="a newer gateway may have written it; update llamagate"
        ) from error

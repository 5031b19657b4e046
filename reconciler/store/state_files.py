"""Our record, the generations and the gateway's registry: bytes in, values out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct

from reconciler.codes import ErrorCode
from reconciler.documents.generations import generation_files, generation_in
from reconciler.documents.record import read_record_files
from reconciler.documents.sealed import NOT_OURS
from reconciler.errors import InputError, NewerDocumentError, StorageError
from reconciler.fs.settled import read_settled
from reconciler.model.generation import Generation, Unreadable
from reconciler.model.home import Home
from reconciler.model.record import Record
from reconciler.model.registry import (
    CorruptRegistryError,
    NewerRegistryError,
    Registry,
    decode_registry,
    is_registry,
)

_WITHOUT_RECORD: Final = "move it aside and run 'llamagate apply', which adopts what is installed as the file says"


def read_record(home: Home) -> tuple[Record, bytes | None]:
    """What we remember of ``home``, and the bytes of the file that says so.

    Where there is no record we remember nothing, but generations go on from the last one whose document is there:
    backups are named by them.
    """
    try:
        return read_record_files(home)
    except FileNotFoundError:
        return Record(generation=max(generation_numbers(home), default=0)), None
    except OSError as error:
        raise StorageError(f"{error.filename or home.record} cannot be read: {error.strerror}") from error
    except InputError as error:
        advice = error.advice or _WITHOUT_RECORD
        raise InputError(error.message, faults=error.faults, advice=advice, code=error.code) from error
    except NOT_OURS as error:
        message = "it is not as llamagate writes it"
        raise InputError.at(message, file=home.record, advice=_WITHOUT_RECORD) from error


def read_generations(home: Home) -> dict[int, Generation | Unreadable]:
    """Every generation that is kept, oldest first, or why it cannot be read."""
    return {number: _generation_if_whole(path) for number, path in generation_files(home).items()}


def _generation_if_whole(path: Path) -> Generation | Unreadable:
    try:
        return _generation_at(path)
    except NewerDocumentError:
        return Unreadable.NEWER
    except InputError:
        return Unreadable.DAMAGED


def read_generation(home: Home, number: int) -> Generation:
    """One generation. ``InputError`` where it is not kept, or damaged."""
    kept = generation_files(home)
    if number in kept:
        try:
            return _generation_at(kept[number])
        except NewerDocumentError:
            raise
        except InputError as error:
            advice = "what it held is lost; 'llamagate history' lists the others, name one of these"
            raise InputError(error.message, faults=error.faults, advice=advice, code=error.code) from error
    there = "there are none yet" if not kept else f"there is only {min(kept)}" if len(kept) == 1 else _range(kept)
    raise InputError(
        f"generation {number} does not exist; {there}",
        advice="'llamagate history' lists them",
        code=ErrorCode.NOT_FOUND,
    )


def _range(kept: Mapping[int, Path]) -> str:
    return f"there are {min(kept)} to {max(kept)}"


def _generation_at(path: Path) -> Generation:
    try:
        return generation_in(path)
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror}") from error
    except KeyError as error:
        message = "an older llamagate wrote it, without what a rollback needs"
        raise InputError.at(message, file=path) from error
    except NOT_OURS as error:
        raise InputError.at("it is not as llamagate writes it", file=path) from error


def generation_numbers(home: Home) -> list[int]:
    """Those that are kept, the oldest first."""
    return [*generation_files(home)]


def generation_path(home: Home, number: int) -> Path:
    """Where one that is kept is."""
    return generation_files(home).get(number, home.generation(number))


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

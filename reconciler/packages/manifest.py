"""From a package's files to its facts: which form it has, whether it is valid, what it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct

from reconciler.codes import ErrorCode, FaultCode, WarningCode
from reconciler.documents import schemas
from reconciler.documents.yaml import text as yaml_text
from reconciler.errors import Fault, InputError
from reconciler.model.config import Json, JsonObject
from reconciler.model.ids import ItemKey, Kind, id_problem
from reconciler.model.note import Note
from reconciler.model.package import (
    EXTENSION_MANIFEST,
    EXTENSION_PACKAGING,
    MODULE_MANIFEST,
    MODULE_PACKAGING,
    Dialect,
    Manifest,
    Package,
)
from reconciler.packages import checksums
from reconciler.packages.content import Content, read, shown
from reconciler.packages.document import TEXT_KEYS, accept_booleans
from reconciler.packages.inside import in_words

MAX_YAML_BYTES: Final = 2**20
"""In all YAML files that one package is read for, together: what bounds the time that a package can cost."""

_DEFINITION_KEYS: Final = ("type", "steps", "hooks", "endpoints")
_TASK_KEYS: Final = ("task", "prompt", "model")


class _ManifestReader:
    """Reads the YAML files of one package and collects what is wrong and what is strange."""

    def __init__(self, content: Content, name: str) -> None:
        self.content = content
        self.name = name
        self.sizes = {entry.path: entry.size for entry in content.files}
        self.faults: list[Fault] = []
        self.documents: dict[str, JsonObject] = {}
        self.warnings = [Note(WarningCode.IGNORED_FILES, f"{name}: {note}") for note in content.notes]
        self._bytes = 0

    def document(self, path: str, schema: str | Callable[[JsonObject], str]) -> JsonObject:
        """The mapping in ``path``, validated; an empty mapping where it cannot be used at all."""
        file = f"{self.name}/{path}"
        if not self._may_read(path, file):
            return {}
        data = read(self.content, path)
        try:
            value = yaml_text.load(data, name=file, text_keys=TEXT_KEYS)
        except InputError as error:
            self.faults += error.faults or [Fault(message=error.message, code=error.code, file=file)]
            return {}
        if isinstance(value, dict) and str(value.get("apiVersion", "")).startswith("llamagate/"):
            message = f"this is a desired state, not a manifest; run 'llamagate apply -f {file}'"
            self.faults += yaml_text.faults_at(data, file, [((), message, ErrorCode.WRONG_PACKAGE)])
            return {}
        if isinstance(value, dict):
            self.documents[path] = value
            self._accept_gateway_booleans(value, file)
        chosen = schema if isinstance(schema, str) else schema(value if isinstance(value, dict) else {})
        self.faults += schemas.faults_of(value, chosen, data=data, file=file)
        if not isinstance(value, dict):
            return {}
        found = dict(_own_schemas(value) if chosen.endswith("/task") else _endpoint_schemas(value))
        self.faults += schemas.schema_faults(found, data=data, file=file)
        return value

    def document_if_there(self, path: str, schema: str) -> JsonObject:
        """``document``; an empty mapping where the package has no such file."""
        return self.document(path, schema) if path in self.sizes else {}

    def fault(self, path: str, place: yaml_text.Path, message: str) -> None:
        """Add a fault at ``place`` in the document ``path``, which could be read."""
        self.add_faults(path, [(place, message, FaultCode.PACKAGE_RULE)])

    def add_faults(self, path: str, found: Sequence[tuple[yaml_text.Path, str, FaultCode]]) -> None:
        """Add several, the first ``MAX_FAULTS`` of them."""
        if found:
            data = read(self.content, path)
            self.faults += yaml_text.faults_at(data, f"{self.name}/{path}", found[: schemas.MAX_FAULTS])

    def _may_read(self, path: str, file: str) -> bool:
        """Whether another document may cost its time: not once there are faults enough, or bytes too many."""
        if len(self.faults) >= schemas.MAX_FAULTS or self._bytes > MAX_YAML_BYTES:
            return False
        self._bytes += self.sizes[path]
        if self._bytes > MAX_YAML_BYTES:
            message = f"with this file, the YAML of the package has more than {MAX_YAML_BYTES / 2**20:g} MiB"
            self.faults.append(Fault(message=message, code=FaultCode.PACKAGE_RULE, file=file))
        return self._bytes <= MAX_YAML_BYTES

    def _accept_gateway_booleans(self, document: JsonObject, file: str) -> None:
        """The gateway reads ``yes`` and ``off`` as booleans where it expects one; so must we."""
        for key, word, value in accept_booleans(document):
            message = f"{file}: '{key}: {word}' is read as {str(value).lower()}; write that"
            self.warnings.append(Note(WarningCode.BOOLEAN_WORD, message))


def _own_schemas(document: JsonObject) -> Iterator[tuple[yaml_text.Path, Json]]:
    """The JSON Schemas in which a task says what it takes and gives."""
    yield from (((key,), document[key]) for key in ("inputs", "outputs") if isinstance(document.get(key), dict))


def _endpoint_schemas(document: JsonObject) -> Iterator[tuple[yaml_text.Path, Json]]:
    endpoints = document.get("endpoints")
    for index, endpoint in enumerate(endpoints if isinstance(endpoints, list) else []):
        for key in ("request_schema", "response_schema"):
            if isinstance(endpoint, dict) and isinstance(endpoint.get(key), dict):
                yield ("endpoints", index, key), endpoint[key]


class Reading(Struct, frozen=True, kw_only=True):
    """What reading a package came to: its YAML ``documents`` by path, as far as they are mappings, and all faults.

    ``package`` is ``None`` where there are faults.
    """

    package: Package | None
    documents: Mapping[str, JsonObject]
    faults: tuple[Fault, ...] = ()


def read_package(content: Content, *, name: str) -> Package:
    """Validate ``content`` as a package; ``InputError`` with every fault, each with file, line, column and rule."""
    checksums.verify(content, name=name)
    reading = read_all(content, name=name)
    if reading.package is None:
        raise InputError.of(reading.faults, f"{name} is not a valid package: {len(reading.faults)} faults")
    return reading.package


def read_all(content: Content, *, name: str) -> Reading:
    """``read_package`` that hands over what it could read, too. ``InputError`` where it is no package at all."""
    reader = _ManifestReader(content, name)
    manifest, document = _read_module(reader) if MODULE_MANIFEST in reader.sizes else _read_extension(reader)
    package = None if reader.faults else _package(reader, manifest, document)
    return Reading(package=package, documents=reader.documents, faults=tuple(reader.faults))


def _package(reader: _ManifestReader, manifest: Manifest, document: JsonObject) -> Package:
    content = reader.content
    return Package(
        manifest=manifest,
        document=document,
        files=tuple(entry for entry in content.files if entry.path != checksums.CHECKSUMS_FILE),
        warnings=tuple(reader.warnings),
    )


def bundled_documents(content: Content, *, name: str) -> dict[str, JsonObject]:
    """The documents of the extensions that a module brings, by path; for a package that ``read_package`` took."""
    return _bundled_documents(_ManifestReader(content, name))


def _read_extension(reader: _ManifestReader) -> tuple[Manifest, JsonObject]:
    if EXTENSION_MANIFEST in reader.sizes:
        document = reader.document(EXTENSION_MANIFEST, "extension-manifest")
        packaging = reader.document_if_there(EXTENSION_PACKAGING, "extension-packaging")
        return _manifest(reader, Kind.EXTENSION, document, packaging, Dialect.GATEWAY, EXTENSION_MANIFEST), document
    if EXTENSION_PACKAGING not in reader.sizes:
        wanted = f"{EXTENSION_MANIFEST}, {EXTENSION_PACKAGING} or {MODULE_MANIFEST}"
        for right in (EXTENSION_MANIFEST, EXTENSION_PACKAGING, MODULE_MANIFEST):
            if (wrong := right.replace(".yaml", ".yml")) in reader.sizes:
                message = f"there is a {wrong}; rename it to {right}"
                raise InputError.at(message, file=reader.name, code=FaultCode.PACKAGE_RULE)
        raise _no_manifest(reader, wanted)
    document = reader.document(EXTENSION_PACKAGING, _extension_schema)
    dialect = _extension_dialect(document)
    if dialect is None and document:
        message = f"this is packaging metadata only; the package also needs a {EXTENSION_MANIFEST}"
        reader.fault(EXTENSION_PACKAGING, (), message)
    return _manifest(reader, Kind.EXTENSION, document, document, dialect or Dialect.TASK, EXTENSION_PACKAGING), document


def _no_manifest(reader: _ManifestReader, wanted: str) -> InputError:
    message, advice = f"there is no {wanted} at its top level", ""
    if found := in_words(reader.sizes):
        message = f"{message}; packages are in {found}"
        advice = "name the folder of one: with 'path' in a source, with '--path' for 'import'"
    return InputError.at(message, file=reader.name, advice=advice, code=FaultCode.PACKAGE_RULE)


def _extension_dialect(document: JsonObject) -> Dialect | None:
    if any(key in document for key in _TASK_KEYS) and not any(key in document for key in ("steps", "hooks")):
        return Dialect.TASK
    return Dialect.DEFINITION if any(key in document for key in _DEFINITION_KEYS) else None


def _extension_schema(document: JsonObject) -> str:
    dialect = _extension_dialect(document)
    if dialect is Dialect.DEFINITION:
        return "extension-manifest"
    return "extension-manifest#/$defs/task" if dialect is Dialect.TASK else "extension-packaging"


def _read_module(reader: _ManifestReader) -> tuple[Manifest, JsonObject]:
    for other in (EXTENSION_MANIFEST, EXTENSION_PACKAGING):
        if other in reader.sizes:
            message = f"it holds both {MODULE_MANIFEST} and {other}; a package is a module or an extension"
            raise InputError.at(message, file=reader.name, code=FaultCode.PACKAGE_RULE)
    document = reader.document(MODULE_MANIFEST, _module_schema)
    packaging = reader.document_if_there(MODULE_PACKAGING, "module-packaging")
    dialect = Dialect.TASK if _is_task_module(document) else Dialect.GATEWAY
    return _manifest(reader, Kind.MODULE, document, packaging, dialect, MODULE_MANIFEST), document


def _is_task_module(document: JsonObject) -> bool:
    return "steps" not in document and "workflow" in document


def _module_schema(document: JsonObject) -> str:
    return "module-manifest#/$defs/task" if _is_task_module(document) else "module-manifest"


def _manifest(
    reader: _ManifestReader, kind: Kind, document: JsonObject, packaging: JsonObject, dialect: Dialect, definition: str
) -> Manifest:
    name = str(document.get("name", ""))
    item_id = str(packaging.get("id") or name)
    if (problem := id_problem(item_id)) and not reader.faults:
        beside = EXTENSION_PACKAGING if kind is Kind.EXTENSION else MODULE_PACKAGING
        place = (beside, ("id",)) if packaging.get("id") else (definition, ("name",))
        reader.fault(*place, f"the id {item_id!r}: {problem}")
    if item_id != name:
        differ = f"id '{item_id}' and name '{name}' differ; the gateway looks enablement up by name first"
        reader.warnings.append(Note(WarningCode.ID_AND_NAME, f"{reader.name}: {differ}", ItemKey(kind, item_id)))
    enabled = packaging.get("enabled_default", document.get("enabled_default", document.get("enabled", True)))
    return Manifest(
        kind=kind,
        id=item_id,
        name=name,
        version=str(document.get("version", "")),
        dialect=dialect,
        definition=definition,
        loadable=dialect is not Dialect.TASK,
        builtin=document.get("builtin") is True,
        enabled_default=enabled is not False,
        hot_reload=packaging.get("hot_reload", True) is not False,
        has_endpoints=bool(document.get("endpoints")),
        requires=_required(reader, document) if kind is Kind.MODULE else (),
    )


def _bundled_documents(reader: _ManifestReader) -> dict[str, JsonObject]:
    paths = [path for path in sorted(reader.sizes) if path.startswith("extensions/") and path.count("/") == 1]
    return {path: reader.document(path, _extension_schema) for path in paths if path.endswith((".yaml", ".yml"))}


def _required(reader: _ManifestReader, document: JsonObject) -> tuple[str, ...]:
    """The extensions that the steps name and the module does not bring; a named file must be there."""
    bundled = {path: str(below.get("name", "")) for path, below in _bundled_documents(reader).items()}
    required, missing = set(), []
    for place, reference in _step_extensions(document):
        if "/" not in reference and not reference.endswith((".yaml", ".yml")):
            required |= {reference} - set(bundled.values())
        elif reference not in bundled:
            missing.append((place, f"the package holds no extension {shown(reference)}", FaultCode.PACKAGE_RULE))
    reader.add_faults(MODULE_MANIFEST, missing)
    return tuple(sorted(required))


def _step_extensions(document: JsonObject) -> Iterator[tuple[yaml_text.Path, str]]:
    workflow = document.get("workflow")
    prefix: yaml_text.Path = ()
    holder = document
    if "steps" not in document and isinstance(workflow, dict):
        prefix, holder = ("workflow",), workflow
    steps = holder.get("steps")
    for index, step in enumerate(steps if isinstance(steps, list) else []):
        if isinstance(step, dict) and isinstance(step.get("extension"), str):
            yield (*prefix, "steps", index, "extension"), str(step["extension"])

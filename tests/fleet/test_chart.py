"""The chart: what it makes, what it refuses, and the pod that it describes, as two processes on one home."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import jsonschema
import pytest
import yaml

from tests.cli.shell import Session
from tests.conftest import PROJECT
from tests.fleet import chart
from tests.fleet.chart import CHART, EXAMPLES, GOLDEN, helm, rendered
from tests.fleet.prometheus import free_port, get, until
from tests.fleet.tools import needs
from tests.fs.hostile import ordinary_user

SCHEMA: Final = json.loads((CHART / "values.schema.json").read_text())
VALUES: Final = yaml.safe_load((CHART / "values.yaml").read_text())
ANOTHER: Final = "0"


@pytest.mark.parametrize("name", EXAMPLES)
def test_lint(name: str) -> None:
    done = helm("lint", "--strict", CHART, "-f", EXAMPLES[name])
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", EXAMPLES)
def test_golden(name: str) -> None:
    assert rendered(EXAMPLES[name]) == (GOLDEN / f"{name}.yaml").read_text()


def test_the_example_comes_from_the_chart() -> None:
    assert chart.deployed() == chart.DEPLOYED.read_text()


@pytest.mark.parametrize("version", ["1.29", "1.33", "1.37"])
def test_kubernetes_takes_it(version: str) -> None:
    (program,) = needs("kubernetes-validate")
    files = [str(GOLDEN / f"{name}.yaml") for name in EXAMPLES]
    done = subprocess.run([program, "--strict", "-k", version, *files], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "deployment/notes-llamagate" in done.stdout + done.stderr


def test_kubectl_reads_it(tmp_path: Path) -> None:
    (program,) = needs("kubectl")
    for name in EXAMPLES:
        shutil.copy(GOLDEN / f"{name}.yaml", tmp_path / "all.yaml")
        (tmp_path / "kustomization.yaml").write_text("resources: [all.yaml]\nnamespace: notes\n")
        done = subprocess.run([program, "kustomize", str(tmp_path)], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        kinds = {one["kind"] for one in yaml.safe_load_all(done.stdout)}
        assert {"Deployment", "Service"} <= kinds


# Values


def nodes(schema: Any, path: str = "values") -> Iterator[tuple[str, dict[str, Any]]]:
    if schema.get("type") == "object":
        yield path, schema
        for name, one in schema.get("properties", {}).items():
            yield from nodes(one, f"{path}.{name}")


def test_the_schema_is_closed_at_every_node() -> None:
    for path, node in nodes(SCHEMA):
        is_words = "propertyNames" in node and node["additionalProperties"]["type"] == "string"
        assert node.get("additionalProperties") is False or node.get("maxProperties") == 0 or is_words, path


def changed(values: Any) -> Iterator[Any]:
    """The values with one letter of one key changed, doubled or left out."""
    if not isinstance(values, dict):
        return
    for key, value in values.items():
        others = {name: one for name, one in values.items() if name != key}
        for at in range(len(key)):
            for middle in (ANOTHER, "", key[at] * 2):
                yield {**others, key[:at] + middle + key[at + 1 :]: value}
        for inner in changed(value):
            yield {**others, key: inner}


def test_a_letter_that_is_wrong_is_refused() -> None:
    validator = jsonschema.Draft7Validator(SCHEMA)
    validator.validate(VALUES)
    taken = [one for one in changed(VALUES) if validator.is_valid(one)]
    tried = sum(1 for _ in changed(VALUES))
    assert (taken, tried >= 1000) == ([], True), tried


@pytest.mark.parametrize(
    "flag",
    ["imag.tag=1", "host.prot=1", "watcher.interval=soon", "repository.url=http://x", "desired.fil=x", "home.size=big"],
)
def test_helm_refuses_it(flag: str) -> None:
    done = helm("template", "notes", CHART, "-f", EXAMPLES["configmap"], "--set", flag)
    assert done.returncode != 0
    assert "don't meet the specifications of the schema" in done.stderr


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("", "set desired.file and desired.lock"),
        ("desired.file=x", "set desired.file and desired.lock"),
        ("desired.existingConfigMap=x,repository.url=https://x", "not both"),
        ("desired.existingConfigMap=x,signers=x", "set repository.url, too"),
    ],
)
def test_values_that_do_not_go_together(flags: str, message: str) -> None:
    done = helm("template", "notes", CHART, "--set", flags)
    assert done.returncode != 0
    assert message in done.stderr


HOSTILE: Final = {
    "host.model.name": [
        "a: b",
        "x # y",
        "{a: b}",
        "- x",
        "null",
        "a\nb: c",
        'a"b',
        "a\\b",
        "{{ .Values }}",
        "%x",
        "&a",
        "*a",
    ],
    "host.model.url": ["https://x/#a", "https://x/:", 'https://x/"', "https://x/{{a}}"],
    "repository.ref": ["a:b", "null", "1e3", "a#b", 'x"y', "*", "{a}"],
    "repository.path": ["1", "true", "a:b", "null"],
    "secrets": ["null", "true", "1e3", "0", "1.5", "1-1"],
    "host.apiKeySecret.name": ["null", "on", "0x1f"],
    "host.apiKeySecret.key": ["null", "0x1f", "-", "1_000", "."],
    "home.existingClaim": ["123", "false"],
    "home.storageClass": ["1", "no"],
    "image.tag": ["1.10", "null"],
    "pod.labels.x": ["null", "1", "a: b", "x\ny: z", "true"],
    "pod.annotations.x": ["{{ fail }}", "a\n  - b", "#"],
    "pod.nodeSelector.x": ["true", "1"],
    "serviceMonitor.labels.x": ["1", "a: b"],
}


@pytest.mark.parametrize("key", HOSTILE)
def test_a_value_is_text_and_nothing_else(key: str, tmp_path: Path) -> None:
    """Whatever YAML would make of it: the documents have the shape that they have with a plain word."""
    example = EXAMPLES["branch"] if key.startswith("repository.") else EXAMPLES["configmap"]

    def shaped(value: str) -> tuple[Any, set[Any]]:
        values: Any = value
        for part in reversed(key.split(".")):
            values = {part: values}
        if key.startswith("serviceMonitor"):
            values["serviceMonitor"]["enabled"] = True
        (tmp_path / "values.yaml").write_text(json.dumps(values))
        found = [*yaml.safe_load_all(rendered(example, "-f", str(tmp_path / "values.yaml")))]
        return shape_of(found), {leaf for leaf in leaves(found) if isinstance(leaf, str)}

    plain, _ = shaped("https://word" if key.endswith("url") else "word")
    for value in HOSTILE[key]:
        made, texts = shaped(value)
        assert made == plain, value
        assert any(text == value or text.endswith((f"={value}", f":{value}")) for text in texts), value


@pytest.mark.parametrize("name", ["123", "1e3", "true", "null", "0x1f"])
def test_a_release_may_have_any_name(name: str) -> None:
    for one in yaml.safe_load_all(rendered(EXAMPLES["texts"], name=name)):
        if one:
            assert one["metadata"]["labels"]["app.kubernetes.io/instance"] == name
            assert isinstance(one["metadata"]["name"], str)


def shape_of(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: shape_of(one) for key, one in value.items()}
    return [shape_of(one) for one in value] if isinstance(value, list) else type(value).__name__


def leaves(value: Any) -> Iterator[Any]:
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    if parts is None:
        yield value
    for part in parts or ():
        yield from leaves(part)


# The pod


def containers(text: str) -> dict[str, dict[str, Any]]:
    (deployment,) = (one for one in yaml.safe_load_all(text) if one and one["kind"] == "Deployment")
    pod = deployment["spec"]["template"]["spec"]
    return {one["name"]: one for one in (*pod["initContainers"], *pod["containers"])}


class ConfigMap:
    """A folder as the kubelet keeps it: the files are links through ``..data``, which is replaced in one step."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._number = 0
        folder.mkdir()

    def set(self, files: dict[str, str]) -> None:
        self._number += 1
        version = self.folder / f"..v{self._number}"
        version.mkdir()
        for name, text in files.items():
            (version / name).write_text(text)
            link = self.folder / name
            if not link.is_symlink():
                link.symlink_to(f"..data/{name}")
        (self.folder / "..data_tmp").symlink_to(version.name)
        (self.folder / "..data_tmp").rename(self.folder / "..data")


def started(user: list[str], container: dict[str, Any], folder: Path, ports: dict[str, int]) -> subprocess.Popen[bytes]:
    """A container's process: its arguments and its user, with the places of this machine."""
    places = {"/etc/llamagate/": f"{folder}/etc/", "0.0.0.0:9469": f"127.0.0.1:{ports['metrics']}"}
    places |= {"--host=0.0.0.0": "--host=127.0.0.1", "11435": str(ports["http"])}
    arguments = []
    for one in container["args"]:
        for before, after in places.items():
            one = one.replace(before, after)
        arguments.append(one)
    with (folder / f"{container['name']}.log").open("wb") as output:
        return subprocess.Popen(
            [*user, sys.executable, "-B", "-m", "reconciler", *arguments],
            cwd="/",
            env={
                "PATH": os.environ["PATH"],
                "HOME": "/nonexistent",
                "LLAMAGATE_HOME": f"{folder}/home",
                "PYTHONPATH": str(PROJECT),
            },
            stdout=output,
            stderr=output,
        )


def answers(url: str) -> bool:
    try:
        return bool(get(url))
    except OSError:
        return False


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users may enter, as no folder of pytest is."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_the_pod_as_two_processes(open_folder: Path) -> None:
    """The host starts when the startup probe of the watcher passes; a new ConfigMap reaches what it serves."""
    tmp_path = open_folder
    session = Session(tmp_path)
    (tmp_path / "home").mkdir()
    user = ordinary_user(tmp_path / "home")
    config = ConfigMap(tmp_path / "etc")

    def release(version: str) -> None:
        session.package("notes", version=version)
        session.desired(f"extensions: {{notes: {session.project}/packages/notes}}\n")
        session.llamagate("lock")
        names = ("llamagate.yaml", "llamagate.lock.yaml")
        config.set({name: (session.project / name).read_text() for name in names})

    described = containers(rendered(EXAMPLES["configmap"]))
    assert list(described) == ["watcher", "host"]
    assert described["watcher"]["startupProbe"]["httpGet"] == {"path": "/readyz", "port": "metrics"}
    ports = {"metrics": free_port(), "http": free_port()}
    release("1.0.0")
    running = []
    try:
        running.append(started(user, described["watcher"], tmp_path, ports))
        until(lambda: answers(f"http://127.0.0.1:{ports['metrics']}/readyz"), "the first apply")
        running.append(started(user, described["host"], tmp_path, ports))
        listed = f"http://127.0.0.1:{ports['http']}/v1/extensions"
        until(lambda: answers(listed), "an answer of the host")

        def serves(version: str) -> bool:
            return version in {one["version"] for one in json.loads(get(listed))["extensions"]}

        assert serves("1.0.0")
        release("1.1.0")
        until(lambda: serves("1.1.0"), "the new version is served")
        assert (tmp_path / "home" / "registry" / "installed.json").stat().st_uid == (tmp_path / "home").stat().st_uid
    finally:
        for one in running:
            one.kill()
            one.wait(20)

"""What the chart makes of the values in its examples: ``python -m tests.fleet.chart`` writes it again."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final

from tests.conftest import PROJECT
from tests.fleet.tools import needs

CHART: Final = PROJECT / "integrations" / "chart"
GOLDEN: Final = PROJECT / "tests" / "fleet" / "golden"
EXAMPLES: Final = {path.stem: path for path in sorted((CHART / "examples").glob("*.yaml"))}
DEPLOYED: Final = PROJECT / "examples" / "deploy" / "kubernetes.yaml"

_HEAD: Final = """\
# Made from the chart: helm template llamagate integrations/chart -f integrations/chart/examples/configmap.yaml
# The ConfigMap is made by
#   kubectl create configmap llamagate --from-file llamagate.yaml --from-file llamagate.lock.yaml
# and its changes arrive by themselves. The packages that it names must be at addresses (http, git, catalog).
"""


def helm(*arguments: object) -> subprocess.CompletedProcess[str]:
    (program,) = needs("helm")
    return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, timeout=120)


def rendered(values: Path, *flags: str, name: str = "notes") -> str:
    done = helm("template", name, CHART, "-f", values, *flags)
    assert done.returncode == 0, done.stderr
    return done.stdout


def deployed() -> str:
    """The example for those who have no helm."""
    return _HEAD + rendered(EXAMPLES["configmap"], name="llamagate")


def main() -> None:
    for name, values in EXAMPLES.items():
        (GOLDEN / f"{name}.yaml").write_text(rendered(values))
    DEPLOYED.write_text(deployed())


if __name__ == "__main__":
    main()

"""The parser of YAML in C, and the one that is there where that is not."""

from __future__ import annotations

import pytest
import yaml

from reconciler.documents.yaml import places as yaml_places


@pytest.fixture(params=["libyaml", "python"])
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test that asks for it runs with both."""
    if request.param == "python":
        monkeypatch.setattr(yaml_places, "_Parser", yaml.SafeLoader)

"""What is found in the published samples. Each finding was looked at, and is right."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from tests.cli.shell import SAMPLES, Session


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the published samples are not beside the project")
def test_the_samples_have_these_findings_and_no_others(session: Session) -> None:
    found = json.loads(session.run("check", SAMPLES, "--json").out)["findings"]
    assert Counter(one["code"] for one in found) == {"LG108": 8, "LG112": 1, "LG114": 18}
    # Outputs that the samples declare, and that no step gives: the host does not answer with them either.
    outputs = sorted(one["message"].split("'")[1] for one in found if one["code"] == "LG108")
    assert outputs == [
        *("documentation", "event_id", "event_stored", "file_path", "html_presentation_path"),
        *("powerpoint_path", "processed_event", "response_message"),
    ]

"""Write the transcripts again: ``python -m tests.golden [VERB]...``. Then read the diff: it is what users will see."""

from __future__ import annotations

import sys

import pytest

from tests.golden.transcript import FOLDER, Renewal


def main(verbs: list[str]) -> int:
    tests = [f"{FOLDER / 'test_golden.py'}::test_transcript[{verb}]" for verb in verbs]
    return int(pytest.main(["-n", "0", *(tests or [str(FOLDER)])], plugins=[Renewal]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

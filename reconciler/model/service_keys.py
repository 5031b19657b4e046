"""Keys of well-known services: each has a beginning of its own by which it is known."""

from __future__ import annotations

from typing import Final

from reconciler.model.regex import regex

KEYS: Final = regex(
    r"(?<![A-Za-z0-9_-])(?:"
    r"(?P<plain>gsk_|gh[pousr]_|hf_|npm_|r8_|sk_live_|rk_live_|shpat_|dop_v1_|AKIA|ASIA)(?P<letters>[A-Za-z0-9]{16,})"
    r"|(?P<prefix>sk-ant-|sk-proj-|sk-or-v1-|sk-|github_pat_|glpat-|xox[abprs]-|xapp-|AIza|pypi-AgE|SG\.|whsec_)"
    r"(?P<rest>[A-Za-z0-9_.-]{16,}))"
    r"|-----BEGIN (?P<kind>[A-Z ]*PRIVATE KEY)-----"
)

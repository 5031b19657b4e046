"""The figures of the campaigns, told at the end of the run."""

from __future__ import annotations

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line for each campaign that ran, in whichever process."""
    reports = [report for found in terminalreporter.stats.values() for report in found]
    figures = [
        str(value)
        for report in reports
        if getattr(report, "when", "") == "call"
        for name, value in report.user_properties
        if name == "figures"
    ]
    for line in sorted(figures):
        terminalreporter.write_line(line)

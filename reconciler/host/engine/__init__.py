"""RUN: workflows, tasks and modules. Knows nothing of HTTP servers."""

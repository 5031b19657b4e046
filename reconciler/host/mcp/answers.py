"""What clients are given, as values of the SDK."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from reconciler import __version__
from reconciler.host.mcp.handles import Ended, Job
from reconciler.host.mcp.offered import RESULT_TOOL, Offer
from reconciler.model.config import Json, JsonObject

if TYPE_CHECKING:
    import mcp_types

_META_VERSION: Final = "llamagate/version"


def answer(ended: Ended) -> mcp_types.CallToolResult:
    """What a run gave, or why it failed."""
    import mcp_types

    if ended.error is not None:
        return failed(ended.error)
    return mcp_types.CallToolResult(
        content=[mcp_types.TextContent(type="text", text=ended.text)], structured_content=ended.data
    )


def under_way(job: Job, handle: str) -> mcp_types.CallToolResult:
    """That a run goes on, and how its result is had."""
    import mcp_types

    passed = time.monotonic() - job.began
    text = (
        f"'{job.name}' still runs after {passed:.0f} seconds ({job.doing or 'it began'}). "
        f"Call the tool {RESULT_TOOL} with the handle {handle} to get its result."
    )
    found: JsonObject = {"status": "running", "handle": handle, "seconds": round(passed, 1), "doing": job.doing}
    return mcp_types.CallToolResult(content=[mcp_types.TextContent(type="text", text=text)], structured_content=found)


def failed(message: str) -> mcp_types.CallToolResult:
    """An error of a tool, in words."""
    import mcp_types

    clean = message.encode("utf-8", "replace").decode()
    return mcp_types.CallToolResult(content=[mcp_types.TextContent(type="text", text=clean)], is_error=True)


def tool_of(offer: Offer) -> mcp_types.Tool:
    """A tool as clients are shown it."""
    import mcp_types

    return mcp_types.Tool(
        name=offer.name,
        title=offer.item.name,
        description=offer.description,
        input_schema=offer.schema,
        _meta={_META_VERSION: offer.version},
    )


def result_tool() -> mcp_types.Tool:
    """The host's own, which fetches the result of a run."""
    import mcp_types

    properties: Json = {
        "handle": {"type": "string", "description": "The handle that the call of a tool gave."},
        "wait": {"type": "number", "description": "Seconds to wait for the result at most."},
        "cancel": {"type": "boolean", "description": "True stops the run."},
    }
    return mcp_types.Tool(
        name=RESULT_TOOL,
        description="Get the result of a tool that was still running when its call returned a handle, or stop it.",
        input_schema={"type": "object", "properties": properties, "required": ["handle"]},
        _meta={_META_VERSION: __version__},
    )

"""A tool server that lies, in as many ways as its argument can name. Without the SDK, which would not let it."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

HOW = sys.argv[1]


def answer(request: dict[str, Any]) -> Any:
    method = request["method"]
    if method == "initialize":
        info = {"name": "liar", "version": "1"}
        return {
            "protocolVersion": request["params"]["protocolVersion"],
            "capabilities": {"tools": {}},
            "serverInfo": info,
        }
    if method == "tools/list":
        if HOW == "endless-list":
            return {"tools": [tool("say")], "nextCursor": "more"}
        return {"tools": [tool("say")]}
    if method == "tools/call":
        return called()
    return None


def tool(name: str) -> dict[str, Any]:
    found: dict[str, Any] = {"name": name, "description": "Say.", "inputSchema": {"type": "object"}}
    if HOW == "other-schema":
        found["outputSchema"] = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
    if HOW == "slow-schema":
        found["outputSchema"] = {"type": "object", "properties": {"n": {"type": "string", "pattern": "^(a+)+$"}}}
    return found


def called() -> Any:
    content = [{"type": "text", "text": "said"}]
    if HOW == "endless-line":
        while True:
            sys.stdout.write("x" * 65536)
    if HOW == "no-answer":
        time.sleep(600)
    if HOW == "other-schema":
        return {"content": content, "structuredContent": {"n": "no number"}}
    if HOW == "slow-schema":
        return {"content": content, "structuredContent": {"n": "a" * 40 + "!"}}
    if HOW == "other-form":
        return {"content": "no list"}
    return {"content": content}


def main() -> None:
    if HOW == "silent":
        time.sleep(600)
    if HOW == "noise":
        while True:
            print("just some words", flush=True)
            time.sleep(0.001)
    for line in sys.stdin:
        request = json.loads(line)
        if "id" not in request:
            continue
        result = answer(request)
        error = {"code": -32601, "message": "not found"}
        end = {"result": result} if result is not None else {"error": error}
        if HOW == "wrong-id" and request["method"] == "tools/call":
            request["id"] = 4711
        print(json.dumps({"jsonrpc": "2.0", "id": request["id"], **end}), flush=True)
        while HOW in ("news", "questions") and request["method"] == "tools/call":
            question = (
                {"id": 1, "method": "ping"} if HOW == "questions" else {"method": "notifications/tools/list_changed"}
            )
            print(json.dumps({"jsonrpc": "2.0", **question}))


main()

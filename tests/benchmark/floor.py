"""The least that any Python program would do for the same outcome. Each is one process, and checks nothing.

Run as ``python floor.py start``, ``python floor.py plan FILE LOCK HOME PACKAGES`` or
``python floor.py unzip PACKAGES TARGET``. Imports stand in the functions: a floor pays only for what it uses.
"""

# ruff: noqa: PTH119, PTH123, PTH208 - for the same reason

from __future__ import annotations

import os
import sys


def start() -> None:
    """A command line of typer with one command, which does nothing."""
    import typer

    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command()(lambda: None)
    app([])


def plan(file: str, lock: str, home: str, packages: str) -> None:
    """Load what a look needs, as fast as the usual libraries do, and ``stat`` every file."""
    import json

    import typer  # noqa: F401 - for its cost: any command line of this kind pays it
    import yaml

    for path in (file, lock):
        with open(path, "rb") as stream:
            yaml.load(stream, Loader=yaml.CSafeLoader)
    folder = os.path.join(home, "reconciler", "record")
    for path in (os.path.join(folder, name) for name in os.listdir(folder)):
        with open(path, "rb") as stream:
            json.load(stream)
    stat_all(os.path.join(home, "extensions", "installed"))
    stat_all(packages)


def rewrite(home: str, target: str) -> None:
    """Load the record and the registry as JSON, and write them into the folder ``target``, for good."""
    import json

    import typer  # noqa: F401 - for its cost: any command line of this kind pays it

    ours = os.path.join(home, "reconciler")
    pieces = os.path.join(ours, "record")
    paths = [os.path.join(pieces, name) for name in os.listdir(pieces)]
    for path in (*paths, os.path.join(ours, "record.json"), os.path.join(home, "registry", "installed.json")):
        with open(path, "rb") as stream:
            document = json.load(stream)
        with open(os.path.join(target, os.path.basename(path)), "w") as out:
            out.write(json.dumps(document))
    os.sync()


def unzip(packages: str, target: str) -> None:
    """Hash and unpack every archive, then sync once."""
    import hashlib
    import zipfile

    for name in sorted(os.listdir(packages)):
        path = os.path.join(packages, name)
        with open(path, "rb") as stream:
            hashlib.sha256(stream.read()).hexdigest()
        with zipfile.ZipFile(path) as archive:
            archive.extractall(os.path.join(target, name.removesuffix(".zip")))
    os.sync()


def serve(method: str, path: str, answer: str) -> None:
    """A Starlette app that answers one kind of request with the document in the file ``answer``, on uvicorn."""
    import json
    import socket

    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    with open(answer, "rb") as stream:
        document = json.load(stream)

    async def answers(request: Request) -> JSONResponse:
        if method == "POST":
            await request.json()
        return JSONResponse(document)

    app = Starlette(routes=[Route(path, answers, methods=[method])])
    listener = socket.create_server(("127.0.0.1", 0))
    sys.stdout.write(json.dumps({"url": "http://{}:{}".format(*listener.getsockname())}) + "\n")
    sys.stdout.flush()
    config = uvicorn.Config(app, log_level="critical", access_log=False, lifespan="off")
    uvicorn.Server(config).run(sockets=[listener])


def relay(upstream: str) -> None:
    """A Starlette app that passes on what it is asked, as it comes, with the usual client; on uvicorn."""
    import json
    import socket
    from collections.abc import AsyncIterator

    import httpx2
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import StreamingResponse
    from starlette.routing import Route

    client = httpx2.AsyncClient(base_url=upstream, trust_env=False, timeout=60)

    async def passes(request: Request) -> StreamingResponse:
        asked = client.build_request("POST", request.url.path, content=request.stream(), headers=request.headers.raw)
        answer = await client.send(asked, stream=True)

        async def body() -> AsyncIterator[bytes]:
            async for chunk in answer.aiter_raw():
                yield chunk
            await answer.aclose()

        headers = {name: value for name, value in answer.headers.items() if name != "transfer-encoding"}
        return StreamingResponse(body(), answer.status_code, headers)

    app = Starlette(routes=[Route("/{path:path}", passes, methods=["POST"])])
    listener = socket.create_server(("127.0.0.1", 0))
    sys.stdout.write(json.dumps({"url": "http://{}:{}".format(*listener.getsockname())}) + "\n")
    sys.stdout.flush()
    config = uvicorn.Config(app, log_level="critical", access_log=False, lifespan="off", ws="none")
    uvicorn.Server(config).run(sockets=[listener])


def upstream(chunks: str) -> None:
    """A server that answers each request with a stream of so many events, half a millisecond apart."""
    import asyncio
    import json

    choice = (
        '{"id":"c","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":{"content":"word"}}]}'
    )
    event = f"data: {choice}\n\n".encode()
    chunk = b"%x\r\n%s\r\n" % (len(event), event)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while asked := await reader.read(65536):
            if not asked.startswith((b"GET", b"POST")):
                continue
            writer.write(head)
            for _ in range(int(chunks)):
                writer.write(chunk)
                await writer.drain()
                await asyncio.sleep(0.0005)
            writer.write(b"0\r\n\r\n")
        writer.close()

    async def main() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        sys.stdout.write(json.dumps({"url": "http://{}:{}".format(*server.sockets[0].getsockname())}) + "\n")
        sys.stdout.flush()
        await server.serve_forever()

    asyncio.run(main())


def stat_all(folder: str) -> None:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                stat_all(entry.path)
            else:
                entry.stat(follow_symlinks=False)


if __name__ == "__main__":
    if sys.argv[1] == "start":
        start()
    elif sys.argv[1] == "plan":
        plan(*sys.argv[2:])
    elif sys.argv[1] == "rewrite":
        rewrite(*sys.argv[2:])
    elif sys.argv[1] == "serve":
        serve(*sys.argv[2:])
    elif sys.argv[1] == "relay":
        relay(*sys.argv[2:])
    elif sys.argv[1] == "upstream":
        upstream(*sys.argv[2:])
    else:
        unzip(*sys.argv[2:])

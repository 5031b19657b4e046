"""The least that any Python program would do for the same outcome. Each is one process, and checks nothing.

Run as ``python floor.py start``, ``python floor.py plan FILE LOCK HOME PACKAGES`` or
``python floor.py unzip PACKAGES TARGET``. Imports stand in the functions: a floor pays only for what it uses.
"""

# ruff: noqa: PTH123, PTH208 - for the same reason

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
    elif sys.argv[1] == "serve":
        serve(*sys.argv[2:])
    else:
        unzip(*sys.argv[2:])

"""The routes of the page: what a browser asks for, and what it is told. A visitor reaches its own things only."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from nst.config.invocation import command
from nst.serve import offered
from nst.serve.guard import Guard
from nst.serve.limits import Limits, RefusedError
from nst.serve.line import Job, Line
from nst.serve.settings import SLIDERS, Settings, State
from nst.serve.uploads import Uploads
from nst.serve.visitors import FILES, Visitor, describe
from nst.utils.errors import one_line
from nst.utils.versions import own

ASSETS = Path(str(files("nst"))) / "assets" / "page"
PAUSE = 0.2
"""Seconds between two looks at what a browser is to be told."""
HEARTBEAT = 5.0
"""Seconds after which a browser is told something in any case, so that its end is seen."""


@dataclass
class Page:
    """What all routes share.

    Attributes:
        folder: Where the visitors' folders are.
        limits: Of the page.
        line: What is to be painted.
        quick: The first results, which take a second each.
        password: That is asked for; None: none.
        closing: Whether the server is about to end.
    """

    folder: Path
    limits: Limits
    line: Line
    quick: Line
    password: str | None = None
    closing: bool = False

    def visitor(self, request: Request) -> Visitor:
        """Return the visitor that a request comes from."""
        return Visitor.of(request.scope["visitor"], self.folder)

    async def choices(self, request: Request) -> Response:
        """Tell what can be chosen."""
        styles, photographs = offered.styles(), offered.photographs()
        return JSONResponse(
            {
                "styles": [{"name": one.name, "title": one.title} for one in styles.values()],
                "photographs": [{"name": one.name, "title": one.title} for one in photographs.values()],
                "backbones": list(offered.WITHOUT_DOWNLOAD),
                "losses": list(offered.losses()),
                "recipes": [{"name": name, "about": about} for name, (about, _) in offered.recipes().items()],
                "limits": asdict(self.limits),
                "version": own(),
            }
        )

    async def sample(self, request: Request) -> Response:
        """Send a copy of a style or a photograph that the page offers."""
        kind, name = request.path_params["kind"], request.path_params["name"]
        kinds = {"style": (offered.styles, offered.THUMBNAIL), "photograph": (offered.photographs, offered.PREVIEW)}
        if kind not in kinds or name not in (pictures := kinds[kind][0]()):
            raise HTTPException(404)
        copy = await asyncio.to_thread(offered.small, pictures[name].path, kinds[kind][1])
        return Response(copy, media_type="image/jpeg")

    async def runs(self, request: Request) -> Response:
        """Tell all runs of the visitor."""
        visitor = self.visitor(request)
        return JSONResponse(await asyncio.to_thread(lambda: [self._as_it_is(folder) for folder in visitor.runs()]))

    async def run(self, request: Request) -> Response:
        """Tell one run."""
        return JSONResponse(self._as_it_is(self.visitor(request).run(request.path_params["name"])))

    def _as_it_is(self, folder: Path) -> dict[str, Any]:
        """Describe a run; its state is that of its job, if it is in the line."""
        job, run = self.line.find(folder), describe(folder)
        if job is not None:
            return run | {"state": "waiting" if job.child is None else "running"}
        if run["state"] == "waiting":
            return run | {"state": "interrupted", "reason": "it had not begun when it was stopped"}
        return run

    async def paint(self, request: Request) -> Response:
        """Put a picture, or with `grid` a grid of small ones, into the line."""
        visitor, sent = self.visitor(request), await _json(request)
        grid = sent.pop("grid", None)
        settings = Settings.read(sent, self.limits)

        def started(state: State) -> Path:
            file = visitor.run(state.run) / state.file
            if not file.is_file():
                raise RefusedError("this state is not there any more; choose another")
            return file

        find = visitor.upload
        asked = settings.words(find, started)
        wanted = settings.first(find) if grid is None else None
        about = {
            "settings": settings.model_dump(exclude_none=True),
            "command": command(asked),
            "first": wanted and wanted.command(),
            "grid": None,
        }
        if grid is not None:
            cells = settings.grid(*_sliders(grid))
            about["grid"] = {"sliders": grid, "cells": [cell.model_dump(exclude_none=True) for cell in cells]}
            lines = [cell.words(find, started) for cell in cells]
        folder = visitor.new_run(about, self.limits.kept)
        if grid is not None:
            job = Job(folder, visitor.folder, "paint_grid", (lines, folder))
        else:
            job = Job(folder, visitor.folder, "paint", (asked, folder, self._colours(settings, find)))
        if wanted is not None:
            job.first = Job(folder, visitor.folder, "first", (wanted, folder / "first.jpg"), records=False)
        return self._begin(job, new=True)

    async def go_on(self, request: Request) -> Response:
        """Go on with a picture that was stopped."""
        visitor = self.visitor(request)
        folder = visitor.run(request.path_params["name"])
        known = describe(folder)
        if known["state"] == "finished" or known["grid"] is not None or self.line.find(folder) is not None:
            raise RefusedError("this picture is finished, or being painted")
        settings = Settings.read(known["settings"], self.limits)
        asked = settings.words(visitor.upload, lambda state: visitor.run(state.run) / state.file)
        job = Job(folder, visitor.folder, "paint", (asked, folder, self._colours(settings, visitor.upload)))
        return self._begin(job, new=False)

    def _colours(self, settings: Settings, find: Callable[[str, str], Path]) -> Path | None:
        """Return the photograph whose colours live pictures get, or None."""
        return settings.file(find) if settings.colours == "photograph" else None

    def _begin(self, job: Job, *, new: bool) -> Response:
        try:
            self.line.add(job)
        except RefusedError:
            if new:
                _delete(job.folder)
            raise
        if job.first is not None:
            try:
                self.quick.add(job.first)
            except RefusedError:  # several at once: the picture itself will be seen
                job.first.ended.set()
        return JSONResponse({"id": job.folder.name})

    async def stop(self, request: Request) -> Response:
        """Stop a picture, and keep what is painted."""
        self.line.stop(self.visitor(request).run(request.path_params["name"]))
        return JSONResponse({})

    async def delete(self, request: Request) -> Response:
        """Delete a run that is not at work."""
        folder = self.visitor(request).run(request.path_params["name"])
        self.line.stop(folder)
        if self.line.find(folder) is not None:
            raise RefusedError("it is being painted; it can be deleted when it has stopped")
        await asyncio.to_thread(_delete, folder)
        return JSONResponse({})

    async def file(self, request: Request) -> Response:
        """Send a file of a run; with `?save=` as a download of that name."""
        folder, name = self.visitor(request).run(request.path_params["name"]), request.path_params["file"]
        if not FILES.match(name) or not (folder / name).is_file():
            raise HTTPException(404)
        return FileResponse(folder / name, filename=request.query_params.get("save"))

    async def live(self, request: Request) -> Response:
        """Send the live picture of a run, or where it has just ended the last one."""
        folder = self.visitor(request).run(request.path_params["name"])
        job = self.line.find(folder)
        picture = job.shown()[1] if job is not None else None
        if picture is not None:
            return Response(picture, media_type="image/jpeg")
        last = describe(folder)["picture"]
        return FileResponse(folder / last) if last else Response(status_code=204)

    async def events(self, request: Request) -> Response:
        """Tell what happens to the visitor's jobs, as server-sent events, until the browser goes."""
        return StreamingResponse(self._told(self.visitor(request)), media_type="text/event-stream")

    async def _told(self, visitor: Visitor) -> AsyncIterator[str]:
        before, told, clock = None, 0.0, asyncio.get_running_loop().time
        while not self.closing:
            for line in (self.line, self.quick):
                line.seen(visitor.folder)
            now = self.line.of(visitor.folder)
            if now != before or clock() - told > HEARTBEAT:
                yield f"data: {json.dumps(now)}\n\n"
                before, told = now, clock()
            await asyncio.sleep(PAUSE)


def application(page: Page, hosts: list[str]) -> Starlette:
    """Return the page as an ASGI application.

    Args:
        page: What its routes share.
        hosts: Names under which it may be asked for: another site's name that leads here is refused.
    """
    uploads = Uploads(page.folder, page.limits)
    run, picture = "/api/runs/{name}", "/api/pictures/{name}"
    routes = [
        Route("/", partial(_send, ASSETS / "index.html")),
        Route("/api/choices", page.choices),
        Route("/api/sample/{kind}/{name}", page.sample),
        Route("/api/upload/{kind}", uploads.upload, methods=["POST"]),
        Route(picture, uploads.about),
        Route(f"{picture}/preview", uploads.preview),
        Route("/api/masks/{name}", uploads.mask),
        Route("/api/runs", page.runs),
        Route("/api/runs", page.paint, methods=["POST"]),
        Route(run, page.run),
        Route(run, page.delete, methods=["DELETE"]),
        Route(f"{run}/stop", page.stop, methods=["POST"]),
        Route(f"{run}/go_on", page.go_on, methods=["POST"]),
        Route(f"{run}/live", page.live),
        Route(f"{run}/files/{{file}}", page.file),
        Route("/api/events", page.events),
        Mount("/assets", StaticFiles(directory=ASSETS)),
    ]
    middleware = [
        Middleware(TrustedHostMiddleware, allowed_hosts=hosts),
        Middleware(Guard, password=page.password),
    ]
    handlers: Any = {RefusedError: _refused, OSError: _failed}
    return Starlette(routes=routes, middleware=middleware, exception_handlers=handlers)


async def _send(path: Path, request: Request) -> Response:
    return FileResponse(path)


async def _refused(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 400)


async def _failed(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": one_line(error)}, 500)


async def _json(request: Request) -> dict[str, Any]:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > 100_000:
            raise RefusedError("the settings are too long")
    try:
        sent = json.loads(body)
    except (ValueError, RecursionError):
        raise RefusedError("the settings can't be read; reload the page") from None
    if not isinstance(sent, dict):
        raise RefusedError("the settings can't be read; reload the page")
    return sent


def _sliders(grid: Any) -> tuple[str, str]:
    if not isinstance(grid, dict) or {grid.get("across"), grid.get("down")} != set(SLIDERS):
        raise RefusedError(f"a grid varies {' and '.join(SLIDERS)}; reload the page")
    return grid["across"], grid["down"]


def _delete(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)

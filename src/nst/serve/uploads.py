"""Photographs, paintings and masks that a visitor uploads: received, read as a run would read them, sent back."""

import asyncio
import json
from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from nst.serve.child import Child
from nst.serve.limits import Limits, RefusedError
from nst.serve.visitors import Visitor

READ = 60.0
"""Seconds that reading an upload may take."""
PAGE_WORDS = {
    " or raise max_megapixels=": "",
    "give method=film, or paint it with a network: nst stylize": "give a photograph; films are for the command line",
}
"""Advice of the command line that a visitor can't take -> what the page says."""
AT_ONCE = 2
"""Uploads that are read at the same time."""


class Uploads:
    """The routes of uploads.

    Args:
        folder: Where the visitors' folders are.
        limits: Of the page.
    """

    def __init__(self, folder: Path, limits: Limits) -> None:
        self.folder = folder
        self.limits = limits
        self.reading = asyncio.Semaphore(AT_ONCE)

    async def upload(self, request: Request) -> Response:
        """Take a picture or a mask: the body is the file, `?name=` what it was called."""
        visitor, kind = self._visitor(request), request.path_params["kind"]
        if kind not in ("picture", "mask"):
            raise HTTPException(404)
        name = request.query_params.get("name", "")[-80:] or kind
        file = visitor.new_upload(kind, name)
        try:
            await self._receive(request, file, name)
            about = await self._read(kind, file, name)
        except BaseException:
            for left in file.parent.glob(f"{file.stem}.*"):
                left.unlink(missing_ok=True)
            raise
        return JSONResponse(visitor.keep_upload(file, {"name": name, **about}, self.limits.kept))

    async def _receive(self, request: Request, file: Path, name: str) -> None:
        most, size = self.limits.megabytes * 1e6, 0
        with file.open("wb") as out:
            async for chunk in request.stream():
                size += len(chunk)
                if size > most:
                    raise RefusedError(
                        f"{name} is larger than {self.limits.megabytes:g} megabytes; give a smaller file"
                    )
                out.write(chunk)

    async def _read(self, kind: str, file: Path, name: str) -> dict[str, Any]:
        """Read an upload in a process of its own: a decoder that crashes or needs all memory ends nothing else."""
        task = "read_picture" if kind == "picture" else "read_mask"
        megapixels = self.limits.megapixels

        def read() -> dict[str, Any]:
            found: dict[str, Any] = Child(task, file, megapixels).result(READ)
            return found

        async with self.reading:
            try:
                found = await asyncio.to_thread(read)
            except RefusedError as error:
                line = str(error).replace(str(file), name)
                for said, here in PAGE_WORDS.items():
                    line = line.replace(said, here)
                raise RefusedError(line) from None
        return {**found, "notes": [note.replace(str(file), name) for note in found["notes"]]}

    async def preview(self, request: Request) -> Response:
        """Send the copy of an upload that the page shows."""
        file = self._visitor(request).upload("picture", request.path_params["name"])
        return FileResponse(file.with_suffix(".preview.jpg"))

    async def about(self, request: Request) -> Response:
        """Tell what is known of an upload."""
        file = self._visitor(request).upload("picture", request.path_params["name"])
        return JSONResponse(json.loads(file.with_suffix(".json").read_text(encoding="utf-8")))

    async def mask(self, request: Request) -> Response:
        """Send a mask back to the brush."""
        return FileResponse(self._visitor(request).upload("mask", request.path_params["name"]))

    def _visitor(self, request: Request) -> Visitor:
        return Visitor.of(request.scope["visitor"], self.folder)

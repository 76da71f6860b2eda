"""Prediction service: images in, labels and probabilities out.

Start it with ``python examples/serve/app.py model.skops``, or a file of `to_onnx`. It
listens on the loopback address unless told otherwise.
"""

import argparse
import asyncio
import contextlib
import logging
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse
from starlette.routing import Route

from sklcnn.persistence import load_predictor

PAGE = Path(__file__).parent / "page" / "index.html"
LOGGER = logging.getLogger("serve")


@dataclass(frozen=True)
class Limits:
    """What a request may ask for.

    Parameters
    ----------
    n_bytes : int, default=10_000_000
        Size of a request.
    n_images : int, default=32
        Number of images in a request.
    n_pixels : int, default=25_000_000
        Number of pixels of an image, before it is decoded.
    seconds : float, default=30.0
        Time for an answer, waiting included.
    n_waiting : int, default=64
        Number of requests that wait or are answered; more are told to come back.
    """

    n_bytes: int = 10_000_000
    n_images: int = 32
    n_pixels: int = 25_000_000
    seconds: float = 30.0
    n_waiting: int = 64


class Service:
    """Predicts images that are uploaded, one request at a time.

    Parameters
    ----------
    predictor : Predictor
        The model.
    limits : Limits
        What a request may ask for.
    """

    def __init__(self, predictor, limits):
        self.predictor = predictor
        self.limits = limits
        self.worker = ThreadPoolExecutor(max_workers=1)
        self.n_waiting = 0
        predictor.max_pixels = limits.n_pixels

    async def health(self, request):
        """Tell that the service runs, and which model."""
        return JSONResponse(
            {
                "status": "ok",
                "version": self.predictor.version,
                "classes": self.predictor.classes_.tolist(),
            }
        )

    async def page(self, request):
        """Show a page to drop pictures on."""
        headers = {
            "Content-Security-Policy": "default-src 'self' 'unsafe-inline' blob:",
            "X-Content-Type-Options": "nosniff",
        }
        return FileResponse(PAGE, headers=headers)

    async def predict(self, request):
        """Predict the images of a request."""
        if self.n_waiting >= self.limits.n_waiting:
            raise HTTPException(503, "Too many requests at a time. Try again later.")
        self.n_waiting += 1
        start = time.perf_counter()
        try:
            async with asyncio.timeout(self.limits.seconds):
                uploads = await self._uploads(request)
                loop = asyncio.get_running_loop()
                answers = await loop.run_in_executor(
                    self.worker, self._predict, uploads
                )
        except TimeoutError:
            raise HTTPException(503, "No answer in time. Try again later.") from None
        finally:
            self.n_waiting -= 1
        milliseconds = 1000 * (time.perf_counter() - start)
        LOGGER.info("predicted %d image(s) in %.1f ms", len(uploads), milliseconds)
        version = self.predictor.version
        return JSONResponse({"version": version, "predictions": answers})

    async def _uploads(self, request):
        """Read the images of a request, as pairs of a name and bytes."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip()
        request = limited(request, self.limits.n_bytes)
        try:
            if kind == "multipart/form-data":
                uploads = await self._parts(request)
            else:
                uploads = [("body", await request.body())]
        except ClientDisconnect as error:
            raise HTTPException(400, "The upload was broken off.") from error
        if not uploads or not all(content for _, content in uploads):
            raise HTTPException(400, "No image, or an empty one, was sent.")
        if len(uploads) > self.limits.n_images:
            raise HTTPException(
                413, f"At most {self.limits.n_images} images at a time."
            )
        return uploads

    async def _parts(self, request):
        """Take the files out of a form."""
        async with request.form(
            max_files=self.limits.n_images + 1, max_fields=8
        ) as form:
            files = [item for _, item in form.multi_items() if hasattr(item, "read")]
            return [(file.filename or "image", await file.read()) for file in files]

    def _predict(self, uploads):
        """Predict images, in the thread of the worker."""
        contents = [content for _, content in uploads]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                warnings.filterwarnings("error", "(?s).*bands")  # no picture
                rows = self.predictor.predict_proba(contents)
        except (OSError, ValueError, UserWarning) as error:
            raise HTTPException(422, " ".join(str(error).split())) from error
        classes = self.predictor.classes_.tolist()
        return [
            {
                "name": name,
                "label": classes[row.argmax()],
                "probabilities": {
                    str(label): float(p) for label, p in zip(classes, row, strict=True)
                },
            }
            for (name, _), row in zip(uploads, rows, strict=True)
        ]


def limited(request, n_bytes):
    """Make a request that stops where it is too long, whatever its header says."""
    n_received = 0

    async def receive():
        nonlocal n_received
        message = await request.receive()
        n_received += len(message.get("body", b""))
        if n_received > n_bytes:
            raise HTTPException(413, f"At most {n_bytes} bytes at a time.")
        return message

    return Request(request.scope, receive)


async def refuse(request, error):
    """Answer a request that can't be served, and log it."""
    client = request.client.host if request.client else "?"
    LOGGER.warning("%s refused with %d: %s", client, error.status_code, error.detail)
    return JSONResponse({"error": error.detail}, status_code=error.status_code)


def make_app(path, *, trusted=(), limits=None):
    """Make the application of a model.

    Parameters
    ----------
    path : str or path-like
        File of `dump` or `to_onnx`.
    trusted : list of str, default=()
        As in `load`.
    limits : Limits, default=None
        What a request may ask for.

    Returns
    -------
    app : Starlette
    """
    service = Service(load_predictor(path, trusted=trusted), limits or Limits())

    @contextlib.asynccontextmanager
    async def lifespan(app):
        yield
        service.worker.shutdown(wait=True)

    return Starlette(
        routes=[
            Route("/", service.page),
            Route("/health", service.health),
            Route("/predict", service.predict, methods=["POST"]),
        ],
        exception_handlers={HTTPException: refuse},
        lifespan=lifespan,
    )


def main():
    """Serve a model until the process is told to stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="file of `dump` (*.skops) or `to_onnx` (*.onnx)")
    parser.add_argument(
        "--host", default="127.0.0.1", help="address (default: loopback)"
    )
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--trusted", action="append", default=[], metavar="NAME")
    options = parser.parse_args()
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s"
    )
    uvicorn.run(
        make_app(options.model, trusted=options.trusted),
        host=options.host,
        port=options.port,
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=30,
        timeout_keep_alive=10,
    )


if __name__ == "__main__":
    main()

"""The service as an ASGI application (FastAPI)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from anyio import to_thread
from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from api import problems
from api.middleware.access_log import AccessLog
from api.middleware.api_keys import Keyring
from api.middleware.auth import Authentication
from api.middleware.load_limits import LoadLimits, RateLimiter
from api.problems import Problem
from api.routes import frames, operations, patches, snapshots, triplets
from api.service import Service
from api.settings import ServiceSettings

DESCRIPTION = "Triplets for self-supervised training, sampled from an affinity graph in Neo4j."

SECURITY_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
"""How a request carries its API key, for the OpenAPI description."""


def create_app(settings: ServiceSettings) -> FastAPI:
    """Create the application. It opens the graph of the data folder when it starts, and closes it when it ends."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.service = await to_thread.run_sync(Service, settings)
        try:
            yield
        finally:
            app.state.service.close()

    # FastAPI's own docs page loads scripts from the internet, and stays empty on a machine without internet.
    app = FastAPIOffline(
        title="Affinity Graph",
        description=DESCRIPTION,
        version=version("affinity-graph"),
        lifespan=lifespan,
        redoc_url=None,
        static_url="/docs-assets",
        redirect_slashes=False,
    )
    for routes in (snapshots, triplets, frames, patches, operations):
        app.include_router(routes.router)
    problems.install(app)
    add_middleware(app, settings.keys, settings.in_flight, settings.runtime or settings.folder.root)
    complete_openapi(app)
    return app


def add_middleware(app: FastAPI, keys: Keyring, max_in_flight: int, runtime: Path) -> None:
    """Put the middleware around the app; the last one added is the outermost."""
    app.add_middleware(LoadLimits, max_in_flight=max_in_flight, rates=RateLimiter(runtime))
    app.add_middleware(Authentication, keys=keys)
    app.add_middleware(AccessLog)


def complete_openapi(app: FastAPI) -> None:
    """Add the schema of problem details and the API key, which is optional, to the OpenAPI description."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        document = generate()
        components = document.setdefault("components", {})
        components.setdefault("schemas", {})["Problem"] = Problem.model_json_schema()
        components["securitySchemes"] = SECURITY_SCHEMES
        document["security"] = [{}, *({name: []} for name in SECURITY_SCHEMES)]
        return document

    app.openapi = openapi  # type: ignore[method-assign]

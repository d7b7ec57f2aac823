"""The service as an ASGI application."""

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
from api.middleware.auth import Guard
from api.middleware.load_limits import Limits, Rates
from api.problems import Problem
from api.routes import frames, operations, patches, snapshots, triplets
from api.service import Service
from api.settings import ServiceSettings

ABOUT = "Triplets for self-supervised training, sampled from an affinity graph in Neo4j."

KEYS = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
"""How a request carries its key."""


def create_app(settings: ServiceSettings) -> FastAPI:
    """The application; it opens the graph of the data folder when it starts, and closes it when it ends."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.service = await to_thread.run_sync(Service, settings)
        try:
            yield
        finally:
            app.state.service.close()

    # FastAPI's own docs page loads its scripts from elsewhere and stays empty on a closed machine.
    app = FastAPIOffline(
        title="Affinity Graph",
        description=ABOUT,
        version=version("affinity-graph"),
        lifespan=lifespan,
        redoc_url=None,
        static_url="/docs-assets",
        redirect_slashes=False,
    )
    for routes in (snapshots, triplets, frames, patches, operations):
        app.include_router(routes.router)
    problems.install(app)
    protect(app, settings.keys, settings.in_flight, settings.runtime or settings.folder.root)
    describe(app)
    return app


def protect(app: FastAPI, keys: Keyring, in_flight: int, runtime: Path) -> None:
    """Put around the app, from the outside in: what is seen of a request, who may ask, how much."""
    app.add_middleware(Limits, in_flight=in_flight, rates=Rates(runtime))
    app.add_middleware(Guard, keys=keys)
    app.add_middleware(AccessLog)


def describe(app: FastAPI) -> None:
    """Complete the description: the shape of problem details, and the key, which is needed where there are keys."""
    described = app.openapi

    def openapi() -> dict[str, Any]:
        document = described()
        components = document.setdefault("components", {})
        components.setdefault("schemas", {})["Problem"] = Problem.model_json_schema()
        components["securitySchemes"] = KEYS
        document["security"] = [{}, *({name: []} for name in KEYS)]
        return document

    app.openapi = openapi  # type: ignore[method-assign]

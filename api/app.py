"""The service as an ASGI application."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from anyio import to_thread
from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from api import problems
from api.guard import Guard
from api.problems import Problem
from api.routes import health, patches, snapshots, triplets
from api.service import Service
from api.settings import ServiceSettings

ABOUT = "Triplets for self-supervised training, sampled from an affinity graph in Neo4j."


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
    for routes in (snapshots, triplets, patches, health):
        app.include_router(routes.router)
    problems.install(app)
    app.add_middleware(Guard, api_key=settings.api_key)
    describe_problems(app)
    return app


def describe_problems(app: FastAPI) -> None:
    """Put the shape of problem details where the operations' descriptions point to."""
    describe = app.openapi

    def openapi() -> dict[str, Any]:
        document = describe()
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schemas["Problem"] = Problem.model_json_schema()
        return document

    app.openapi = openapi  # type: ignore[method-assign]

"""What a cached answer is measured against: one FastAPI route with one Redis GET, and nothing else."""

from __future__ import annotations

import socket
import sys

from fastapi import FastAPI
from fastapi.responses import Response
from redis import asyncio as redis


def bare_app(redis_url: str) -> FastAPI:
    app = FastAPI()
    client = redis.Redis.from_url(redis_url)

    @app.get("/answers/{key}")
    async def answer(key: str) -> Response:
        return Response(await client.get(key), media_type="application/json")

    return app


def main() -> None:
    """`python -m service.benchmarks.bare REDIS_URL`: prints its port, then serves until stopped."""
    import uvicorn

    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        config = uvicorn.Config(bare_app(sys.argv[1]), log_config=None, access_log=False)
        uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()

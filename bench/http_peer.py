"""What the HTTP figures are compared with: three calls of the old service as one would write them today with
FastAPI and redis-py, served by gunicorn with uvicorn's workers. REDIS_SOCKET names the unix socket of Redis.
"""
import json
import os

import fastapi
import redis.asyncio

application = fastapi.FastAPI()
store = redis.asyncio.Redis(unix_socket_path=os.environ["REDIS_SOCKET"], decode_responses=True)


@application.get("/healthz")
async def health():
    return {"status": "ok"}


@application.get("/getRegisteredReplics")
async def registered():
    found = await store.lrange("REPLICA_REGISTRY", 0, -1)
    return {"LIST_OF_REGISTERED_REPLICS": ", ".join(found) if found else "EMPTY"}


@application.get("/v1/replicas/{replica}/rows/{key}")
async def one_row(replica: str, key: str):
    text = await store.hget(replica, key)
    if text is None:
        raise fastapi.HTTPException(404, "There is no such row")
    return {"key": key, "values": json.loads(text)}

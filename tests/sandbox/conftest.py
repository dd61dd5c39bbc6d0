import hashlib
import hmac
import json

import httpx
import pytest

from connectors.sandbox import Limits, Sandbox

UPDATE = "/inventory/v1/fs/13004/stock/update"
INVENTORY = "/api/v1/partner/stores/inventory"
AT = 1_770_233_196.936


class Clock:
    """Virtual time: sleeping is what makes it go on."""

    def __init__(self):
        self.at = AT

    def __call__(self):
        return self.at

    async def sleep(self, seconds):
        self.at += seconds


class Client:
    """Speaks to the sandbox as the two documents say, written apart from the connectors."""

    def __init__(self, sandbox, clock, http):
        self.sandbox = sandbox
        self.clock = clock
        self.http = http
        self.token = ""

    async def sign_in(self, **changes):
        secret = changes.pop("secret", "sandbox-client-secret")
        params = {"grant_type": "client_credentials"}
        answer = await self.http.post("/token", params=params, auth=("sandbox-client", secret))
        self.token = answer.json().get("access_token", "")
        return answer

    async def update_stock(self, rows, *, path=UPDATE, token=None, **params):
        if not self.token:
            await self.sign_in()
        headers = {"Authorization": f"Bearer {self.token if token is None else token}"}
        headers["Content-Type"] = "application/json"
        body = rows if isinstance(rows, bytes) else json.dumps(rows).encode()
        params = {"shop_id": "479573", **params}
        return await self.http.post(path, params=params, content=body, headers=headers)

    async def read_tokopedia(self, path, **params):
        if not self.token:
            await self.sign_in()
        headers = {"Authorization": f"Bearer {self.token}"}
        return await self.http.get(path, params=params, headers=headers)

    def signed(self, method, path, body=b"", *, prefix="sha256=", key=b"sandbox-secret-key", **changes):
        headers = {
            "x-partner-client-id": "ptnr_sandbox",
            "x-store-client-id": "str_sandbox",
            "x-store-token": "stkn_sandbox-store-token",
            "x-timestamp": str(round(self.clock() * 1000)),
        } | {name.replace("_", "-"): value for name, value in changes.items()}
        lines = [method, path, *(f"{name}:{value}" for name, value in headers.items())]
        text = "\n".join([*lines, hashlib.sha256(body).hexdigest()])
        headers["x-signature"] = prefix + hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        return headers

    async def update_stocks(self, entries, *, headers=None, content_type="application/json", **changes):
        body = entries if isinstance(entries, bytes) else json.dumps({"items": entries}).encode()
        headers = headers or self.signed("PATCH", "/partner/stores/inventory", body, **changes)
        return await self.http.patch(
            INVENTORY, content=body, headers={"Content-Type": content_type, **headers}
        )

    async def read_tocobagus(self, path, **params):
        headers = self.signed("GET", path)
        return await self.http.get(f"/api/v1{path}", params=params, headers=headers)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def limits():
    return {
        "tokopedia_limits": Limits(rows_per_request=100),
        "tocobagus_limits": Limits(rows_per_request=100),
    }


@pytest.fixture
def sandbox(clock, limits):
    return Sandbox(now=clock, sleep=clock.sleep, **limits)


@pytest.fixture
async def client(sandbox, clock):
    transport = httpx.ASGITransport(sandbox.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://sandbox") as http:
        yield Client(sandbox, clock, http)

"""Log-ins and hand-made tokens for tests of servers that are not in development mode."""
import base64
import hashlib
import hmac
import json
import time

import kalam

SECRET = "0123456789abcdef0123456789abcdef-secret"
ROOT_PASSWORD = "correct horse 9"
PASSWORD = "sehr geheim 7"
# Hashing as cheap as it may be: these tests are about everything around it.
CHEAP = "[auth]\npassword_memory_kib = 1024\npassword_iterations = 1\n"
NO_RATE = "[rate_limit]\nauth_requests_per_ip_per_sec = 0\n"


def guarded(config="", **options):
    """A server with a root password and a known secret; `config` goes behind the section [auth]."""
    env = dict({"KALAMDB_JWT_SECRET": SECRET, "KALAMDB_ROOT_PASSWORD": ROOT_PASSWORD}, **options.pop("env", {}))
    return kalam.Server(dev=False, env=env, config=CHEAP + config, **options)


def auth(server, call, body=None, headers=None, method="POST"):
    """One of /v1/api/auth/…; returns (status, body, headers)."""
    client = server.client()
    data = json.dumps(body).encode() if body is not None else None
    status, got, answer = client.request(method, "/v1/api/auth/" + call, data,
                                         dict({"Content-Type": "application/json"}, **(headers or {})))
    client.close()
    return status, json.loads(answer), got


def login(server, user="root", password=None, headers=None):
    return auth(server, "login", {"user": user, "password": password or (ROOT_PASSWORD if user == "root" else PASSWORD)},
                headers)


def client(server, user="root", password=None, **options):
    status, body, _ = login(server, user, password)
    assert status == 200, body
    return server.client(token=body["access_token"], **options)


def part(value):
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def sign(claims, header=None, secret=SECRET, digest=hashlib.sha256):
    text = part(header if header is not None else {"alg": "HS256", "typ": "JWT"}) + b"." + part(claims)
    mac = hmac.new(secret if isinstance(secret, bytes) else secret.encode(), text, digest).digest()
    return (text + b"." + part(mac)).decode()


def claims(**changes):
    """Good ones of root, with changes; None leaves a claim out."""
    now = int(time.time())
    base = {"sub": "root", "iss": "kalamdb", "iat": now, "exp": now + 600, "role": "system", "token_type": "access"}
    base.update(changes)
    return {k: v for k, v in base.items() if v is not None}

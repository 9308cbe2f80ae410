#!/usr/bin/python3
"""OpenStack Swift with its s3api in one process: a real S3 server with SigV4 checks for the tests.

Usage: swift_server.py FOLDER PORT. Data and rings lie in FOLDER and survive a restart; prints "ready" when it listens.
Account `test`, user `tester`: access key `test:tester`, secret `testing`. Debian's python3-swift, no other daemon.
"""
import os
import sys
import time

import eventlet

eventlet.monkey_patch()

from eventlet import wsgi  # noqa: E402
from swift.common import utils  # noqa: E402

ACCESS_KEY, SECRET_KEY = "test:tester", "testing"
STORES = ("account", "container", "object")

SWIFT_CONF = """[swift-hash]
swift_hash_path_suffix = kalam
swift_hash_path_prefix = kalam

[storage-policy:0]
name = default
default = yes
"""

STORE_CONF = """[DEFAULT]
devices = {folder}
swift_dir = {folder}
mount_check = false
bind_ip = 127.0.0.1
bind_port = {port}
disable_fallocate = true
fallocate_reserve = 0
log_level = ERROR

[pipeline:main]
pipeline = {kind}-server

[app:{kind}-server]
use = egg:swift#{kind}
"""

PROXY_CONF = """[DEFAULT]
swift_dir = {folder}
bind_ip = 127.0.0.1
bind_port = {port}
log_level = ERROR

[pipeline:main]
pipeline = listing_formats s3api tempauth slo proxy-logging proxy-server

[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
object_post_as_copy = false

[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin

[filter:s3api]
use = egg:swift#s3api
location = us-east-1
s3_acl = false
min_segment_size = 1
cors_preflight_allow_origin =

[filter:slo]
use = egg:swift#slo

[filter:listing_formats]
use = egg:swift#listing_formats

[filter:proxy-logging]
use = egg:swift#proxy_logging
access_log_level = ERROR
"""


now = time.time


class Cache:
    """What the proxy asks of memcached, for one process."""

    def __init__(self, app):
        self.app, self.values = app, {}

    def __call__(self, env, start_response):
        env["swift.cache"] = self
        return self.app(env, start_response)

    def get(self, key, **_):
        value, until = self.values.get(key, (None, 0))
        return value if not until or until > now() else None

    def set(self, key, value, time=0, **_):
        self.values[key] = (value, now() + time if time else 0)

    def delete(self, key, **_):
        self.values.pop(key, None)

    def incr(self, key, delta=1, time=0, **_):
        value = int(self.get(key) or 0) + delta
        self.set(key, value, time)
        return value

    def decr(self, key, delta=1, time=0, **_):
        return self.incr(key, -delta, time)

    def get_multi(self, keys, server_key=None, **_):
        return [self.get(key) for key in keys]

    def set_multi(self, mapping, server_key=None, time=0, **_):
        for key, value in mapping.items():
            self.set(key, value, time)


def listen(port=0):
    return eventlet.listen(("127.0.0.1", port), reuse_addr=True)


def make_rings(folder, ports):
    from swift.common.ring import RingBuilder

    for kind in STORES:
        builder = RingBuilder(2, 1, 1)
        builder.add_dev({"region": 1, "zone": 1, "ip": "127.0.0.1", "port": ports[kind], "device": "disk",
                         "weight": 1.0})
        builder.rebalance(seed="kalam")
        builder.get_ring().save(os.path.join(folder, f"{kind}.ring.gz"))


def main():
    folder, port = os.path.abspath(sys.argv[1]), int(sys.argv[2])
    os.makedirs(os.path.join(folder, "disk"), exist_ok=True)
    sockets = {kind: listen() for kind in STORES}
    ports = {kind: sock.getsockname()[1] for kind, sock in sockets.items()}
    make_rings(folder, ports)
    with open(os.path.join(folder, "swift.conf"), "w") as out:
        out.write(SWIFT_CONF)
    utils.set_swift_dir(folder)
    from swift.common import storage_policy
    from swift.common.wsgi import SwiftHttpProtocol, loadapp

    storage_policy.reload_storage_policies()
    sockets["proxy"] = listen(port)
    ports["proxy"] = port
    pool = eventlet.GreenPool(1000)
    for kind in (*STORES, "proxy"):
        conf = os.path.join(folder, f"{kind}-server.conf")
        with open(conf, "w") as out:
            out.write((PROXY_CONF if kind == "proxy" else STORE_CONF).format(folder=folder, kind=kind, port=ports[kind]))
        app = loadapp(conf, global_conf={"log_name": kind})
        if kind == "proxy":
            app = Cache(app)
        eventlet.spawn(wsgi.server, sockets[kind], app, utils.NullLogger(), custom_pool=pool,
                       protocol=SwiftHttpProtocol, log_output=False)
    print("ready", flush=True)
    while True:
        eventlet.sleep(3600)


if __name__ == "__main__":
    main()

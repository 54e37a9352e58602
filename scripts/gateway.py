"""A gateway of a script's own: its configuration, its keys, its token, and a model that says what it saw."""
import json
import os
import secrets
import signal
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import client as wire

RECOMMEND, POPULAR = "recommend_products", "measure_popularity"
# The certificate is the one of the tests. Controllers are called back at one port of this machine.
OPENDSR = """
[opendsr]
domain = "gw.example"
key = "{certified}.key"
certificate = "{certified}.pem"
identities = {{ controller_customer_id = "user_id", email = "email" }}
callback_hosts = ["127.0.0.1:{port}"]
"""
CERTIFIED = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tests", "data", "tls", "one")
CONFIG = """
[server]
listen = "127.0.0.1:{port}"
{server}
[store]
dir = "{work}/data"
{store}
[keys]
dir = "{work}/keys"
[auth]
issuer = "https://issuer.example"
audience = "consentry"
[[auth.key]]
kid = "main"
algorithm = "HS256"
from = {{ file = "{work}/token.key" }}
[[app]]
id = "shop"
purposes = ["recommend_products", "measure_popularity"]
[[upstream]]
recipient = "stub"
domain = "recommend"
kind = "json"
url = "http://127.0.0.1:{model}"
purposes = ["recommend_products"]
timeout_ms = 5000
[events]
popularity_purpose = "measure_popularity"
{more}
"""


def opendsr(port):
    """The lines of a configuration by which controllers hand over requests and are called back at `port`."""
    return OPENDSR.format(certified=CERTIFIED, port=port)


def listen(takes):
    """Answers each POST with the JSON that `takes` gives for its path, head and body. Returns the port."""
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            answer = takes(self.path, f"{self.requestline}\n{self.headers}", body)
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            pass

        def handle(self):
            try:
                super().handle()
            except OSError:
                # A gateway that is killed leaves its connections as they are.
                pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


class Model:
    """A model that answers each call with the same items, and keeps what it was told."""

    ANSWER = json.dumps({"items": [{"id": f"stub-{n}", "score": 1 - n / 100, "categories": ["stub"]} for n in range(20)]}).encode()

    def __init__(self, keep=True):
        self.lock, self.kept, self.keep = threading.Lock(), [], keep
        self.port = listen(self.takes)

    def takes(self, path, _, body):
        if self.keep:
            with self.lock:
                self.kept.append((path, body))
        return Model.ANSWER if path == "/recommend" else b"{}"

    def taken(self):
        """What was seen since the last look."""
        with self.lock:
            seen = list(self.kept)
            self.kept.clear()
        return seen


class Gateway:
    """A gateway in a folder, started and killed at will. Its port and its token stay the same."""

    def __init__(self, binary, work, model, store="", server="", more=""):
        self.binary, self.work, self.running = os.path.abspath(binary), work, None
        self.port, self.log = wire.free_port(), os.path.join(work, "gateway.log")
        self.config = os.path.join(work, "consentry.toml")
        with open(self.config, "w") as file:
            file.write(CONFIG.format(port=self.port, work=work, model=model, store=store, server=server, more=more))
        with open(os.open(os.path.join(work, "token.key"), os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
            file.write(secrets.token_hex(32))
        self.app = wire.Client(self.port, self.minted(), timeout=30)

    def minted(self):
        place = os.path.join(self.work, "token")
        minted = wire.Running([self.binary, "token", "app", "shop", "--config", self.config, "--seconds", "864000"], place)
        if minted.process.wait(60):
            raise RuntimeError(f"no token: {minted.tail()}")
        with open(place) as file:
            return file.read().split()[-1]

    def start(self, seconds=120):
        """Starts it; returns the seconds until it answered a call that needs its store."""
        began = time.monotonic()
        # Connections to an earlier life are of no use.
        self.app = wire.Client(self.port, headers=self.app.headers, timeout=30)
        self.running = wire.Running([self.binary, "serve", "--config", self.config], self.log)
        probe = wire.Client(self.port, timeout=seconds, headers=self.app.headers)
        asked = {"subject": {"id": "nobody-at-all"}}
        while time.monotonic() - began < seconds:
            if self.running.process.poll() is not None:
                raise RuntimeError(f"it does not open: status {self.running.process.returncode}\n{self.running.tail()}")
            try:
                if probe.call("POST", "/v1/consents/query", asked).status == 200:
                    return time.monotonic() - began
            except (OSError, wire.http.client.HTTPException):
                pass
            time.sleep(0.005)
        raise RuntimeError(f"it did not answer within {seconds} s\n{self.running.tail()}")

    def kill(self):
        self.running.end(signal.SIGKILL)

    def stop(self):
        return self.running.end()

    def metrics(self):
        """What the operator's door tells of /metrics; nothing while no gateway runs."""
        if self.running is None or self.running.process.poll() is not None:
            return b""
        connection = wire.http.client.HTTPConnection("operator", timeout=20)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(20)
        connection.sock.connect(os.path.join(self.work, "data", "operator.sock"))
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        told = answer.read()
        connection.close()
        if answer.status != 200 or b"consentry_" not in told:
            raise RuntimeError(f"no metrics: {answer.status}")
        return told

    def memory(self):
        """What it holds in memory, in bytes."""
        with open(f"/proc/{self.running.process.pid}/status") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS:"))

    def processor(self):
        """The processor time it has used, in seconds."""
        with open(f"/proc/{self.running.process.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def disk(self):
        """What its folder holds on the disk, in bytes."""
        total = 0
        for folder, _, names in os.walk(os.path.join(self.work, "data")):
            for name in names:
                try:
                    total += os.stat(os.path.join(folder, name)).st_blocks * 512
                except FileNotFoundError:
                    pass
        return total


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("nan")

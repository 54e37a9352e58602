"""What the scripts share: calls to a gateway over kept connections, free ports, and processes that are ended for sure."""
import http.client
import json
import os
import select
import signal
import socket
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

JSON = "application/json"


class Answer:
    """An answer: its status, headers and body."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.body[:400].decode('utf-8', 'replace')}"


# Servers close connections that rest, some after five seconds. One that rested this long is not used again, so that no call
# has to be repeated.
RESTED = 2.0


class Client:
    """Calls one server; each thread keeps a connection of its own. A broken connection is opened anew by the next call."""

    def __init__(self, port, token=None, headers=None, timeout=60):
        self.port, self.timeout, self.kept = port, timeout, threading.local()
        self.headers = dict(headers or {})
        if token:
            self.headers["Authorization"] = f"Bearer {token}"

    def call(self, method, path, body=None, media=JSON, headers=None):
        if body is not None and not isinstance(body, bytes):
            body = (body if isinstance(body, str) else json.dumps(body)).encode()
        sent = {**self.headers, **(headers or {})}
        if body is not None:
            sent["Content-Type"] = media
        connection = getattr(self.kept, "connection", None)
        if connection is not None and time.monotonic() - self.kept.used > RESTED:
            connection.close()
            connection = None
        if connection is None:
            connection = self.kept.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.timeout)
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            read = Answer(answer.status, answer.headers, answer.read())
            self.kept.used = time.monotonic()
            return read
        except (OSError, http.client.HTTPException):
            connection.close()
            self.kept.connection = None
            raise

    def must(self, status, method, path, body=None, media=JSON):
        """The answer's JSON (or None), if it has this status."""
        answer = self.call(method, path, body, media)
        if answer.status != status:
            raise RuntimeError(f"{method} {path}: expected {status}, got {answer}")
        return answer.json() if answer.body else None


def snapshot(client, purpose):
    """The signed snapshot of the notice of `purpose`, as a person would be shown it."""
    purposes = client.must(200, "GET", "/v1/purposes?language=en")["purposes"]
    return next(known["notice"]["snapshot"] for known in purposes if known["id"] == purpose)


def give(subject, purpose, notice, categories=None):
    """The body that gives consent. `categories` maps a category to `fine` or `coarse`."""
    body = {"subject": {"id": subject}, "purpose": purpose, "action": "give", "method": "app", "notice": {"snapshot": notice}}
    if categories:
        body["categories"] = [{"id": name, "detail": detail} for name, detail in categories.items()]
    return body


def act(subject, purpose, action):
    """The body that refuses or withdraws."""
    return {"subject": {"id": subject}, "purpose": purpose, "action": action, "method": "app"}


def in_threads(work, entries, threads):
    """What `work` gives for each entry, in order; the first failure is raised."""
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, entries))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Running:
    """A process of its own group, with its output in a file. `heard` leaves its standard output to `line`."""

    def __init__(self, command, log, heard=False, **options):
        self.log = log
        with open(log, "ab") as out:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE if heard else out, stderr=out, start_new_session=True, **options)

    def line(self, seconds=60):
        """The first line of the process's standard output."""
        read = b""
        deadline = time.monotonic() + seconds
        while not read.endswith(b"\n"):
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, deadline - time.monotonic()))
            byte = os.read(self.process.stdout.fileno(), 1) if ready else b""
            if not byte:
                why = "ended its output" if ready else f"said nothing for {seconds} s"
                raise RuntimeError(f"the process {why}:\n{self.tail()}")
            read += byte
        return read.decode()

    def ready(self, port, path="/healthz", seconds=60):
        """Waits until the server answers 200 at `path`."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"the process ended with {self.process.returncode}:\n{self.tail()}")
            try:
                if Client(port, timeout=5).call("GET", path).status == 200:
                    return self
            except (OSError, http.client.HTTPException):
                pass
            time.sleep(0.05)
        raise RuntimeError(f"nothing answered on port {port} within {seconds} s:\n{self.tail()}")

    def tail(self):
        with open(self.log, errors="replace") as log:
            return "".join(log.readlines()[-20:])

    def end(self, how=signal.SIGTERM, seconds=20):
        """Ends the process and whatever it started; returns its exit status."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, how)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait(seconds)
        return self.process.returncode

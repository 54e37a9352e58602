#!/usr/bin/env python3
"""The main job from outside: `consentry demo` is started, called as an app would call it, killed, and started again.

  e2e.py --binary PATH

Needs nothing but Python 3.8; verifiers that are not ours are installed where that can be done. Ends with status 1 at the first thing that is not as promised.
"""
import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from urllib.parse import urlsplit

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import client as wire  # noqa: E402

CALLS = {"/v1/recommendations": "post", "/v1/recommendations/preview": "post", "/v1/recommendations/batch": "post", "/v1/events": "post",
         "/v1/items": "put", "/v1/consents": "post", "/v1/consents/query": "post", "/v1/purposes": "get", "/healthz": "get"}
# What an app sees where a pseudonym would stand.
PLACEHOLDER = "p" + "0" * 26
PSEUDONYM_LENGTH = 27
# As many rows as it takes to tamper with a log in every way.
ROWS = 620


def that(holds, claim, found=""):
    """States a claim; the first that does not hold ends the run."""
    if not holds:
        sys.exit(f"FAIL {claim}: {found}")
    print(f"ok   {claim}", flush=True)


class Demo:
    """A running demo and what it said when it was ready."""

    def __init__(self, binary, folder, log):
        self.running = wire.Running([binary, "demo", "--json", "--port", "0", "--data", folder], log, heard=True)
        try:
            line = self.running.line()
            self.told = wire.json.loads(line)
        except Exception:
            self.running.end()
            raise
        self.purpose = self.told["purpose"]
        self.app = self.caller(self.told["app_token"])

    def caller(self, token):
        return wire.Client(urlsplit(self.told["url"]).port, token, timeout=20)

    def people(self, given):
        """The people whose consent for the demo's purpose is given, or who gave nothing at all."""
        def gave(person):
            return [c["purpose"] for c in person["consents"] if c["state"] == "given"]
        return [p for p in self.told["people"] if (self.purpose in gave(p) if given else not gave(p))]

    def body(self, person=None):
        body = {"purpose": self.purpose, "count": 10}
        return {**body, "subject": {"id": person["id"]}} if person else body

    def ask(self, person=None):
        return self.app.must(200, "POST", "/v1/recommendations", self.body(person))

    def event(self, person, item):
        events = [{"subject": {"id": person["id"]}, "type": "view", "item": item}]
        return self.app.must(202, "POST", "/v1/events", {"events": events})


def is_problem(answer, status):
    document = answer.json()
    return (answer.status == status and answer.headers["content-type"] == "application/problem+json"
            and document["status"] == status and document["type"].startswith("/problems/") and document["title"])


def described(demo):
    document = demo.app.must(200, "GET", "/openapi.json")
    that(document["openapi"].startswith("3.1"), "/openapi.json is an OpenAPI 3.1 document", document["openapi"])
    missing = [path for path, method in CALLS.items() if method not in document["paths"].get(path, {})]
    that(not missing, "it describes every call", missing)


def refused(demo):
    for name, headers in [("no token", {}), ("a token that is none", {"Authorization": "Bearer not.a.token"}),
                          ("a token with another signature", {"Authorization": f"Bearer {demo.told['app_token'][:-6]}AAAAAA"})]:
        answer = wire.Client(demo.app.port).call("POST", "/v1/recommendations", demo.body(), headers=headers)
        that(is_problem(answer, 401) and "www-authenticate" in answer.headers, f"{name} gets a problem document", answer)
    answer = demo.caller(demo.told["auditor_token"]).call("POST", "/v1/recommendations", demo.body())
    that(is_problem(answer, 403), "a token of another scope gets a problem document", answer)
    answer = demo.app.call("POST", "/v1/recommendations", {**demo.body(), "count": 10_000})
    that(is_problem(answer, 422) and answer.json()["errors"][0]["pointer"] == "/count", "a wrong count is pointed at", answer)


def personal(demo, person):
    answer = demo.ask(person)
    that(answer["tier"] == "individual" and len(answer["items"]) == 10, "a consenting person gets a personal list", answer)
    that(answer["decision"]["fault"] is None and answer["log"]["index"] >= 0, "the decision stands in the log", answer)
    return answer


def previewed(demo, person):
    def personal_body(told):
        return next((t["request"]["body"] for t in told["tiers"] if t["tier"] == "individual" and t["granted"]), "")
    for_app = demo.app.must(200, "POST", "/v1/recommendations/preview", demo.body(person))
    body = personal_body(for_app)
    that(PLACEHOLDER in body and person["id"] not in body, "the preview shows an app a placeholder and no id", for_app)
    own = demo.caller(person["self_token"]).must(200, "POST", "/v1/recommendations/preview", demo.body())
    user = wire.json.loads(personal_body(own))["user"]
    that(len(user) == PSEUDONYM_LENGTH and user != PLACEHOLDER and user != person["id"], "the person sees the true pseudonym", user)


def not_personal(demo, person, reason):
    answer = demo.ask(person)
    reasons = [told["reason"] for told in answer["decision"]["reasons"]]
    that(answer["tier"] == "none" and reason in reasons, f"the same call is not personal: {reason}", answer)
    that(len({item["id"] for item in answer["items"]}) == 10, "it is answered in full all the same", answer)
    preview = demo.app.must(200, "POST", "/v1/recommendations/preview", demo.body(person))
    granted = [told for told in preview["tiers"] if told["granted"]]
    that([told["tier"] for told in granted] == ["none"] and '"user"' not in granted[0]["request"]["body"],
         "nothing about the person would leave", preview)


def story(demo, leaving, staying, silent):
    described(demo)
    refused(demo)
    item = personal(demo, leaving)["items"][0]["id"]
    previewed(demo, leaving)
    that(demo.event(leaving, item)["forwarded"] == 1, "an event of a consenting person goes on")
    dropped = demo.event(silent, item)
    that(dropped["forwarded"] == 0 and dropped["dropped"][0]["reason"], "an event of somebody who agreed to nothing is dropped", dropped)
    for name, person in [("somebody unknown", {"id": "nobody-ever-heard-of-them"}), ("nobody", None)]:
        answer = demo.ask(person)
        that(answer["tier"] == "none" and len(answer["items"]) == 10, f"{name} gets a full list for everybody", answer)
    withdrawn = demo.app.must(201, "POST", "/v1/consents", wire.act(leaving["id"], demo.purpose, "withdraw"))
    that(withdrawn["receipt"].count(".") == 2 and withdrawn["log"]["index"] >= 0, "a withdrawal is acknowledged with a receipt", withdrawn)
    not_personal(demo, leaving, "withdrawn")
    that(demo.event(leaving, item)["forwarded"] == 0, "no event of theirs goes on")
    personal(demo, staying)


def after_kill(demo, leaving, staying):
    not_personal(demo, leaving, "withdrawn")
    personal(demo, staying)
    known = demo.app.must(200, "POST", "/v1/consents/query", {"subject": {"id": leaving["id"]}})
    states = {purpose["id"]: purpose["state"] for purpose in known["purposes"]}
    that(states[demo.purpose] == "withdrawn", "the ledger says withdrawn", states)
    notice = wire.snapshot(demo.app, demo.purpose)
    demo.app.must(201, "POST", "/v1/consents", wire.give(leaving["id"], demo.purpose, notice))
    that(demo.ask(leaving)["tier"] == "individual", "whoever gives anew gets personal lists again")


class Auditor:
    """Somebody who has the log's public key, and keeps the checkpoints that they saw."""

    def __init__(self, binary, work):
        self.binary, self.work, self.kept = binary, work, None

    def types(self, *words):
        """Runs a command; its exit status and what it said."""
        log = os.path.join(self.work, "auditor.log")
        ran = wire.Running([self.binary, "audit", *words], log)
        return ran.process.wait(120), ran.tail()

    def holds(self, demo, receipt):
        """Verifies a receipt with public keys alone."""
        files = {"jwks.json": demo.app.call("GET", "/.well-known/jwks.json").body.decode(), "receipt.json": wire.json.dumps(receipt)}
        paths = {name: os.path.join(self.work, name) for name in files}
        for name, text in files.items():
            with open(paths[name], "w") as file:
                file.write(text)
        log = os.path.join(self.work, "receipt.log")
        ran = wire.Running([self.binary, "receipt", "verify", paths["receipt.json"], "--jwks", paths["jwks.json"],
                            "--vkey", demo.told["log_vkey"]], log)
        return ran.process.wait(120), ran.tail()

    def verifies(self, demo, folder):
        since = ["--since", self.kept] if self.kept else []
        return self.types("verify", folder, "--key", demo.told["log_vkey"], *since)

    def keeps(self, demo):
        self.kept = os.path.join(self.work, "kept.checkpoint")
        with open(self.kept, "wb") as file:
            file.write(demo.app.call("GET", "/log/checkpoint").body)


def covered(demo, index):
    """Waits until a checkpoint counts the row `index`."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        answer = demo.app.call("GET", "/log/checkpoint")
        if answer.status == 200 and int(answer.body.split(b"\n")[1]) > index:
            return
        time.sleep(0.05)
    that(False, f"a checkpoint counts row {index}")


def audited(demo, auditor, person):
    """The log says what was answered, and verifies; one that was changed does not; a person opens their rows alone."""
    index = -1
    while index < ROWS:
        index = demo.ask(person)["log"]["index"]
    covered(demo, index)
    status, said = auditor.verifies(demo, demo.told["log_dir"])
    that(status == 0, "the log verifies from its folder", said)
    status, said = auditor.verifies(demo, demo.told["url"] + "/log")
    that(status == 0, "the log verifies over HTTP", said)
    auditor.keeps(demo)
    changed = os.path.join(auditor.work, "changed")
    shutil.copytree(demo.told["log_dir"], changed)
    bundle = next(os.path.join(where, name) for where, _, names in os.walk(os.path.join(changed, "tile", "entries")) for name in names)
    with open(bundle, "r+b") as file:
        file.seek(200)
        byte = file.read(1)
        file.seek(200)
        file.write(bytes([byte[0] ^ 1]))
    status, said = auditor.verifies(demo, changed)
    that(status == 1, "a log with one changed bit does not", said)
    shutil.rmtree(changed)
    receipt = demo.caller(person["self_token"]).must(200, "GET", "/v1/me/receipts")["receipts"][0]
    status, said = auditor.holds(demo, receipt)
    that(status == 0, "a person's receipt and its row verify with public keys alone", said)
    head, body, signature = receipt["receipt"].split(".")
    status, said = auditor.holds(demo, {**receipt, "receipt": ".".join([head, body[:-1] + ("A" if body[-1] != "A" else "B"), signature])})
    that(status == 1, "one with a changed letter does not", said)
    export = demo.caller(person["self_token"]).must(200, "GET", "/v1/me/export")
    that(index in [row["index"] for row in export["log"]["rows"]], "a person's export holds the row of their answer")
    kept = os.path.join(auditor.work, "export.json")
    with open(kept, "w") as file:
        wire.json.dump(export, file)
    mine = ["mine", kept, "--key", demo.told["log_vkey"], "--log", demo.told["log_dir"]]
    status, said = auditor.types(*mine)
    that(status == 0, "the export checks: all rows of theirs, and only theirs", said)
    export["log"]["rows"].pop()
    with open(kept, "w") as file:
        wire.json.dump(export, file)
    status, said = auditor.types(*mine)
    that(status == 1, "an export that lacks a row does not", said)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    binary = os.path.abspath(parser.parse_args().binary)
    with tempfile.TemporaryDirectory(prefix="consentry-e2e-") as work:
        folder, log = os.path.join(work, "data"), os.path.join(work, "log")
        demo = Demo(binary, folder, log)
        try:
            consenting = demo.people(given=True)
            that(len(consenting) >= 2 and demo.people(given=False), "the demo has people of differing consent")
            leaving, staying = consenting[:2]
            story(demo, leaving, staying, demo.people(given=False)[0])
            auditor = Auditor(binary, work)
            audited(demo, auditor, staying)
        finally:
            demo.running.end(signal.SIGKILL)
        demo = Demo(binary, folder, log)
        that(True, "after kill -9 it starts again on the same data")
        try:
            after_kill(demo, leaving, staying)
            covered(demo, demo.ask(staying)["log"]["index"])
            status, said = auditor.verifies(demo, demo.told["log_dir"])
            that(status == 0, "the log goes on from the checkpoint that was kept before the kill", said)
        finally:
            status = demo.running.end()
        that(status == 0, "it ends in order when asked to", status)
        # Installed or left out with a word, as the script says.
        check = os.path.join(os.path.dirname(os.path.abspath(__file__)), "foreign", "check.py")
        words = ["--log", demo.told["log_dir"], "--vkey", demo.told["log_vkey"], "--older", auditor.kept, "--binary", binary]
        that(subprocess.run([sys.executable, check, *words], check=False).returncode == 0, "verifiers that are not ours say the same of its log")


if __name__ == "__main__":
    main()

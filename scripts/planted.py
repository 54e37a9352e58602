"""Values that are planted in a gateway's calls, the search for them, and a model that keeps what it was told.

Forms searched: UTF-8 without regard to case, UTF-16LE (and BE), base64 and base64url at each alignment, hex, percent-encoded
(`real-loop/leaks.py`); a pseudonym also as the 16 bytes that it spells. A birth year is too short to be marked: it is looked
for as the member `"birth_year":N` in each form, and as a number of its own in what is text. What is encrypted is not looked
into by this: `canary.py` has the operator open all that opens, and searches that.
"""
import base64
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path += [HERE, os.path.join(HERE, "real-loop")]
import leaks  # noqa: E402
from gateway import listen  # noqa: E402

# What carries a mark of its own.
WORDS = ["id", "email", "name", "statement", "correction", "item", "seed", "tag", "muted item", "zip code", "occupation", "header",
         "retry key", "other id", "other item", "other zip code", "child", "guardian", "profile", "controlled id", "passphrase"]
# What a consent of this run lets pass to the model, and on which path.
PASSES = {"item": {"/events", "/recommend"}, "seed": {"/recommend"}, "other item": {"/events"}, "other place": {"/recommend"},
          "other zip code": {"/recommend"}}
# The forms in which values are planted in the control; `leaks.forms` has those that are searched for.
FORMS = {"utf-8": str.encode, "utf-16le": lambda text: text.encode("utf-16-le"), "base64": lambda text: base64.b64encode(text.encode()),
         "base64url": lambda text: base64.urlsafe_b64encode(b"x" + text.encode()), "hex": lambda text: text.encode().hex().encode(),
         "percent": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()).encode()}


class Model:
    """A model that keeps every request, byte for byte, and the events by whom they are about until it is told to forget."""

    def __init__(self):
        self.lock, self.seen, self.events, self.forgotten = threading.Lock(), [], {}, set()
        self.port = listen(self.takes)

    def takes(self, path, head, body):
        said = json.loads(body or b"{}")
        with self.lock:
            self.seen.append((path, head.encode() + body, said))
            for event in said.get("events", []):
                self.events.setdefault(event["user"], []).append(event)
            if path == "/forget":
                self.forgotten.add(said["user"])
                self.events.pop(said["user"], None)
        items = [{"id": f"stub-{n}", "score": 1 - n / 100, "categories": ["stub"]} for n in range(30)]
        return json.dumps({"items": items} if path == "/recommend" else {}).encode()

    def users(self, since=0):
        with self.lock:
            said = [said for path, _, said in self.seen[since:] if path != "/forget"]
        return {entry["user"] for body in said for entry in (body, *body.get("events", [])) if "user" in entry}


class Search:
    """Looks for marks, a birth year and pseudonyms at once."""

    def __init__(self, marks, year):
        self.marks, self.year, self.pseudonyms = marks, year, set()
        self.of = {mark: name for name, mark in marks.items()}
        self.fixed = leaks.Search(list(marks.values()))
        self.member = f'"birth_year":{year}'
        self.aged = leaks.Search([self.member])
        self.number = re.compile(rb"(?<![0-9.])%d(?![0-9])" % year)

    def find(self, data, text=False):
        """The names of what is found, with the form it was found in."""
        found = [(self.of[mark], form) for mark, form in self.fixed.find(data)]
        found += [("birth year", form) for _, form in self.aged.find(data)]
        if text and self.number.search(data):
            found.append(("birth year", "plain"))
        return found

    def find_pseudonyms(self, data):
        raw = [base64.b32decode(user[1:].upper() + "=" * (-(len(user) - 1) % 8)) for user in self.pseudonyms]
        found = [("pseudonym", form) for _, form in leaks.Search(sorted(self.pseudonyms)).find(data)]
        return found + [("pseudonym", "its bytes") for needle in raw if needle in data]


class Watch:
    """A gateway and its model under watch: what is claimed of them, and the search of all that they leave behind."""

    def __init__(self, gateway, model):
        self.gateway, self.model, self.work = gateway, model, gateway.work
        self.failed, self.passed, self.files = [], 0, (0, 0)
        self.commands = os.path.join(self.work, "commands.log")

    def that(self, holds, claim, found=""):
        self.passed += bool(holds)
        if not holds:
            self.failed.append(claim)
        print(f"{'ok  ' if holds else 'FAIL'} {claim}{f': {str(found)[:600]}' if found and not holds else ''}", flush=True)

    def step(self, claim, flow):
        """Goes through a flow, and searches everything."""
        before = len(self.model.seen)
        flow()
        self.search.pseudonyms |= self.model.users()
        self.nowhere(f"{claim} ({len(self.model.seen) - before} calls at the model)")

    def nowhere(self, when):
        """Searches everything."""
        found, number, size = [], 0, 0
        folders = [os.path.join(self.work, name) for name in ("data", "keys", "backups")]
        logs = [self.gateway.log, self.commands]
        for path in leaks.files_under(*folders, *filter(os.path.exists, logs)):
            try:
                data = leaks.read(path)
            except (FileNotFoundError, OSError):
                continue  # a socket, or a file that went meanwhile
            number, size = number + 1, size + len(data)
            hits = self.search.find(data, text=path in logs) + self.search.find_pseudonyms(data)
            found += [(os.path.relpath(path, self.work), *hit) for hit in hits]
        metrics = self.gateway.metrics()
        found += [("/metrics", *hit) for hit in self.search.find(metrics, text=True) + self.search.find_pseudonyms(metrics)]
        self.files = max(self.files, (number, size))
        with self.model.lock:
            seen = [(path, raw) for path, raw, _ in self.model.seen]
        leaked = {(path, *hit) for path, raw in seen for hit in self.search.find(raw)
                  if hit[1] != "plain" or path not in PASSES.get(hit[0], ())}
        leaked |= {(path, "birth year", "plain") for path, raw in seen if b"birth_year" in raw and self.search.number.search(raw)}
        self.that(not found, f"in no file, log or metric after: {when}", found)
        self.that(not leaked, "and at the model only what was agreed to", sorted(leaked))

    def runs(self, *words, private=False):
        """Runs a command of the operator's: its status and what it printed, which is searched with the logs unless it is private."""
        ran = subprocess.run([self.gateway.binary, *words, "--config", self.gateway.config], capture_output=True, timeout=300, check=False)
        if not private:
            with open(self.commands, "ab") as log:
                log.write(b" ".join(word.encode() for word in words) + b"\n" + ran.stdout + ran.stderr)
        return ran.returncode, (ran.stdout + ran.stderr).decode()

    def token(self, kind, who, *more):
        status, said = self.runs("token", kind, who, "--seconds", "86400", *more, private=True)
        if status:
            raise RuntimeError(f"no token: {said}")
        return said.split()[-1]


def control(work, marks, search):
    """Plants each mark in a copy, in each form, and finds it by the same search."""
    largest = max(leaks.files_under(os.path.join(work, "data", "journal")), key=os.path.getsize)
    copy = os.path.join(work, "copy")
    shutil.copy(largest, copy)
    whole, missed = leaks.read(copy).rstrip(b"\0"), []
    planted = [(name, mark) for name, mark in marks.items()] + [("birth year", search.member)] + [("pseudonym", user) for user in search.pseudonyms]
    for place, (name, text) in enumerate(planted):
        for form, write in FORMS.items():
            with open(copy, "wb") as file:
                middle = len(whole) // 2 + place
                file.write(whole[:middle] + write(text) + whole[middle:] + bytes(999))
            data = leaks.read(copy)
            if name not in {found for found, _ in search.find(data) + search.find_pseudonyms(data)}:
                missed.append((name, form))
    os.remove(copy)
    if missed or search.find(whole) or search.find_pseudonyms(whole):
        sys.exit(f"FAIL the search does not find what is planted: {missed}")
    print(f"ok   {len(planted)} values planted in a copy in each of {len(FORMS)} forms are found, and none in the copy before")


def self_test():
    """The search finds what is planted, and a gateway's own folder is not needed to see that."""
    leaks.self_test()
    draw = random.Random(5)
    marks = {name: leaks.marker(draw, 12) for name in WORDS}
    search = Search(marks, 1955)
    search.pseudonyms = {"p" + "".join(draw.choice("abcdefghijklmnopqrstuvwxyz234567") for _ in range(25)) + "a"}
    assert search.find(b"born 1955.", text=True) and not search.find(b"at 1719551.2", text=True)
    raw = base64.b32decode(next(iter(search.pseudonyms))[1:].upper() + "======")
    assert search.find_pseudonyms(b"x" + raw) and not search.find_pseudonyms(raw[1:])
    with tempfile.TemporaryDirectory() as work:
        os.makedirs(os.path.join(work, "data", "journal"))
        with open(os.path.join(work, "data", "journal", "1"), "wb") as file:
            file.write(draw.randbytes(100_000) + bytes(100_000))
        control(work, marks, search)
    print("self-test: ok")

#!/usr/bin/env python3
"""Kills a gateway under a mixed load, again and again, and looks at what is there afterwards.

  kill-loop.py --binary PATH [--kills 300] [--during load|snapshot|import|policy|rotation] [--seed N] [--work DIR]

Recommendation calls, consents given and withdrawn, events, items, requests by right and erasures go on from several threads when
the process gets SIGKILL. After each restart:
  - every act on a consent and every item that was acknowledged is there,
  - whoever withdrew is answered without a person, and nothing of a call that began after the acknowledgement of their
    withdrawal was ever seen by the model, which is this script's own,
  - every request by right stands as acknowledged, and whoever was erased is answered without a person; in the end each recipient
    has confirmed, and each controller that ordered an erasure by OpenDSR has been called back,
  - the store opens; the time until the first answer is measured,
  - the published checkpoint has not gone back, the next one covers every recommendation that was answered, and
    `consentry audit verify` finds that the log goes on from the checkpoint that was kept before the kill.
`--during snapshot` makes snapshots frequent and kills while one is being written; `--during import` kills while
`consentry import items` goes on, and the same command must then bring over the rest; `--during policy` kills while
`consentry policy apply` switches, and the version in force must be the old one or the new one, and the new one if the command
had ended well. `--during rotation` kills while `consentry keys rotate` goes on: what was begun is ended by the next start or the same
command, after which one key-encryption key is there, a command that ended well has left none that was there before, and everybody stands
as acknowledged.

Ends with status 1 at the first thing that is not as promised; the folder then stays.
"""
import argparse
import glob
import os
import random
import shutil
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import client as wire  # noqa: E402
from gateway import RECOMMEND, Gateway, Model, opendsr, percentile  # noqa: E402
from killed_rights import Broken, Rights  # noqa: E402

THREADS, PEOPLE, ITEMS = 6, 48, 64
RANDOM_WAIT, COMMAND_WAIT = (0.02, 0.6), (0.005, 0.4)
# How long a command takes at most, where that is more.
LONGEST = {"rotation": 4}
# A filler for items, so that the journal grows fast enough for a snapshot a second.
FILLER = "x" * 1000
# Rows of a file to import.
ROWS = 4000
POLICIES = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "policies")


def rows_of(note):
    """How many rows a checkpoint counts."""
    return int(note.split(b"\n")[1]) if note else -1


class Person:
    """One person. Acts come from one thread only, so what was acknowledged last is known."""

    def __init__(self, name):
        self.name, self.state, self.pending, self.gives = name, "unknown", None, 0

    def allowed(self):
        """The states that may be found: the acknowledged one, and that of an act whose answer never came."""
        return {self.state, self.pending or self.state}


class Thing:
    """One item; its tag tells which writing of it is there."""

    def __init__(self, name):
        self.name, self.writing, self.pending = name, None, None


class Import:
    """A file of items that is brought over while the gateway is killed."""

    def __init__(self, loop, life):
        self.loop, self.life, self.path = loop, life, os.path.join(loop.work, f"items-{life}.ndjson")
        with open(self.path, "w") as file:
            file.writelines(wire.json.dumps({"id": name, "tags": [f"life-{life}"]}) + "\n" for name in self.names())
        self.running = loop.command("import", "items", self.path)

    def names(self):
        return [f"row-{n}" for n in range(ROWS)]

    def verify(self):
        if self.running.process.wait(60) == 0:
            self.loop.hits += 1
            self.there("an import that had ended well")
        again = self.loop.command("import", "items", self.path)
        if again.process.wait(120) != 0:
            raise Broken(f"an import does not go on: {again.tail()}")
        self.there("an import that went on")

    def there(self, what):
        tags = self.loop.tags(self.names())
        missing = [name for name in self.names() if f"life-{self.life}" not in tags.get(name, [])]
        if missing:
            raise Broken(f"after {what} {len(missing)} of {ROWS} rows are missing")


class Switch:
    """A policy that is put in force while the gateway is killed: one of two, in turn."""

    def __init__(self, loop, life):
        self.loop, self.before = loop, loop.version()
        self.folder = os.path.join(loop.work, f"policies-{life % 2}")
        if not os.path.isdir(self.folder):
            shutil.copytree(POLICIES, self.folder)
            with open(os.path.join(self.folder, "purposes.toml"), "a") as file:
                file.write(f"\n# Version {life % 2}.\n")
        self.running = loop.command("policy", "apply", self.folder)

    def verify(self):
        ended, found = self.running.process.wait(60) == 0, self.loop.version()
        if found != self.before:
            # It came with the first switch to this folder that was not cut off.
            self.loop.versions.setdefault(self.folder, found)
        after = self.loop.versions.get(self.folder)
        if ended:
            self.loop.hits += 1
            if found != after:
                raise Broken("a policy that was put in force is not in force")
        if found not in {self.before, after}:
            raise Broken(f"{found} is in force, neither the version before nor the one after")


class Rotation:
    """A rotation of the key-encryption key while the gateway is killed."""

    def __init__(self, loop, life):
        self.loop = loop
        self.before = self.keys()
        self.running = loop.command("keys", "rotate")

    def keys(self):
        """The key-encryption keys that the key folder holds, by their bytes."""
        found = {}
        for path in glob.glob(os.path.join(self.loop.work, "keys", "kek-*")):
            with open(path, "rb") as file:
                found[os.path.basename(path)] = file.read()
        return found

    def verify(self):
        ended = self.running.process.wait(60) == 0
        if ended:
            self.loop.hits += 1
        deadline = time.monotonic() + 60
        # The gateway ends by itself what was begun.
        while set(self.keys()) not in ({"kek-a"}, {"kek-b"}):
            if time.monotonic() > deadline:
                raise Broken(f"a rotation does not end: {sorted(self.keys())}")
            time.sleep(0.02)
        kept = [key for key in self.keys().values() if key in self.before.values()]
        if ended and kept:
            raise Broken("a rotation ended well and the old key-encryption key is there")
        for person in self.loop.people:
            self.loop.stands(person)


DURING = {"import": Import, "policy": Switch, "rotation": Rotation}


class Load:
    """The mixed load of one life of the gateway."""

    def __init__(self, loop, seed):
        self.loop, self.over, self.failed = loop, threading.Event(), None
        self.threads = [threading.Thread(target=self.work, args=(n, seed * 1000 + n), daemon=True) for n in range(THREADS)]
        for thread in self.threads:
            thread.start()

    def end(self):
        self.over.set()
        for thread in self.threads:
            thread.join(60)
        if self.failed:
            raise self.failed

    def work(self, number, seed):
        chance = random.Random(seed)
        mine = [person for n, person in enumerate(self.loop.people) if n % THREADS == number]
        things = [thing for n, thing in enumerate(self.loop.things) if n % THREADS == number]
        try:
            while not self.over.is_set():
                kind = chance.choices(["ask", "act", "event", "item", "request", "erase"], self.loop.weights)[0]
                if kind == "ask":
                    self.ask(chance.choice(self.loop.people))
                elif kind == "act":
                    self.act(chance.choice(mine))
                elif kind == "event":
                    self.event(chance.choice(self.loop.people), chance)
                elif kind == "item":
                    self.item(chance.choice(things))
                elif kind == "request":
                    self.loop.rights.ask(chance.choice(mine), self.call, chance)
                else:
                    self.loop.rights.erase(self.call, chance)
        except (OSError, wire.http.client.HTTPException):
            pass  # the process was killed
        except Exception as failed:
            self.failed = failed

    def call(self, kind, *call):
        answer = self.loop.gateway.app.call(*call)
        if answer.status >= 500:
            raise Broken(f"{call[1]} answered {answer}")
        self.loop.count(kind)
        return answer

    def marked(self, person, call):
        """Makes a call with a mark of its own. Whoever had withdrawn when it began must not appear at the model by it."""
        mark, withdrawn, gives = self.loop.mark(), person.state == "withdrawn" and person.pending is None, person.gives
        try:
            return call(mark)
        finally:
            # A consent that was begun meanwhile may count.
            if withdrawn and person.gives == gives:
                self.loop.forbid(mark)

    def ask(self, person):
        body = {"subject": {"id": person.name}, "purpose": RECOMMEND, "count": 5}
        answer = self.marked(person, lambda mark: self.call("recommendations", "POST", "/v1/recommendations", {**body, "seed_items": [mark]}))
        if answer.status == 200 and answer.json()["log"]:
            self.loop.answered(answer.json()["log"])

    def event(self, person, chance):
        kind = chance.choice(["view", "click", "purchase"])
        event = {"subject": {"id": person.name}, "type": kind}
        self.marked(person, lambda mark: self.call("events", "POST", "/v1/events", {"events": [{**event, "item": mark}]}))

    def act(self, person):
        given = person.state == "given"
        if not given:
            person.gives += 1
        person.pending = "withdrawn" if given else "given"
        act = wire.act(person.name, RECOMMEND, "withdraw") if given else wire.give(person.name, RECOMMEND, self.loop.notice)
        answer = self.call("acts", "POST", "/v1/consents", act)
        if answer.status != 201:
            raise Broken(f"an act was answered {answer}")
        person.state, person.pending = person.pending, None

    def item(self, thing):
        thing.pending = f"w{self.loop.mark()}"
        body = {"id": thing.name, "tags": [thing.pending], "attributes": {f"a{n}": FILLER for n in range(self.loop.filler)}}
        if self.call("items", "PUT", "/v1/items", body).status != 200:
            raise Broken("an item was not taken")
        thing.writing, thing.pending = thing.pending, None


class Loop:
    def __init__(self, options, work):
        self.options, self.work = options, work
        self.model = Model()
        snapshots = options.during == "snapshot"
        self.weights, self.filler = ([10, 6, 4, 20, 1, 1], 30) if snapshots else ([10, 6, 4, 2, 1, 1], 0)
        self.gateway = Gateway(options.binary, work, self.model.port, store="snapshot_mib = 1" if snapshots else "", more=opendsr(self.model.port))
        self.rights = Rights(self)
        self.people = [Person(f"kill-{n}@example.com") for n in range(PEOPLE)]
        self.things = [Thing(f"thing-{n}") for n in range(ITEMS)]
        self.lock, self.marks, self.forbidden, self.counts = threading.Lock(), 0, set(), {}
        self.kept_note, self.covered = b"", -1
        self.chance, self.starts, self.hits, self.versions = random.Random(options.seed), [], 0, {}
        self.longest = LONGEST.get(options.during, COMMAND_WAIT[1])
        self.patience = self.longest

    def answered(self, place):
        """Takes note of the row that an answer names."""
        with self.lock:
            self.covered = max(self.covered, place["index"])

    def checkpoint(self):
        """The published checkpoint; none if the log has none yet."""
        answer = self.gateway.app.call("GET", "/log/checkpoint")
        return answer.body if answer.status == 200 else b""

    def published(self):
        """Whether the log goes on from what was published before, and covers what was answered before."""
        deadline = time.monotonic() + 20
        while rows_of(self.checkpoint()) <= self.covered:
            if time.monotonic() > deadline:
                raise Broken(f"no checkpoint covers row {self.covered}, which was told in an answer")
            time.sleep(0.02)
        note = self.checkpoint()
        if rows_of(note) < rows_of(self.kept_note):
            raise Broken("the published checkpoint went back")
        shard = self.gateway.app.must(200, "GET", "/log/shards")["shards"][-1]
        log = os.path.join(self.work, "data", "tlog", shard["name"])
        words = [self.gateway.binary, "audit", "verify", log, "--key", shard["vkey"]]
        if self.kept_note:
            kept = os.path.join(self.work, "kept.checkpoint")
            with open(kept, "wb") as file:
                file.write(self.kept_note)
            words += ["--since", kept]
        verified = wire.Running(words, os.path.join(self.work, "verify.log"))
        if verified.process.wait(120) != 0:
            raise Broken(f"the log does not verify: {verified.tail()}")
        self.kept_note = note

    def mark(self):
        with self.lock:
            self.marks += 1
            return f"mark-{self.marks}-"

    def forbid(self, mark):
        with self.lock:
            self.forbidden.add(mark.encode())

    def count(self, kind):
        with self.lock:
            self.counts[kind] = self.counts.get(kind, 0) + 1

    def run(self):
        self.gateway.start()
        self.notice = wire.snapshot(self.gateway.app, RECOMMEND)
        for life in range(self.options.kills):
            load = Load(self, self.options.seed * 100_000 + life)
            during = DURING[self.options.during](self, life) if self.options.during in DURING else None
            self.wait()
            self.keep()
            self.gateway.kill()
            load.end()
            if during:
                # A command that found nobody at the door works in process, and owns the folder until it ends.
                during.running.process.wait(60)
            self.starts.append(self.gateway.start())
            self.verify()
            if during:
                self.wait_for(during)
            if (life + 1) % 25 == 0 or life + 1 == self.options.kills:
                print(f"{life + 1:4} kills, {self.told()}", flush=True)
        print(f"     {self.rights.settle()} erasures are settled", flush=True)
        if self.gateway.stop() != 0:
            raise Broken("it did not end in order")

    def keep(self):
        """Keeps the checkpoint that was out at last."""
        note = self.checkpoint()
        if rows_of(note) < rows_of(self.kept_note):
            raise Broken("the published checkpoint went back")
        self.kept_note = note

    def wait_for(self, during):
        """Looks at what the command did, and waits less next time if it had ended: about half the kills cut one off."""
        before = self.hits
        during.verify()
        factor = 0.8 if self.hits > before else 1.2
        self.patience = min(max(self.patience * factor, 2 * COMMAND_WAIT[0]), self.longest)

    def wait(self):
        """Until the moment of the kill."""
        if self.options.during != "snapshot":
            return time.sleep(self.chance.uniform(COMMAND_WAIT[0], self.patience) if self.options.during in DURING else self.chance.uniform(*RANDOM_WAIT))
        unfinished = os.path.join(self.work, "data", "snap", "*.tmp")
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if glob.glob(unfinished):
                self.hits += 1
                return time.sleep(self.chance.uniform(0, 0.03))
            time.sleep(0.001)
        raise Broken("no snapshot was begun within 20 s")

    def verify(self):
        for person in self.people:
            self.stands(person)
        self.kept()
        self.rights.stand()
        self.published()
        self.listen()
        # A call that began in this life ends in it, so nothing of it can come later.
        with self.lock:
            self.forbidden.clear()

    def listen(self):
        """Looks at what the model's port was told since the last look."""
        with self.lock:
            forbidden = set(self.forbidden)
        for path, body in self.model.taken():
            self.rights.hears(path, body)
            found = [mark for mark in forbidden if mark in body] if path in ("/recommend", "/events") else []
            if found:
                raise Broken(f"after a withdrawal the model saw {found} at {path}")

    def stands(self, person):
        told = self.gateway.app.must(200, "POST", "/v1/consents/query", {"subject": {"id": person.name}})
        state = next(purpose["state"] for purpose in told["purposes"] if purpose["id"] == RECOMMEND)
        if state not in person.allowed():
            raise Broken(f"acknowledged {person.state}, under way {person.pending}, found {state}")
        person.state, person.pending = state, None
        mark = self.mark()
        body = {"subject": {"id": person.name}, "purpose": RECOMMEND, "count": 3, "seed_items": [mark]}
        tier = self.gateway.app.must(200, "POST", "/v1/recommendations", body)["tier"]
        if tier != ("individual" if state == "given" else "none"):
            raise Broken(f"who stands at {state} was answered at tier {tier}")
        if state != "given":
            self.forbid(mark)

    def kept(self):
        """Whether each item is there as it was last written."""
        tags = self.tags([thing.name for thing in self.things])
        for thing in self.things:
            found = (tags.get(thing.name) or [None])[0]
            if found not in {thing.writing, thing.pending}:
                raise Broken(f"{thing.name} was acknowledged as {thing.writing}, under way {thing.pending}, found {found}")
            thing.writing, thing.pending = found, None

    def tags(self, names):
        """The tags that the catalogue has of each item; nothing of one that it does not have."""
        found = {}
        for part in (names[at:at + 450] for at in range(0, len(names), 450)):
            body = {"purpose": RECOMMEND, "count": len(part), "candidates": [{"id": name} for name in part]}
            answer = self.gateway.app.must(200, "POST", "/v1/recommendations", body)
            found.update((item["id"], item["reason"]["tags"]) for item in answer["items"])
        return found

    def version(self):
        return self.gateway.app.must(200, "POST", "/v1/recommendations", {"purpose": RECOMMEND, "count": 1})["decision"]["policy"]

    def command(self, *words):
        """An operator's command on this gateway."""
        log = os.path.join(self.work, "commands.log")
        return wire.Running([self.gateway.binary, *words, "--config", self.gateway.config], log)

    def told(self):
        counts = ", ".join(f"{count} {kind}" for kind, count in sorted(self.counts.items()))
        starts = [start * 1000 for start in self.starts]
        hits = f"; {self.hits} commands had ended well" if self.options.during in DURING else ""
        return (f"acknowledged {counts}{hits}; restart p50 {percentile(starts, .5):.0f} ms, p99 {percentile(starts, .99):.0f} ms, "
                f"longest {max(starts):.0f} ms")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--during", choices=["load", "snapshot", "import", "policy", "rotation"], default="load")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--work", help="keep the folder")
    options = parser.parse_args()
    work = options.work or tempfile.mkdtemp(prefix="consentry-kill-")
    os.makedirs(work, exist_ok=True)
    loop = Loop(options, work)
    try:
        loop.run()
    except (Broken, RuntimeError) as broken:
        loop.gateway.kill()
        sys.exit(f"FAIL after {len(loop.starts)} kills: {broken}\nthe folder is {work}")
    if not options.work:
        shutil.rmtree(work)
    print(f"ok   {options.kills} kills during {options.during}: nothing acknowledged was lost, every store opened, nothing of "
          f"whoever had withdrawn was seen")


if __name__ == "__main__":
    main()

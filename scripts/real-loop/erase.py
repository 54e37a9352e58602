#!/usr/bin/env python3
"""Erases a person at a real model that is out of reach, by a gateway that is killed meanwhile.

  erase.py --model-server DIR --real CACHE_DIR --binary PATH [--people 60] [--seed N] [--work DIR]

What has to be there is told in README.md; where it is not, the script says SKIPPED and ends with status 77.

People of MovieLens-100K agree, their ratings go to the model through the gateway, one of them begins anew and rates on, and the
model trains. Between gateway and model stands a relay that can be out of reach: it refuses connections, or breaks them.
  1. The model is out of reach. The person asks to be erased; the gateway tries, and the certificate says `pending`.
  2. The gateway gets SIGKILL, starts, tries again in vain, gets SIGKILL again, and starts.
  3. The model is in reach again. The certificate says `confirmed`, and verifies with the log's key alone.
Then the model, asked directly, has none of that person's events and all of everybody else's: its count of events is less by exactly
theirs, and trained anew it has fewer users by exactly their pseudonyms; the list for each of their pseudonyms, which was personal,
is that of somebody it never heard of; the lists of the others were and are personal. Nothing of the person's came to it after the erasure.
"""
import argparse
import json
import os
import socket
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]
import client as wire  # noqa: E402
import people  # noqa: E402
from gateway import RECOMMEND, Gateway  # noqa: E402
from real_loop import Checks, missing, rfc3339, users  # noqa: E402

SKIPPED, OPEN, BREAKS, CLOSED = 77, "open", "breaks", "closed"


class Relay:
    """Passes bytes on to the model, or not. Its port stays the same."""

    def __init__(self, target):
        self.target, self.state, self.broken, self.pairs, self.listening = target, CLOSED, 0, [], None
        self.port = wire.free_port()
        self.turns(OPEN)

    def turns(self, state):
        self.state = state
        for sockets in self.pairs:
            hang_up(*sockets)
        self.pairs = []
        if state == CLOSED and self.listening:
            hang_up(self.listening)
            self.listening = None
        elif state != CLOSED and not self.listening:
            self.listening = socket.create_server(("127.0.0.1", self.port))
            threading.Thread(target=self.accepts, args=(self.listening,), daemon=True).start()

    def accepts(self, listening):
        while True:
            try:
                near, _ = listening.accept()
            except OSError:
                return
            if self.state != OPEN:
                self.broken += 1
                near.close()
                continue
            far = socket.create_connection(("127.0.0.1", self.target))
            self.pairs.append((near, far))
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=passes, args=(one, other), daemon=True).start()


def hang_up(*sockets):
    for held in sockets:
        try:
            held.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        held.close()


def passes(one, other):
    try:
        while data := one.recv(65536):
            other.sendall(data)
    except OSError:
        pass
    hang_up(one, other)


class Story:
    def __init__(self, options, work):
        self.options, self.work, self.check = options, work, Checks()
        shop = people.open_shop(os.path.join(options.real, "ml-100k"), options.seed, time.time())
        self.people = [person for person in shop.people if person.group == people.INDIVIDUAL][:options.people]
        self.leaving = self.people[options.seed % len(self.people)]
        port = wire.free_port()
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": os.path.abspath(options.model_server)}
        command = [os.path.join(os.path.abspath(options.real), "venv/bin/uvicorn"), "gorse_model:app", "--app-dir", HERE, "--port", str(port),
                   "--log-level", "warning", "--no-access-log"]
        self.server = wire.Running(command, os.path.join(work, "model.log"), cwd=options.model_server, env=environment)
        self.server.ready(port)
        self.model, self.relay = wire.Client(port), Relay(port)
        # Whatever the disk has left is enough for so few people.
        self.gateway = Gateway(options.binary, work, self.relay.port, store="reserve_bytes = 1048576")
        status, said = self.command("token", "self", self.leaving.id, "--seconds", "86400")
        if status:
            raise RuntimeError(f"no token: {said}")
        self.me = wire.Client(self.gateway.port, said.split()[-1])

    def command(self, *words, config=True):
        log = os.path.join(self.work, f"command-{time.monotonic_ns()}.log")
        ran = wire.Running([self.gateway.binary, *words, *(["--config", self.gateway.config] if config else [])], log)
        return ran.process.wait(120), ran.tail()

    def seen(self, since=0):
        return self.model.must(200, "GET", "/__seen")[since:]

    def named(self, since=0):
        """The pseudonyms of events."""
        return {user for call in self.seen(since) if call["path"] == "/events" for user in users(call)}

    def rates(self, person, ratings):
        for start in range(0, len(ratings), 200):
            events = [{"subject": {"id": person.id}, "type": "rating", "item": item, "value": value, "at": rfc3339(at)}
                      for item, value, at in ratings[start:start + 200]]
            told = self.gateway.app.must(202, "POST", "/v1/events", {"events": events})
            if told["forwarded"] != len(events):
                raise RuntimeError(f"not all events went on: {told}")

    def listed(self, user):
        return [item["id"] for item in self.model.must(200, "POST", "/recommend", {"user": user, "count": 10})["items"]]

    def begin(self):
        print("\nratings and training", flush=True)
        self.gateway.start()
        notice = wire.snapshot(self.gateway.app, RECOMMEND)
        for person in self.people:
            self.gateway.app.must(201, "POST", "/v1/consents", wire.give(person.id, RECOMMEND, notice, {"activity": "fine"}))
        for person in self.people:
            if person is not self.leaving:
                self.rates(person, person.train)
        self.others = self.named()
        before, events = len(self.seen()), self.stored()
        half = len(self.leaving.train) // 2
        self.rates(self.leaving, self.leaving.train[:half])
        # Their history until now stays under the old pseudonym until the window is over; both are theirs.
        self.me.must(200, "POST", "/v1/me/reset", {"undo_within_hours": 24})
        self.rates(self.leaving, self.leaving.train[half:])
        self.theirs, self.events = self.named(before), self.stored() - events
        self.trained = self.model.must(200, "POST", "/__train")
        self.check.equal(len(self.others), len(self.people) - 1, "each of the others has one pseudonym at the model")
        self.check.equal((len(self.theirs), self.events), (2, len(self.leaving.train)), "the person has two, and all their events are there")
        self.nobody = self.listed("somebody-it-never-heard-of")
        self.check.that(all(self.listed(user) != self.nobody for user in self.theirs), "their lists are personal")
        self.lists = {user: self.listed(user) for user in self.others}
        self.check.that(sum(found != self.nobody for found in self.lists.values()) == len(self.lists), "and so are those of the others")

    def stored(self):
        return self.model.must(200, "GET", "/healthz")["events"]

    def states(self):
        certificate = self.me.must(200, "GET", f"/v1/me/certificates/{self.certificate}")
        return sorted(recipient["state"] for recipient in certificate["recipients"])

    def waits(self, claim):
        """Gives the gateway time for some tries; none can have come through."""
        time.sleep(3)
        self.check.equal((set(self.states()), self.stored()), ({"pending"}, self.trained["events"]), f"{claim}: pending, and the model holds all it held")

    def erase(self):
        print("\nerasure", flush=True)
        self.before = len(self.seen())
        self.relay.turns(CLOSED)
        told = self.me.must(202, "POST", "/v1/me/requests", {"type": "erasure"})
        self.certificate = told["certificate"]
        self.waits("the model refuses connections")
        self.gateway.kill()
        self.relay.turns(BREAKS)
        self.gateway.start()
        self.me = wire.Client(self.gateway.port, headers=self.me.headers)
        self.waits("killed and started, connections break")
        self.check.that(self.relay.broken > 0, "tries came to nothing at the relay")
        self.gateway.kill()
        self.relay.turns(CLOSED)
        self.gateway.start()
        self.waits("killed and started again, connections are refused")
        self.relay.turns(OPEN)
        began = time.monotonic()
        while set(self.states()) != {"confirmed"} and time.monotonic() - began < self.options.patience:
            time.sleep(0.5)
        print(f"  ({self.relay.broken} tries broken by the relay; {time.monotonic() - began:.1f} s from in reach to confirmed)")
        self.check.equal(set(self.states()), {"confirmed"}, "in reach again: confirmed for each pseudonym")

    def look(self):
        print("\nwhat the model has", flush=True)
        after = self.seen(self.before)
        forgets = {user for call in after if call["path"] == "/forget" for user in users(call)}
        self.check.that(self.theirs <= forgets, "it was asked to forget each of their pseudonyms", self.theirs - forgets)
        self.check.equal(forgets & self.others, set(), "and nobody else's")
        rest = [call["path"] for call in after if call["path"] != "/forget" and any(user in json.dumps(call) for user in forgets)]
        # This script's own questions come later.
        self.check.equal(rest, [], "nothing else about them came since the erasure")
        self.check.equal(self.stored(), self.trained["events"] - self.events, f"its events are fewer by exactly their {self.events}")
        self.check.that(all(self.listed(user) == self.nobody for user in self.theirs), "their pseudonyms get the list of somebody unknown")
        same = [user for user in self.others if self.listed(user) == self.lists[user]]
        self.check.equal(len(same), len(self.others), "the lists of all others are what they were")
        trained = self.model.must(200, "POST", "/__train")
        self.check.equal((trained["users"], trained["events"]), (self.trained["users"] - 2, self.trained["events"] - self.events),
                         "trained anew: two users fewer, and their events")
        kept = os.path.join(self.work, "certificate.json")
        with open(kept, "wb") as file:
            file.write(self.me.call("GET", f"/v1/me/certificates/{self.certificate}").body)
        shard = self.gateway.app.must(200, "GET", "/log/shards")["shards"][-1]
        status, said = self.command("certificate", "verify", kept, "--key", shard["vkey"], config=False)
        self.check.equal(status, 0, "the certificate verifies with the log's key alone" + (f": {said}" if status else ""))
        self.check.equal(self.gateway.stop(), 0, "the gateway ends in order")
        print(f"\n{len(self.people)} people, {self.trained['events']:,} events before, {self.stored():,} after; users {self.trained['users']} -> {trained['users']}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model-server", default=os.environ.get("CONSENTRY_MODEL_SERVER"), metavar="DIR")
    parser.add_argument("--real", default=os.environ.get("CONSENTRY_REAL"), metavar="CACHE_DIR")
    parser.add_argument("--binary", default=os.environ.get("CONSENTRY_BINARY"), metavar="PATH")
    parser.add_argument("--people", type=int, default=60)
    parser.add_argument("--patience", type=int, default=300, help="seconds until the model must have confirmed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--work", metavar="DIR", help="an empty folder that is kept; a temporary one by default")
    options = parser.parse_args()
    if absent := missing(options):
        print("SKIPPED: nobody was erased, since these are not there:\n  " + "\n  ".join(absent), file=sys.stderr)
        sys.exit(SKIPPED)
    if options.work:
        os.makedirs(options.work)
        return tell(options, os.path.abspath(options.work))
    with tempfile.TemporaryDirectory(prefix="real-erase-") as work:
        tell(options, work)


def tell(options, work):
    story = Story(options, work)
    try:
        story.begin()
        story.erase()
        story.look()
    finally:
        if story.gateway.running:
            story.gateway.kill()
        story.server.end()
    print(f"{story.check.passed} checks passed, {len(story.check.failed)} failed, seed {options.seed}")
    if story.check.failed:
        sys.exit(1)


if __name__ == "__main__":
    main()

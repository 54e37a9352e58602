#!/usr/bin/env python3
"""Plants marked values in every flow of a gateway and looks for them where they must not be; then erases the person and looks again.

  canary.py --binary PATH [--seed N] [--work DIR]
  canary.py --self-test

One person, with an e-mail address linked to their id, goes through everything that the gateway offers: consents, recommendations,
previews, batches, events, rules, a reset and its undoing, forgetting, links, requests by right, receipts, their view, their
export in each form. Another person agrees to more, a child has a guardian, and a controller hands requests over by OpenDSR,
the last of which erases a person of its own. Each id, e-mail address, name, place, birth year, item,
muted tag, statement, correction, passphrase, header and token of theirs carries a mark drawn for the run. After each step every file under
the data, key and backup folders, the gateway's output, the output of the operator's commands, /metrics, and what the model was
told are searched for each mark, and the files and outputs for each pseudonym that the model saw.

The model may see items and coarse places of whoever agreed to them; ids, names, addresses, statements and tokens never.

At last the person is erased by request, the recipient confirms, the keys rotate: no form of a mark or a pseudonym is anywhere,
the rows of the person open for nobody, and the backup from before opens no more. The same search finds marks that it plants in a copy.
Ends with status 1 if anything is not so; the folder then stays.
"""
import argparse
import glob
import io
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
import zipfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import client as wire  # noqa: E402
import planted  # noqa: E402
from gateway import POPULAR, RECOMMEND, Gateway, opendsr  # noqa: E402
from planted import leaks  # noqa: E402

NDJSON, ORDERS = "application/x-ndjson", "/opendsr/v2/requests"
BACKUPS = '[backup]\ndir = "{work}/backups"\n'


class Run(planted.Watch):
    def __init__(self, options, work):
        draw = random.Random(options.seed)
        marks = {name: leaks.marker(draw, 12) for name in planted.WORDS}
        # The digits of a latitude behind those that a coarse place keeps.
        marks |= {name: str(draw.randrange(10**10, 10**11) | 1) for name in ("place", "other place")}
        # An adult, in a decade of ages that has a band of its own.
        self.marks, self.year = marks, time.gmtime().tm_year - draw.randrange(30, 60)
        model = planted.Model()
        os.makedirs(os.path.join(work, "backups"))
        # Whatever the disk has left is enough for so few people.
        more = BACKUPS.format(work=work) + opendsr(model.port)
        super().__init__(Gateway(options.binary, work, model.port, more=more, store="reserve_bytes = 1048576"), model)
        self.id, self.email, self.other = f"user-{marks['id']}", f"{marks['email']}@example.com", f"user-{marks['other id']}"
        self.child, self.guardian = f"child-{marks['child']}", f"guardian-{marks['guardian']}"
        self.controlled = f"customer-{marks['controlled id']}"
        tokens = [self.token("self", who) for who in (self.id, self.other)] + [self.token("self", self.child, "--guardian", self.guardian)]
        for name, token in zip(("token", "other token", "guardian token"), tokens):
            marks[name] = token.rsplit(".", 1)[1]
        marks["app token"] = self.gateway.app.headers["Authorization"].rsplit(".", 1)[1]
        loud = {"User-Agent": f"app-{marks['header']}", "Cookie": f"sid={marks['header']}", "X-Request-Id": marks["header"]}
        self.gateway.app.headers |= loud
        self.me, self.them, self.for_child = (wire.Client(self.gateway.port, token, loud) for token in tokens)
        self.search = planted.Search(marks, self.year)

    # ------------------------------------------------------------------------------------------------ the flows

    def app(self, status, method, path, body=None, media=wire.JSON):
        return self.gateway.app.must(status, method, path, body, media)

    def call(self, subject, place, zip_code, **more):
        demographics = {"birth_year": self.year, "gender": "female", "occupation": f"analyst-{self.marks['occupation']}",
                        "zip_code": f"{zip_code}-1"} if subject.get("id") != self.other else {"zip_code": f"{zip_code}-1"}
        context = {"location": {"lat": float(f"37.5{place}"), "lon": 126.978}, "demographics": demographics}
        return {"subject": subject, "purpose": RECOMMEND, "count": 5, "context": context, **more}

    def mine(self, **more):
        return self.call({"id": self.id}, self.marks["place"], self.marks["zip code"], seed_items=[f"item-{self.marks['seed']}"], **more)

    def consents(self):
        coarse = {"activity": "fine", "seed_items": "fine", "location": "coarse", "demographics": "coarse"}
        fine = {"activity": "fine", "location": "fine", "demographics": "fine"}
        self.notices = {purpose: wire.snapshot(self.gateway.app, purpose) for purpose in (RECOMMEND, POPULAR)}
        for who, categories in ((self.id, coarse), (self.other, fine)):
            self.app(201, "POST", "/v1/consents", wire.give(who, RECOMMEND, self.notices[RECOMMEND], categories))
            self.app(201, "POST", "/v1/consents", wire.give(who, POPULAR, self.notices[POPULAR]))
        mail = {"id": self.email, "type": "email"}
        self.app(201, "POST", "/v1/consents", {**wire.give("", RECOMMEND, self.notices[RECOMMEND], coarse), "subject": mail})
        profile = {"id": self.id, "profile": self.marks["profile"]}
        self.app(201, "POST", "/v1/consents", {**wire.act("", RECOMMEND, "refuse"), "subject": profile})
        self.app(200, "POST", "/v1/consents/query", {"subject": mail})

    def asks(self, subject=None, tier="individual"):
        body = self.mine() if subject is None else {**self.mine(), "subject": subject}
        answer = self.app(200, "POST", "/v1/recommendations", body)
        if answer["tier"] != tier or len(answer["items"]) != 5:
            raise RuntimeError(f"expected {tier}: {answer}")
        return answer

    def recommendations(self):
        self.asks({"id": self.email, "type": "email"})
        self.asks({"id": self.id, "profile": self.marks["profile"]}, tier="none")
        answer = self.app(200, "POST", "/v1/recommendations", self.call({"id": self.other}, self.marks["other place"], self.marks["other zip code"]))
        self.of_others = self.model.users() - self.theirs(lambda: self.asks())
        self.of_others -= self.theirs(lambda: self.asks({"id": self.email, "type": "email"}))
        self.app(200, "POST", "/v1/recommendations/preview", self.mine())
        self.me.must(200, "POST", "/v1/recommendations/preview", {key: value for key, value in self.mine().items() if key != "subject"})
        lines = "\n".join(json.dumps(body) for body in (self.mine(), {"purpose": RECOMMEND, "count": 3}))
        batch = self.gateway.app.call("POST", "/v1/recommendations/batch", lines, NDJSON)
        if batch.status != 200 or answer["tier"] != "individual":
            raise RuntimeError(f"{batch} {answer}")
        coarse = [said["context"] for path, _, said in self.model.seen if said.get("seed_items")]
        decade = self.age() // 10 * 10
        wanted = {"location": {"lat": 37.5, "lon": 126.9}, "demographics": {"age_band": f"{decade}-{decade + 9}"}}
        self.that(coarse and all(context == wanted for context in coarse), "place and birth year left as coarsely as agreed", coarse)

    def age(self):
        return time.gmtime().tm_year - self.year

    def theirs(self, flow):
        """The pseudonyms that the model sees by a flow."""
        before = len(self.model.seen)
        flow()
        return self.model.users(before)

    def events(self):
        def event(subject, item):
            return {"subject": subject, "type": "view", "item": f"item-{item}"}
        body = {"events": [event({"id": self.id}, self.marks["item"]), event({"id": self.email, "type": "email"}, self.marks["item"]),
                           event({"id": self.other}, self.marks["other item"])]}
        key = {"Idempotency-Key": self.marks["retry key"]}
        answers = [self.gateway.app.call("POST", "/v1/events", body, headers=key) for _ in range(2)]
        if [answer.status for answer in answers] != [202, 202] or answers[0].json()["forwarded"] != 3:
            raise RuntimeError(f"events: {answers}")
        self.gateway.app.call("POST", "/v1/events", {"events": [event({"id": f"stranger-{self.marks['id']}"}, self.marks["muted item"])]})
        # What is wrong is refused, and not repeated either.
        self.gateway.app.call("POST", "/v1/recommendations", {**self.mine(), f"odd-{self.marks['id']}": 1})
        self.gateway.app.call("POST", f"/v1/{self.marks['id']}", self.mine())

    def rules(self):
        self.me.must(200, "PATCH", "/v1/me/rules", {"mutes": {"tags": [f"tag-{self.marks['tag']}"], "items": [f"item-{self.marks['muted item']}"]},
                                                    "boosts": {"tags": [f"boost-{self.marks['tag']}"]}, "dial": 0.3})
        self.asks()
        self.app(201, "POST", "/v1/consents", wire.act(self.id, POPULAR, "withdraw"))
        self.gateway.app.call("POST", "/v1/recommendations", {"purpose": RECOMMEND, "subject": {"id": self.other}}, headers={"Sec-GPC": "1"})
        self.me.must(200, "POST", "/v1/me/reset", {"undo_within_hours": 5})
        self.asks()
        self.me.must(200, "POST", "/v1/me/reset/undo", {})
        self.me.must(200, "POST", "/v1/me/forget", {"from": "2020-01-01T00:00:00Z", "to": "2021-01-01T00:00:00Z", "at_recipients": "keep"})
        self.asks()

    def links(self):
        both = {"subject": {"id": self.id}, "alias": {"id": self.email, "type": "email"}}
        for path, more in (("/v1/links", {"method": "support"}), ("/v1/links/remove", {}), ("/v1/links", {"method": "code"})):
            self.app(200, "POST", path, {**both, **more})
        self.asks({"id": self.email, "type": "email"})

    def guardians(self):
        child, guardian = {"id": self.child}, {"id": self.guardian}
        year = time.gmtime().tm_year + 3
        verified = {"method": "card", "verified_at": time.strftime("%Y-%m-%dT00:00:00Z", time.gmtime())}
        self.app(200, "POST", "/v1/guardians", {"subject": child, "guardian": guardian, "under_14_until": f"{year}-05-01", "verification": verified})
        gives = wire.give(self.child, RECOMMEND, self.notices[RECOMMEND], {"activity": "fine"})
        self.app(201, "POST", "/v1/consents", {**gives, "guardian": True})
        self.of_others |= self.theirs(lambda: self.app(200, "POST", "/v1/recommendations", {"subject": child, "purpose": RECOMMEND, "count": 5}))
        self.for_child.must(200, "GET", "/v1/me")

    def requests(self):
        words = f"I am {self.marks['name']}, {self.email}. {self.marks['statement']}"
        corrects = {"type": "rectification", "statement": f"I was born in {self.year}: {self.marks['correction']}"}
        self.asked = asked = [self.me.must(202, "POST", "/v1/me/requests", body) for body in
                 ({"type": "access", "statement": words}, corrects, {"type": "explanation", "statement": words})]
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 60))
        self.app(202, "POST", "/v1/rights/requests", {"type": "portability", "subject": {"id": self.id}, "statement": words,
                                                     "identity": {"method": "email", "verified_at": now}})
        status, said = self.runs("requests", "show", asked[1]["id"], private=True)
        self.that(status == 0 and self.marks["correction"] in said, "the operator opens a request and reads the correction", said)
        status, said = self.runs("requests", "answer", asked[1]["id"], "--text", f"Done, {self.marks['name']}.", private=True)
        self.that(status == 0, "and answers it", said)
        self.runs("requests", "list", "--all")
        self.me.must(202, "POST", "/v1/me/requests", {"type": "rectification", "statement": corrects["statement"]})

    def order(self, kind, identities, **more):
        """What a controller orders by OpenDSR, and the id that it gave."""
        order = str(uuid.uuid4())
        identities = [{"identity_type": of, "identity_value": value, "identity_format": "raw"} for of, value in identities.items()]
        body = {"regulation": "gdpr", "subject_request_id": order, "subject_request_type": kind, "api_version": "2.0",
                "submitted_time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "subject_identities": identities,
                "status_callback_urls": [f"http://127.0.0.1:{self.model.port}/callback"], **more}
        return order, self.app(201, "POST", ORDERS, body)

    def controllers(self):
        """A controller hands over requests, and is called back at the port where the model listens too."""
        gives = wire.give(self.controlled, RECOMMEND, self.notices[RECOMMEND], {"activity": "fine"})
        self.app(201, "POST", "/v1/consents", gives)
        theirs = self.theirs(lambda: self.asks({"id": self.controlled}))
        order, _ = self.order("access", {"controller_customer_id": self.id, "email": self.email})
        told = self.app(200, "GET", f"{ORDERS}/{order}")
        self.that(told["request_status"] == "completed", "a controller's order of access is completed", told)
        order, _ = self.order("erasure", {"controller_customer_id": self.id}, extensions={"gw.example": {"identity_verified": False}})
        self.app(202, "DELETE", f"{ORDERS}/{order}")
        self.asks()
        order, _ = self.order("erasure", {"controller_customer_id": self.controlled})
        told = self.until(lambda: self.app(200, "GET", f"{ORDERS}/{order}"), lambda told: told["request_status"] == "completed")
        called = self.until(self.called_back, lambda called: called.get(order) == "completed")
        self.that(told["request_status"] == called.get(order) == "completed", "its order of erasure is completed, and it is called back", (told, called))
        self.that(bool(theirs) and theirs <= self.until(lambda: set(self.model.forgotten), lambda gone: theirs <= gone), "the model forgot that person", theirs)
        self.asks({"id": self.controlled}, tier="none")

    def called_back(self):
        """The last status that each order was called back with."""
        with self.model.lock:
            return {said["subject_request_id"]: said["request_status"] for path, _, said in self.model.seen if path == "/callback"}

    @staticmethod
    def until(look, holds, seconds=60):
        """What `look` finds, once it holds or when the time is over."""
        deadline = time.monotonic() + seconds
        while not holds(found := look()) and time.monotonic() < deadline:
            time.sleep(0.1)
        return found

    def exports(self):
        """The export in its other forms: an archive holds the same marks, an encrypted file none."""
        zipped = self.me.call("GET", "/v1/me/export?form=zip")
        archive = zipfile.ZipFile(io.BytesIO(zipped.body))
        found = {name for member in archive.namelist() for name, _ in self.search.find(archive.read(member))}
        self.that(zipped.status == 200 and {"item", "seed", "statement", "correction"} <= found, "the archive of the export holds the marks", found)
        sealed = self.me.call("POST", "/v1/me/export", {"form": "json", "encrypt_to": {"passphrase": f"open {self.marks['passphrase']}"}})
        found = self.search.find(sealed.body) + self.search.find_pseudonyms(sealed.body)
        self.that(sealed.status == 200 and sealed.body.startswith(b"age-encryption.org/v1") and not found, "and the encrypted export none", found or sealed)

    def reads(self):
        """Everything that a person is told. The marks stand in it, so the gateway does hold them."""
        told = b""
        for path in ("/v1/me", "/v1/me/decisions", "/v1/me/consents", "/v1/me/rules", "/v1/me/receipts", "/v1/me/links", "/v1/me/requests", "/v1/me/export"):
            answer = self.me.call("GET", path)
            if answer.status != 200:
                raise RuntimeError(f"{path}: {answer}")
            told += answer.body
            if path.endswith("export"):
                self.rows = [row["index"] for row in answer.json()["log"]["rows"]]
        row = self.me.must(200, "GET", "/v1/me/decisions?disclosed=true")["decisions"][0]["log"]
        told += json.dumps(self.me.must(200, "POST", "/v1/me/decisions/explain", {"log": row})).encode()
        read = {request["id"] for request in self.me.must(200, "GET", "/v1/me/requests")["requests"]}
        told += b"".join(self.me.call("GET", f"/v1/me/requests/{name}").body for name in read)
        found = {name for name, _ in self.search.find(told)}
        held = {"item", "seed", "tag", "muted item", "statement", "correction", "name"}
        self.that(held <= found and self.search.find_pseudonyms(told), "the person is told what is held of them, by the same search", held - found)

    def outsiders(self):
        """What an auditor and an operator read of everybody."""
        auditor = wire.Client(self.gateway.port, self.token("auditor", "office"))
        answers = [auditor.call("GET", f"/v1/audit/{what}") for what in ("entries?limit=200", "policies", "requests?kind=person", "requests", "records-of-processing")]
        self.that(all(answer.status == 200 for answer in answers), "an auditor reads rows, policies, requests and records", answers)
        status, said = self.runs("status")
        read = b"".join(answer.body for answer in answers)
        found = self.search.find(read) + self.search.find_pseudonyms(read)
        self.that(status == 0 and not found, "neither these nor `consentry status` name anybody", found or said)

    def backs_up(self):
        status, said = self.runs("store", "backup")
        self.backup = max(glob.glob(os.path.join(self.work, "backups", "consentry-*")), default="")
        self.that(status == 0 and self.backup, "a backup before the erasure", said)

    # ------------------------------------------------------------------------------------------------ erasure and after

    def erases(self):
        told = self.me.must(202, "POST", "/v1/me/requests", {"type": "erasure", "statement": self.marks["statement"]})
        self.that(told.get("certificate") and told["status"] == "completed", "the person is erased by request", told)
        def states_now():
            certificate = self.me.must(200, "GET", f"/v1/me/certificates/{told['certificate']}")
            return [recipient["state"] for recipient in certificate["recipients"]]
        states = self.until(states_now, lambda states: set(states) == {"confirmed"}, 90)
        self.that(states and set(states) == {"confirmed"}, "each recipient has confirmed", states)
        gone = self.model.users() - self.of_others
        with self.model.lock:
            left = gone & set(self.model.events)
        self.that(len(gone) >= 3 and not left and gone <= self.model.forgotten, f"the model holds nothing of {len(gone)} pseudonyms", left)
        self.that(self.me.must(200, "GET", "/v1/me/requests")["requests"] == [], "the person is unknown")
        self.asks(tier="none")

    def rotates(self):
        before = self.key_files()
        status, said = self.runs("keys", "rotate", "--json")
        after = self.key_files()
        self.that(status == 0, "the keys rotate over the operator's door", said)
        self.that(len(after) == 1 and not set(after) & set(before) and not set(after.values()) & set(before.values()),
                  f"the old slot {sorted(before)} is gone, {sorted(after)} is there")

    def key_files(self):
        return {os.path.basename(path): leaks.read(path) for path in glob.glob(os.path.join(self.work, "keys", "kek-*"))}

    def opens(self):
        """All that the operator can still open is opened, and searched."""
        rows, _ = self.opened(self.rows, "supervisory_authority")
        self.that(len(rows) == len(self.rows) > 10 and all(row.get("why") == "erased" for row in rows),
                  f"none of the person's {len(self.rows)} rows opens for the operator", rows)
        shard = self.app(200, "GET", "/log/shards")["shards"][-1]
        told = os.path.join(self.work, "opened.json")
        with open(told, "w") as file:
            json.dump({"rows": rows[:1]}, file)
        checked = subprocess.run([self.gateway.binary, "audit", "open-row", told, "--key", shard["vkey"]], capture_output=True, check=False)
        self.that(checked.returncode != 0, "and `audit open-row` takes such a row for nothing", checked.stdout)
        size = int(self.gateway.app.call("GET", "/log/checkpoint").body.split(b"\n")[1])
        read = [self.opened(range(start, min(start + 50, size)), "incident") for start in range(0, size, 50)]
        opened, whole = sum("body" in row for rows, _ in read for row in rows), "".join(said for _, said in read)
        # Also as it was before it was put between quotes.
        bodies = (whole + whole.replace("\\\\", "\\").replace('\\"', '"')).encode()
        gone, kept = self.model.users() - self.of_others, {"other item", "other place", "other zip code", "child"}
        self.search.pseudonyms, everybody = gone, self.search.pseudonyms
        found = self.search.find_pseudonyms(bodies) + [hit for hit in self.search.find(bodies) if hit[0] not in kept]
        self.search.pseudonyms = everybody
        self.that(opened > 10 and not found, f"{opened} of {size} rows open, and hold nothing of the person", found)
        self.that(any(user in whole for user in self.of_others), "by the same search somebody who stays is found in theirs")
        shown = "".join(self.runs("requests", "show", request["id"], private=True)[1] for request in self.asked).encode()
        self.that(len(self.asked) > 2 and b"rectification" in shown and not self.search.find(shown), "of the person's requests right and moment are left, and no word", shown)
        status, said = self.runs("audit", "reconcile", "--json")
        self.that(status == 0, "`audit reconcile`: every row has a living key or a certificate", said)

    def opened(self, indices, reason):
        """Rows that the operator asks for, and the answer as it came."""
        _, said = self.runs("audit", "open", *map(str, indices), "--reason", reason, private=True)
        return json.JSONDecoder().raw_decode(said)[0]["rows"], said

    def last(self):
        self.that(self.gateway.stop() == 0, "the gateway ends in order")
        status, said = self.runs("store", "verify")
        self.that(status == 0, "`store verify`: the store is whole", said)
        status, said = self.runs("store", "verify", "--backup", self.backup)
        self.that(status == 0, "the backup of before is whole", said)
        status, said = self.runs("store", "restore", self.backup)
        self.that(status != 0 and "sealed under key-encryption key" in said, f"and `store restore` refuses it: {said.strip()}")
        self.nowhere("the end")
        self.gateway.start()
        self.asks(tier="none")
        self.app(200, "POST", "/v1/recommendations", self.call({"id": self.other}, self.marks["other place"], self.marks["other zip code"]))
        self.nowhere("a start after all")
        self.gateway.stop()

    def tell(self):
        self.gateway.start()
        for claim, flow in [("consents", self.consents), ("recommendations, previews, a batch", self.recommendations), ("events", self.events),
                            ("rules, a reset undone, forgetting", self.rules), ("links", self.links), ("a guardian", self.guardians),
                            ("requests by right", self.requests), ("orders of a controller", self.controllers),
                            ("what a person is told", self.reads), ("an archive and an encrypted export", self.exports),
                            ("what auditors and operators read", self.outsiders), ("a backup", self.backs_up),
                            ("erasure", self.erases), ("rotation", self.rotates), ("what can still be opened", self.opens)]:
            self.step(claim, flow)
        self.last()
        passed = {name for path, raw, _ in self.model.seen for name, _ in self.search.find(raw)}
        self.that(passed == set(planted.PASSES), "the model saw what was agreed to, and the search finds it there", sorted(passed ^ set(planted.PASSES)))
        planted.control(self.work, self.marks, self.search)
        print(f"{len(self.marks) + 1} marks and {len(self.search.pseudonyms)} pseudonyms; at most {self.files[0]} files, {self.files[1] / 1e6:.1f} MB "
              f"searched at a time; {len(self.model.seen)} calls at the model; {self.passed} claims hold, {len(self.failed)} do not")
        return not self.failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--work", help="keep the folder")
    parser.add_argument("--self-test", action="store_true")
    options = parser.parse_args()
    if options.self_test:
        return planted.self_test()
    if not options.binary:
        parser.error("--binary is needed")
    work = options.work or tempfile.mkdtemp(prefix="consentry-canary-")
    os.makedirs(work, exist_ok=True)
    run = Run(options, work)
    holds = False
    try:
        holds = run.tell()
    finally:
        if run.gateway.running:
            run.gateway.kill()
        if not holds:
            print(f"the folder is {work}, the seed {options.seed}", file=sys.stderr)
    if not holds:
        sys.exit(f"FAIL {'; '.join(run.failed)}")
    if not options.work:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()

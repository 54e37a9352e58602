#!/usr/bin/env python3
"""The whole loop on a real model and real people: consent, events, training, recommendations, withdrawal, and what the model saw.

  real_loop.py --model-server DIR --real CACHE_DIR --binary PATH [--kind json|gorse] [--seed N] [--work DIR]
  real_loop.py --self-test

DIR holds `model_server.py`, CACHE_DIR a Python environment for it (`venv`) and MovieLens-100K (`ml-100k`). The environment
variables CONSENTRY_MODEL_SERVER, CONSENTRY_REAL and CONSENTRY_BINARY stand in for the arguments. Where something is not there,
the script says SKIPPED and ends with status 77. See README.md for what it checks.
"""
import argparse
import collections
import datetime
import json
import os
import random
import re
import statistics
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]
import client as wire  # noqa: E402
import leaks  # noqa: E402
import people  # noqa: E402
from people import INDIVIDUAL, NOTHING, POPULARITY  # noqa: E402

THREADS, COUNT, SKIPPED = 6, 10, 77
RECOMMEND, POPULAR = "recommend_products", "measure_popularity"
CONFIG = """
[server]
listen = "127.0.0.1:{port}"
[store]
dir = "{work}/data"
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
scopes = ["recommend", "events", "catalog", "consent", "rights"]
[[upstream]]
recipient = "als"
domain = "recommend"
kind = "{kind}"
url = "http://127.0.0.1:{model}"
purposes = ["recommend_products"]
timeout_ms = 2000
[diversity]
preset = "gentle"
[events]
popularity_purpose = "measure_popularity"
"""
# All that may go with a call to the model; nothing of it comes from the app.
HEADERS = {"host", "content-type", "content-length", "x-request-id"}
GORSE_HEADERS = HEADERS | {"x-api-version"}
# What a pseudonym looks like, also where one begins inside another match.
PSEUDONYM = re.compile(rb"(?=(p[a-z2-7]{26}))")


class Checks:
    """What was asserted, and how it came out."""

    def __init__(self):
        self.failed, self.passed = [], 0

    def that(self, holds, claim, detail=""):
        if holds:
            self.passed += 1
        else:
            self.failed.append(claim)
        print(f"  {'ok  ' if holds else 'FAIL'} {claim}{f': {detail}' if detail and not holds else ''}", flush=True)

    def equal(self, found, expected, claim):
        self.that(found == expected, claim, f"found {str(found)[:300]}, expected {str(expected)[:300]}")


class Loop:
    def __init__(self, options, work):
        self.options, self.work, self.check, self.running = options, work, Checks(), []
        self.shop = people.open_shop(os.path.join(options.real, "ml-100k"), options.seed, time.time())
        self.of = lambda group: [person for person in self.shop.people if person.group == group]
        self.figures, self.began = [], time.monotonic()

    # ------------------------------------------------------------------------------------------------ servers

    def model(self, name):
        """A model server of its own, which knows nothing yet."""
        port = wire.free_port()
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1",
                       "PYTHONPATH": os.path.abspath(self.options.model_server)}
        command = [os.path.join(os.path.abspath(self.options.real), "venv/bin/uvicorn"), "gorse_model:app", "--app-dir", HERE, "--port", str(port),
                   "--log-level", "warning", "--no-access-log"]
        log = os.path.join(self.work, f"model-{name}.log")
        self.running.append(wire.Running(command, log, cwd=self.options.model_server, env=environment).ready(port))
        return port

    def gateway(self, model):
        port, config = wire.free_port(), os.path.join(self.work, "consentry.toml")
        with open(config, "w") as file:
            file.write(CONFIG.format(port=port, work=self.work, model=model, kind=self.options.kind))
        with open(os.open(os.path.join(self.work, "token.key"), os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
            file.write(random.SystemRandom().randbytes(32).hex())
        self.log = os.path.join(self.work, "gateway.log")
        running = wire.Running([self.options.binary, "serve", "--config", config], self.log).ready(port)
        self.running.append(running)
        token = os.path.join(self.work, "token")
        minted = wire.Running([self.options.binary, "token", "app", "shop", "--config", config, "--seconds", "86400"], token)
        if minted.process.wait(30):
            raise RuntimeError(f"no token: {minted.tail()}")
        with open(token) as file:
            token = file.read().split()[-1]
        # None of these may reach the model.
        loud = {name: f"app-{self.shop.markers.header}" for name in ("User-Agent", "Cookie", "X-Request-Id", "X-Forwarded-For", "Baggage")}
        return running, wire.Client(port, token, loud)

    def seen(self):
        calls = self.at_model.must(200, "GET", "/__seen")
        return [in_json(call) for call in calls] if self.options.kind == "gorse" else calls

    # ------------------------------------------------------------------------------------------------ the story

    def run(self):
        self.at_model = wire.Client(self.model("behind"))
        gateway, self.app = self.gateway(self.at_model.port)
        self.story("items and consents", self.items_and_consents)
        self.story("events", self.events)
        self.story("training", lambda: self.at_model.must(200, "POST", "/__train"))
        self.exact = self.story("asking, diversity 0", lambda: self.ask(0, set()))
        self.gentle = self.story("asking, gentle", lambda: self.ask(0.25, set()))
        self.first = self.seen()
        self.story("what the model saw", self.what_the_model_saw)
        self.story("the same lists without a gateway", self.same_lists)
        self.story("withdrawing", self.withdraw)
        self.story("data folder and logs", lambda: self.on_disk(gateway))

    def story(self, title, tell):
        began = time.monotonic()
        print(f"\n{title}", flush=True)
        told = tell()
        print(f"  ({time.monotonic() - began:.1f} s)", flush=True)
        return told

    def items_and_consents(self):
        for start in range(0, len(self.shop.items), 500):
            lines = "\n".join(json.dumps(item) for item in self.shop.items[start:start + 500])
            self.app.must(200, "PUT", "/v1/items", lines, "application/x-ndjson")
        notices = {purpose: wire.snapshot(self.app, purpose) for purpose in (RECOMMEND, POPULAR)}

        def agree(person):
            if person.group == INDIVIDUAL:
                self.app.must(201, "POST", "/v1/consents", wire.give(person.id, RECOMMEND, notices[RECOMMEND], person.categories()))
            if person.group in (INDIVIDUAL, POPULARITY):
                self.app.must(201, "POST", "/v1/consents", wire.give(person.id, POPULAR, notices[POPULAR]))
            if person.refuses:
                for purpose in (RECOMMEND, POPULAR):
                    self.app.must(201, "POST", "/v1/consents", wire.act(person.id, purpose, "refuse"))

        wire.in_threads(agree, self.shop.people, THREADS)
        silent = [person for person in self.of(NOTHING) if not person.refuses]
        known = [self.app.must(200, "POST", "/v1/consents/query", {"subject": {"id": person.id}}) for person in silent[:5]]
        given = [purpose for answer in known for purpose in answer["purposes"] if purpose["state"] == "given"]
        self.check.equal(given, [], "nobody who said nothing counts as having given")

    def events(self):
        def replay(person):
            came = collections.Counter()
            for start in range(0, len(person.train), 200):
                events = [{"subject": {"id": person.id}, "type": "rating", "item": item, "value": rating, "at": rfc3339(at)}
                          for item, rating, at in person.train[start:start + 200]]
                answer = self.app.must(202, "POST", "/v1/events", {"events": events})
                came.update(accepted=answer["accepted"], forwarded=answer["forwarded"], dropped=len(answer["dropped"]))
            return person.group, came

        by_group = {group: collections.Counter() for group in (INDIVIDUAL, POPULARITY, NOTHING)}
        for group, came in wire.in_threads(replay, self.shop.people, THREADS):
            by_group[group].update(came)
        sent = {group: sum(len(person.train) for person in self.of(group)) for group in by_group}
        expected = {INDIVIDUAL: (1, 1, 0), POPULARITY: (1, 0, 0), NOTHING: (0, 0, 1)}
        for group, shares in expected.items():
            came = tuple(by_group[group][word] for word in ("accepted", "forwarded", "dropped"))
            self.check.equal(came, tuple(share * sent[group] for share in shares), f"events of {group}: accepted, forwarded, dropped")
            self.figures.append((f"events of {group}: sent, forwarded", f"{sent[group]:,}, {came[1]:,}"))

    def ask(self, diversity, withdrawn):
        """Ten items for everybody. The app tells all it knows of each; what leaves is not its business."""
        def one(person):
            last = person.train[-1][0]
            return self.app.must(200, "POST", "/v1/recommendations", {
                "subject": {"id": person.id}, "purpose": RECOMMEND, "count": COUNT, "diversity": diversity, "seed_items": [last],
                "context": {"demographics": person.demographics}})

        answers = dict(zip((person.id for person in self.shop.people), wire.in_threads(one, self.shop.people, THREADS)))
        full = [answer for answer in answers.values() if len({item["id"] for item in answer["items"]}) == COUNT]
        self.check.equal(len(full), len(self.shop.people), f"all {len(self.shop.people)} got {COUNT} different items")
        faults = collections.Counter(answer["decision"]["fault"] for answer in answers.values())
        self.check.equal(faults, {None: len(answers)}, "no answer tells of a fault")
        logged = {answer["log"]["index"] for answer in answers.values() if answer["log"]}
        self.check.equal(len(logged), len(answers), "each answer names a row of the log of its own")
        for name, group, tier in [("individual", [p for p in self.of(INDIVIDUAL) if p.id not in withdrawn], "individual"),
                                  ("withdrawn", [p for p in self.of(INDIVIDUAL) if p.id in withdrawn], "none"),
                                  (POPULARITY, self.of(POPULARITY), "none"), (NOTHING, self.of(NOTHING), "none")]:
            tiers = collections.Counter(answers[person.id]["tier"] for person in group)
            if group:
                self.check.equal(tiers, {tier: len(group)}, f"tier of {name}")
        return answers

    # ------------------------------------------------------------------------------------------------ what was seen

    def what_the_model_saw(self):
        consenting = self.of(INDIVIDUAL)
        seen_events, calls = collections.defaultdict(list), []
        paths = collections.Counter((call["method"], call["path"]) for call in self.first)
        self.check.that(set(paths) <= {("POST", path) for path in ("/recommend", "/events", "/items")}, "only known calls arrived", dict(paths))
        for call in self.first:
            body = json.loads(call["body"])
            if call["path"] == "/events":
                for event in body["events"]:
                    seen_events[event["user"]].append(event)
            elif call["path"] == "/recommend":
                calls.append(body)
        # Whose pseudonym is whose follows from the ratings, which no two people share.
        whose = {fingerprint((item, rating, at) for item, rating, at in person.train): person for person in consenting}
        self.check.equal(len(whose), len(consenting), "no two people have the same ratings")
        self.person_of = {user: whose.get(fingerprint((e["item"], e["value"], seconds(e["at"])) for e in events))
                          for user, events in seen_events.items()}
        self.check.equal(len(self.person_of), len(consenting), "as many pseudonyms arrived as people consented")
        self.check.that(None not in self.person_of.values(), "behind each pseudonym are exactly the events of one consenting person")
        found = sum(map(len, seen_events.values()))
        self.check.equal(found, sum(len(person.train) for person in consenting), "no event of anybody else arrived")
        self.check.that(all(set(e) == {"user", "item", "type", "value", "at"} for es in seen_events.values() for e in es),
                        "an event tells pseudonym, item, type, value and time, and nothing else")
        self.calls_as_consented(calls, set())
        self.check.equal(len(calls), 2 * len(self.shop.people), "the model was asked once for each answer")
        self.headers(self.first)
        whole = json.dumps(self.first).encode()
        markers = self.shop.markers
        leaked = leaks.Search([markers.id, markers.kept, markers.header]).find(whole)
        self.check.equal(leaked, [], "no raw id, no zip code or occupation without consent, no header of the app, in any form")
        # The search finds what is there: zip codes of those who agreed to tell them, where the format has a place for them.
        gorse = self.options.kind == "gorse"
        self.check.that(gorse != bool(leaks.Search([markers.told]).find(whole)),
                        "zip codes do not leave: gorse has no place for them" if gorse else "zip codes that may leave are found by the same search")
        self.figures.append(("requests at the model, bytes searched", f"{len(self.first):,}, {len(whole):,}"))

    def calls_as_consented(self, calls, withdrawn):
        """Every call to the model is exactly what its person agreed to, or says nothing about anybody."""
        wrong, anonymous = [], collections.Counter()
        for body in calls:
            if "user" not in body:
                anonymous[json.dumps(body, sort_keys=True)] += 1
                continue
            person = self.person_of.get(body["user"])
            if person is None or person.id in withdrawn or not as_consented(person, body, self.options.kind):
                wrong.append(body)
        self.check.equal(wrong, [], "each personal call holds exactly what that person agreed to")
        self.check.that(len(anonymous) == 1 and set(json.loads(next(iter(anonymous)))) == {"count"},
                        "all other calls are the same and say a count alone", anonymous)

    def headers(self, calls):
        names = {name for call in calls for name in call["headers"]}
        allowed = GORSE_HEADERS if self.options.kind == "gorse" else HEADERS
        self.check.that(names <= allowed, "no other header than the allowed ones", sorted(names - allowed))
        ids = [call["headers"]["x-request-id"] for call in calls if "x-request-id" in call["headers"]]
        self.check.equal(len(set(ids)), len(calls), "each request has an id of its own")

    # ------------------------------------------------------------------------------------------------ the price

    def same_lists(self):
        consenting = self.of(INDIVIDUAL)
        pseudonym = {person.id: user for user, person in self.person_of.items() if person}
        count = next(body["count"] for body in map(json.loads, (c["body"] for c in self.first if c["path"] == "/recommend")) if "user" in body)
        replayed = wire.Client(self.model("replayed"))
        for call in self.first:
            if call["path"] == "/events":
                replayed.must(200, "POST", "/events", call["body"])
        trained = replayed.must(200, "POST", "/__train")
        direct = {p.id: listed(replayed, pseudonym.get(p.id, "?"), count) for p in consenting}
        through = {p.id: [item["id"] for item in self.exact[p.id]["items"]] for p in consenting}
        other = [number for number in direct if direct[number] != through[number]]
        self.check.equal(len(other), 0, f"the lists of all {len(consenting)} are those of the same model trained directly")
        raw = wire.Client(self.model("raw"))
        self.on_raw_ids(raw, consenting)
        same_people = {p.id: listed(raw, p.id, count) for p in consenting}
        self.on_raw_ids(raw, [person for person in self.shop.people if person.group != INDIVIDUAL])
        everybody = {p.id: listed(raw, p.id, count) for p in consenting}
        gentle = {p.id: [item["id"] for item in self.gentle[p.id]["items"]] for p in consenting}
        popular = {p.id: [item["id"] for item in self.exact[self.of(NOTHING)[0].id]["items"]] for p in consenting}
        judged = [person for person in consenting if person.relevant()]
        self.figures.append(("model trained on: people, items, events", f"{trained['users']}, {trained['items']}, {trained['events']:,}"))
        self.figures.append(("people judged (with a liked item held out)", f"{len(judged)}"))
        for name, lists in [("through the gateway, diversity 0", through), ("same model, captured events, no gateway", direct),
                            ("through the gateway, gentle", gentle), ("trained on raw ids of the same people", same_people),
                            ("trained on raw ids of all 943", everybody), ("the list that people without consent get", popular)]:
            score = statistics.mean(people.ndcg(lists[person.id], person.relevant()) for person in judged)
            self.figures.append((f"nDCG@10, {name}", f"{score:.4f}"))
        alike = sum(same_people[p.id] == through[p.id] for p in consenting)
        self.figures.append(("lists that a model on raw ids would give alike", f"{alike} of {len(consenting)}"))
        changed = statistics.mean(len(set(gentle[p.id]) - set(through[p.id])) for p in consenting)
        self.figures.append(("items of ten that gentle exchanges, mean", f"{changed:.2f}"))
        breadth = [self.gentle[p.id]["diversity"]["ild"] for p in consenting if self.gentle[p.id]["diversity"]]
        if breadth:
            ild = " -> ".join(f"{statistics.mean(b[word] for b in breadth):.3f}" for word in ("before", "after"))
            self.figures.append(("mean distance of tags in a list, gentle", ild))

    def on_raw_ids(self, model, whose):
        for person in whose:
            model.must(200, "POST", "/events", {"events": [{"user": person.id, "item": item, "type": "rating", "value": rating}
                                                           for item, rating, _ in person.train]})
        model.must(200, "POST", "/__train")

    # ------------------------------------------------------------------------------------------------ withdrawal

    def withdraw(self):
        consenting = self.of(INDIVIDUAL)
        leaving = consenting[::2]
        withdrawn = {person.id for person in leaving}
        before, acknowledged = len(self.seen()), 0
        for answer in wire.in_threads(lambda p: self.app.must(201, "POST", "/v1/consents", wire.act(p.id, RECOMMEND, "withdraw")), leaving, THREADS):
            acknowledged += bool(answer["receipt"] and answer["log"])
        # From here on every withdrawal is acknowledged.
        self.check.equal(acknowledged, len(leaving), "each withdrawal has a receipt and a durable row")
        again = self.ask(0, withdrawn)
        late = [self.app.must(202, "POST", "/v1/events", {"events": [{"subject": {"id": p.id}, "type": "view", "item": p.train[0][0]}]}) for p in leaving]
        self.check.equal(sum(answer["forwarded"] for answer in late), 0, "no event of a withdrawn person is forwarded")
        stay = [person for person in consenting if person.id not in withdrawn]
        same = [p for p in stay if [i["id"] for i in again[p.id]["items"]] == [i["id"] for i in self.exact[p.id]["items"]]]
        self.check.equal(len(same), len(stay), "the lists of those who stay are what they were")
        old = {user for user, person in self.person_of.items() if person and person.id in withdrawn}
        after = self.forgotten(before, old)
        forgets = [json.loads(call["body"]) for call in after if call["path"] == "/forget"]
        self.check.that(all(set(body) == {"user"} for body in forgets), "a deletion request names a pseudonym and nothing else")
        self.check.equal({body["user"] for body in forgets}, old, "the deletion request of each withdrawn person arrived, and no other")
        rest = [call for call in after if call["path"] != "/forget"]
        self.check.that(not any(user in json.dumps(call) for call in rest for user in users(call) & old), "no other call names a withdrawn person")
        self.check.equal({user for call in rest for user in users(call)} - set(self.person_of), set(), "no new pseudonym appeared")
        self.check.equal([call["path"] for call in rest if call["path"] not in ("/recommend", "/items")], [], "nothing but recommendation calls followed")
        self.calls_as_consented([json.loads(call["body"]) for call in rest if call["path"] == "/recommend"], withdrawn)
        self.headers(after)
        markers = self.shop.markers
        leaked = leaks.Search([markers.id, markers.kept, markers.header]).find(json.dumps(after).encode())
        self.check.equal(leaked, [], "again no raw id, zip code, occupation or header in any form")
        self.figures.append(("withdrawn, deletion requests that arrived", f"{len(leaving)}, {len(forgets)}"))

    def forgotten(self, before, old):
        """What arrived since `before`, once the deletion requests have, or after a minute."""
        deadline = time.monotonic() + 60
        while True:
            after = self.seen()[before:]
            told = {user for call in after if call["path"] == "/forget" for user in users(call)}
            if told >= old or time.monotonic() > deadline:
                return after
            time.sleep(0.5)

    # ------------------------------------------------------------------------------------------------ on disk

    def on_disk(self, gateway):
        status = gateway.end()
        self.check.equal(status, 0, "the gateway ends in order")
        markers = self.shop.markers
        search = leaks.Search([markers.id, markers.told, markers.kept, markers.header])
        found, size, number = [], 0, 0
        pseudonyms = {user.encode() for user in self.person_of}
        for path in leaks.files_under(*(os.path.join(self.work, name) for name in ("data", "keys")), self.log):
            data = leaks.read(path)
            size, number = size + len(data), number + 1
            found += [(os.path.relpath(path, self.work), *where) for where in search.find(data)]
            if pseudonyms.intersection(PSEUDONYM.findall(data.rstrip(b"\0"))):
                found.append((os.path.relpath(path, self.work), "a pseudonym"))
        self.check.equal(found, [], "no id, zip code, occupation, header or pseudonym in any file or log line")
        self.check.equal(set(PSEUDONYM.findall(json.dumps(self.first).encode())) & pseudonyms, pseudonyms, "pseudonyms are found by the same search")
        self.check.that(number > 3 and size > 100_000, "there were files to search", (number, size))
        self.figures.append(("files searched, MB", f"{number}, {size / 1e6:.1f}"))


def in_json(call):
    """A call in Gorse's format as the same call of the `json` protocol, with itself in it; what is neither stays as it is."""
    method, path, body = call["method"], call["path"], call["body"]
    path, _, query = path.partition("?")
    count = {"count": int(query[2:])} if re.fullmatch(r"n=[0-9]+", query) else {"query": query}
    words = {"UserId": "user", "ItemId": "item", "FeedbackType": "type", "Value": "value", "Timestamp": "at"}
    if method == "GET" and path.startswith("/api/recommend/") and not body:
        path, said = "/recommend", {"user": path.rsplit("/", 1)[1], **count}
    elif (method, path, body) == ("GET", "/api/latest", ""):
        path, said = "/recommend", count
    elif (method, path) == ("PUT", "/api/feedback"):
        path, said = "/events", {"events": [{words.get(k, k): v for k, v in row.items()} for row in json.loads(body)]}
    elif (method, path) == ("POST", "/api/items"):
        path, said = "/items", {"items": json.loads(body)}
    elif method == "DELETE" and path.startswith("/api/user/") and not body + query:
        path, said = "/forget", {"user": path.rsplit("/", 1)[1]}
    else:
        return call
    return {**call, "method": "POST", "path": path, "body": json.dumps(said), "raw": call}


def as_consented(person, body, kind="json"):
    if kind == "gorse":
        return set(body) == {"user", "count"}
    expected = {"user", "count"}
    if person.tells_seeds:
        expected.add("seed_items")
    if person.detail != "none":
        expected.add("context")
    if set(body) != expected:
        return False
    if person.tells_seeds and body["seed_items"] != [person.train[-1][0]]:
        return False
    told = body.get("context", {})
    if person.detail == "fine":
        return told == {"demographics": person.demographics}
    if person.detail == "coarse":
        return set(told) == {"demographics"} and set(told["demographics"]) == {"age_band"} \
            and str(person.demographics["birth_year"]) not in json.dumps(told)
    return True


def listed(model, user, count):
    return [item["id"] for item in model.must(200, "POST", "/recommend", {"user": user, "count": count})["items"]][:COUNT]


def users(call):
    """The pseudonyms that a captured call names."""
    body = json.loads(call["body"])
    return {entry["user"] for entry in (body, *body.get("events", ())) if "user" in entry}


def fingerprint(events):
    return tuple(sorted((item, float(value), int(at)) for item, value, at in events))


def rfc3339(at):
    return datetime.datetime.fromtimestamp(at, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def seconds(at):
    return datetime.datetime.fromisoformat(at.replace("Z", "+00:00")).timestamp()


def self_test():
    leaks.self_test()
    people.self_test()
    assert seconds(rfc3339(1_700_000_000)) == 1_700_000_000 == seconds("2023-11-14T22:13:20.000Z")
    assert fingerprint([("b", 3, 2), ("a", 3.0, 1.0)]) == fingerprint([("a", 3, 1), ("b", 3.0, 2)])
    person = people.Person(1, "p", 30, {"birth_year": 1990, "zip_code": "z"}, train=[("i", 3, 1)])
    assert as_consented(person, {"user": "u", "count": 1})
    assert not as_consented(person, {"user": "u", "count": 1, "context": {"demographics": {"age_band": "30-39"}}})
    person.detail, person.tells_seeds = "coarse", True
    call = {"user": "u", "count": 1, "seed_items": ["i"], "context": {"demographics": {"age_band": "30-39"}}}
    assert as_consented(person, call)
    assert not as_consented(person, call | {"context": {"demographics": {"age_band": "1990-1990"}}})
    assert not as_consented(person, call | {"context": {"demographics": {"age_band": "30-39", "zip_code": "z"}}})
    person.detail = "fine"
    assert not as_consented(person, call) and as_consented(person, call | {"context": {"demographics": person.demographics}})
    assert users({"body": '{"events":[{"user":"a"},{"user":"b"}]}'}) == {"a", "b"} and users({"body": '{"count":3}'}) == set()
    call = {"method": "GET", "path": "/api/recommend/pabc?n=9", "body": "", "headers": {}}
    assert json.loads(in_json(call)["body"]) == {"user": "pabc", "count": 9} and in_json(call)["raw"] == call
    assert "query" in in_json(call | {"path": "/api/latest?n=9&user-id=u"})["body"]
    assert in_json(call | {"path": "/api/users"}) == call | {"path": "/api/users"}
    print("self-test: ok")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model-server", default=os.environ.get("CONSENTRY_MODEL_SERVER"), metavar="DIR")
    parser.add_argument("--real", default=os.environ.get("CONSENTRY_REAL"), metavar="CACHE_DIR")
    parser.add_argument("--binary", default=os.environ.get("CONSENTRY_BINARY"), metavar="PATH")
    parser.add_argument("--kind", choices=["json", "gorse"], default="json", help="what the model is spoken to in")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--work", metavar="DIR", help="an empty folder that is kept; a temporary one by default")
    parser.add_argument("--self-test", action="store_true")
    return parser.parse_args()


def missing(options):
    """What the loop needs and cannot find."""
    needed = [(options.model_server, "model_server.py", "--model-server"), (options.real, "venv/bin/uvicorn", "--real"),
              (options.real, "ml-100k/ml-100k.inter", "--real"), (options.binary, "", "--binary")]
    return [f"{flag}: {os.path.join(folder or '(not given)', file)}" for folder, file, flag in needed
            if not folder or not os.path.exists(os.path.join(folder, file) if file else folder)]


def main():
    options = arguments()
    if options.self_test:
        return self_test()
    if absent := missing(options):
        print("SKIPPED: the real loop was not run, since these are not there:\n  " + "\n  ".join(absent), file=sys.stderr)
        sys.exit(SKIPPED)
    if options.work:
        os.makedirs(options.work)
        return tell(options, os.path.abspath(options.work))
    with tempfile.TemporaryDirectory(prefix="real-loop-") as work:
        tell(options, work)


def tell(options, work):
    options.binary = os.path.abspath(options.binary)
    loop = Loop(options, work)
    try:
        loop.run()
    finally:
        for running in loop.running:
            running.end()
    width = max(len(name) for name, _ in loop.figures)
    print("\n" + "\n".join(f"{name:<{width}}  {figure}" for name, figure in loop.figures))
    print(f"\n{loop.check.passed} checks passed, {len(loop.check.failed)} failed, {time.monotonic() - loop.began:.0f} s, seed {options.seed}")
    if loop.check.failed:
        sys.exit(1)


if __name__ == "__main__":
    main()

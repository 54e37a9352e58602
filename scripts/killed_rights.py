"""Requests and erasures in a load that is killed: what was acknowledged of them stands, and what they owe to others is done."""
import json
import time
import uuid

import client as wire
from gateway import RECOMMEND

# How long recipients and controllers are waited for after the last start, in seconds.
SETTLED_WITHIN = 120


class Broken(Exception):
    """Something that was promised does not hold."""


class Asked:
    """A request, and how it was acknowledged to stand."""

    def __init__(self, answer):
        # Of somebody of whom nothing is held it is completed.
        self.name, self.state, self.pending = answer["id"], answer["status"], None


class Gone:
    """Somebody who comes, is recommended to, and is erased: by the app, or by a controller's order."""

    def __init__(self, name, order=None):
        self.name, self.order, self.begun, self.certificate, self.acknowledged = name, order, False, None, False


class Rights:
    """What is asked by right in all lives of a gateway."""

    def __init__(self, loop):
        self.loop, self.asked, self.gone, self.all_gone, self.told = loop, [], [], [], {}

    def ask(self, person, call, chance):
        """Somebody asks for an explanation, and half of them think better of it."""
        body = {"type": "explanation", "subject": {"id": person.name}, "statement": f"Why? {self.loop.mark()}", "identity": verified()}
        answer = call("requests", "POST", "/v1/rights/requests", body)
        if answer.status != 202:
            raise Broken(f"a request was answered {answer}")
        asked = Asked(answer.json())
        self.asked.append(asked)
        if asked.state == "in_progress" and chance.random() < 0.5:
            asked.pending = "cancelled"
            taken_back = call("requests taken back", "POST", f"/v1/rights/requests/{asked.name}/cancel", {})
            if taken_back.status != 200:
                raise Broken(f"a request was not taken back: {taken_back}")
            asked.state, asked.pending = "cancelled", None

    def erase(self, call, chance):
        """Somebody new is erased."""
        gone = Gone(f"gone-{self.loop.mark()}@example.com", str(uuid.uuid4()) if chance.random() < 0.5 else None)
        if call("acts", "POST", "/v1/consents", wire.give(gone.name, RECOMMEND, self.loop.notice)).status != 201:
            raise Broken("a consent was not taken")
        call("recommendations", "POST", "/v1/recommendations", {"subject": {"id": gone.name}, "purpose": RECOMMEND, "count": 3})
        gone.begun = True
        self.gone.append(gone)
        if gone.order:
            # Not of the answer: that a controller is told of it is the callback's matter.
            acknowledged = call("orders of erasure", "POST", "/opendsr/v2/requests", self.order(gone)).status == 201
        else:
            body = {"type": "erasure", "subject": {"id": gone.name}, "identity": verified()}
            answer = call("erasures", "POST", "/v1/rights/requests", body)
            acknowledged = answer.status == 202
            gone.certificate = answer.json().get("certificate")
        if not acknowledged:
            raise Broken(f"the erasure of {gone.name} was not taken")
        gone.acknowledged = True

    def order(self, gone):
        identity = {"identity_type": "controller_customer_id", "identity_value": gone.name, "identity_format": "raw"}
        return {"regulation": "gdpr", "subject_request_id": gone.order, "subject_request_type": "erasure", "api_version": "2.0",
                "submitted_time": now(), "subject_identities": [identity],
                "status_callback_urls": [f"http://127.0.0.1:{self.loop.model.port}/callback"]}

    def stand(self):
        """Whether everything of the life that ended is as it was acknowledged."""
        app = self.loop.gateway.app
        for asked in self.asked:
            found = app.must(200, "GET", f"/v1/rights/requests/{asked.name}")["status"]
            if found not in {asked.state, asked.pending or asked.state}:
                raise Broken(f"a request was acknowledged as {asked.state}, under way {asked.pending}, found {found}")
        for gone in self.gone:
            body = {"subject": {"id": gone.name}, "purpose": RECOMMEND, "count": 3}
            tier = app.must(200, "POST", "/v1/recommendations", body)["tier"]
            if gone.acknowledged and tier != "none":
                raise Broken(f"{gone.name}, who was erased, was answered at tier {tier}")
            if gone.certificate:
                app.must(200, "GET", f"/v1/rights/certificates/{gone.certificate}")
        self.all_gone += [gone for gone in self.gone if gone.acknowledged]
        self.asked, self.gone = [], []

    def hears(self, path, body):
        """What the model's port is told: a callback stands for its order."""
        if path == "/callback":
            said = json.loads(body)
            self.told[said["subject_request_id"]] = said["request_status"]

    def settle(self):
        """Waits until every recipient has confirmed and every controller has been told."""
        app, deadline = self.loop.gateway.app, time.monotonic() + SETTLED_WITHIN
        waiting = list(self.all_gone)
        while waiting:
            self.loop.listen()
            waiting = [gone for gone in waiting if not (self.is_told(gone) if gone.order else self.is_confirmed(app, gone))]
            if waiting and time.monotonic() > deadline:
                raise Broken(f"{len(waiting)} of {len(self.all_gone)} erasures are not settled: order {waiting[0].order}, "
                             f"certificate {waiting[0].certificate}")
            time.sleep(0.1)
        return len(self.all_gone)

    def is_told(self, gone):
        return self.told.get(gone.order) == "completed"

    @staticmethod
    def is_confirmed(app, gone):
        certificate = app.must(200, "GET", f"/v1/rights/certificates/{gone.certificate}")
        return bool(certificate["recipients"]) and all(recipient["state"] == "confirmed" for recipient in certificate["recipients"])


def now():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def verified():
    """That an app has confirmed who asks, a minute ago."""
    return {"method": "session", "verified_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 60))}

"""What schemathesis cannot know from the document: tokens, what this one gateway's catalogue holds, and NDJSON.

A case that follows the document is completed with names of the running gateway: which purposes it has, which notice is
in force. What breaks the document is sent as it was made.
"""
import datetime
import itertools
import json
import os

import schemathesis

# What `consentry demo --json` said.
with open(os.environ["CONSENTRY_TOLD"]) as told:
    TOLD = json.load(told)
# What GET /v1/purposes said, and a problem's name.
with open(os.environ["CONSENTRY_PURPOSES"]) as shown:
    PURPOSES = {purpose["id"]: purpose for purpose in json.load(shown)["purposes"]}
PERSON = next(person for person in TOLD["people"] if person["consents"])

TOKENS = {"self": PERSON["self_token"], "operate": TOLD["operator_token"], "audit:read": TOLD["auditor_token"]}
OURS = {*TOKENS.values(), TOLD["app_token"]}
NDJSON = "application/x-ndjson"
# Purposes that rest on consent; acts on others are conflicts, which the document describes.
CONSENTED = [name for name, purpose in PURPOSES.items() if purpose["basis"] == "consent"]
# A key names one call: each has its own.
KEYS = (f"call-{number}" for number in itertools.count())
CONTEXT = {"location": {"lat": 37.5, "lon": 127.0}, "device": {"type": "mobile"}, "weather": {"sky": "rain"}}


def scopes(operation):
    """The scopes that the document asks for, the first way in first."""
    ways = operation.definition.raw.get("security") or []
    return [scope for way in ways for scope in way.get("bearer", [])]


def follows(case):
    return case.meta is not None and case.meta.generation.mode.is_positive


def about_nobody(case):
    """Whether the body leaves the person out, as a person's own call does."""
    return isinstance(case.body, dict) and case.body.get("subject") is None


def token(case):
    wanted = scopes(case.operation)
    if "self" in wanted and (len(wanted) == 1 or (about_nobody(case) and follows(case))):
        return TOKENS["self"]
    return next((TOKENS[scope] for scope in wanted if scope in TOKENS and scope != "self"), TOLD["app_token"])


@schemathesis.auth(refresh_interval=None, cache_by_key=lambda case, context: token(case))
class Bearer:
    def get(self, case, context):
        return token(case)

    def set(self, case, data, context):
        case.headers["Authorization"] = f"Bearer {data}"


def pick(known, name):
    """One of `known`, always the same for one name."""
    known = sorted(known)
    return name if name in known else known[sum(str(name).encode()) % len(known)]


def future(text):
    return "2090-01-01T00:00:00Z" if text is not None else None


def past(text):
    now = datetime.datetime.now(datetime.timezone.utc)
    return None if text is None else (now - datetime.timedelta(hours=1)).isoformat()


def soon():
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)).isoformat()


def fit(value):
    """JSON Schema counts characters where the gateway counts bytes: what is not ASCII is kept short."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode()[:64].decode(errors="ignore") or "-"
    if isinstance(value, list):
        return [fit(each) for each in value]
    return {fit(key): fit(each) for key, each in value.items()} if isinstance(value, dict) else value


def complete_call(body):
    body["purpose"] = pick(PURPOSES, body.get("purpose"))
    if body.get("context") is not None:
        body["context"] = CONTEXT


def complete_act(body):
    purpose = body["purpose"] = pick(CONSENTED, body.get("purpose"))
    known = {category["id"] for category in PURPOSES[purpose]["categories"]}
    kept = []
    for category in body.get("categories", []):
        name = category["id"] if isinstance(category, dict) else category
        name = pick(known, name)
        # Not each category has a coarse form, and none is named twice.
        if name not in {one["id"] if isinstance(one, dict) else one for one in kept}:
            kept.append({**category, "id": name, "detail": "fine"} if isinstance(category, dict) else name)
    if "categories" in body:
        body["categories"] = kept
    if body.get("action") == "give" or body.get("notice"):
        body["notice"] = {"snapshot": PURPOSES[purpose]["notice"]["snapshot"]}
    if "expires_at" in body:
        body["expires_at"] = future(body["expires_at"])
    if body.get("subject") is None:
        # Only an app speaks for guardians.
        body.pop("guardian", None)
    else:
        complete_age(body["subject"])


def complete_age(body):
    """The day on which somebody turns 14 is within the next 14 years."""
    if body.get("under_14_until") is not None:
        body["under_14_until"] = soon()[:10]


def complete_guardian(body):
    complete_age(body)
    body["verification"]["verified_at"] = past("-")


def complete_events(body):
    for event in body["events"]:
        if "at" in event:
            event["at"] = past(event["at"])


def complete_rules(body):
    if body.get("categories_off"):
        body["categories_off"] = [pick(CONTEXT, name) for name in body["categories_off"]]
    if body.get("private_until") is not None:
        # A private session lasts a day at most.
        body["private_until"] = soon()


def complete_own(body):
    """An act on what is held: a purpose of the catalogue, and times that are past."""
    if body.get("purpose") is not None:
        body["purpose"] = pick(CONSENTED, body["purpose"])
    if "from" in body:
        body["from"], body["to"] = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"


def complete_export(body):
    body["encrypt_to"] = {"passphrase": "correct horse battery"}
    body["form"] = "json"


def complete_erasure(body):
    body["confirm"] = True


def complete_explanation(body):
    # One of the two names an answer.
    body.pop("log", None)
    body["recommendation_id"] = body.get("recommendation_id") or "e3e70682-c209-4cac-a29f-6fbed82c07cd"


def complete_request(body):
    """What is asked for by right; each kind has members of its own, so a case is one kind."""
    kept = {"type": "access", "statement": body.get("statement") or "-"}
    if body.get("subject") is not None:
        kept["subject"] = body["subject"]
    body.clear()
    body.update(kept)


def complete_rights_request(body):
    body.setdefault("subject", {"id": "user-4395"})
    if body["subject"] is None:
        body["subject"] = {"id": "user-4395"}
    complete_request(body)


def complete_own_request(body):
    body.pop("subject", None)
    complete_request(body)


def complete_identity(body):
    body["identity"] = {"method": "session", "verified_at": past("-")}


# A word for each filter of the auditor's reads: those of vocabularies.
WORDS = {"outcome": "none", "purpose": CONSENTED[0], "recipient": "-", "reason": "consented", "policy": "current",
         "against": "current"}


def complete_query(query):
    for name in ("kind", "recipient", "language", "purpose"):
        # No name is empty.
        if query.get(name) in ("", [""]):
            query.pop(name)
    if query.get("language"):
        query["language"] = "en"
    if query.get("kind"):
        query["kind"] = "person"
    for name, word in WORDS.items():
        if query.get(name):
            query[name] = [word] if isinstance(query[name], list) else word
    # An earlier answer's cursor is good for that call's parameters alone.
    query.pop("cursor", None)
    if query.get("from") is not None:
        query["from"] = past(query["from"])
    if query.get("until") is not None:
        query["until"] = future(query["until"])


COMPLETE = {"recommend": complete_call, "preview_recommendations": complete_call, "recommend_batch": complete_call,
            "record_consent": complete_act, "record_guardian": complete_guardian, "send_events": complete_events,
            "change_own_rules": complete_rules,
            "erase_oneself": complete_erasure, "export_own_encrypted": complete_export, "forget_own": complete_own,
            "reset_own": complete_own, "request_by_right": complete_own_request,
            "request_for_a_person": complete_rights_request, "confirm_request": complete_identity,
            "explain_own_decision": complete_explanation}


@schemathesis.hook
def before_call(context, case, kwargs):
    if not follows(case):
        return
    name = case.operation.definition.raw.get("operationId")
    if isinstance(case.body, dict):
        case.body = fit(case.body)
    if case.path_parameters:
        case.path_parameters.update(fit(dict(case.path_parameters)))
    if name in COMPLETE and isinstance(case.body, dict):
        COMPLETE[name](case.body)
    if case.query and case.operation.path.startswith(("/v1/audit/", "/v1/me/")):
        complete_query(case.query)
        if case.operation.path.startswith("/v1/me/"):
            # A recipient that was never asked is no filter.
            case.query.pop("recipient", None)
    if name == "put_item" and isinstance(case.body, dict):
        # The id of the path is the id.
        case.body.pop("id", None)
    if name == "put_items" and isinstance(case.body, dict):
        case.body.setdefault("id", "tv-178")
        if case.body["id"] is None:
            case.body["id"] = "tv-178"
    if (case.headers or {}).get("Authorization", "").removeprefix("Bearer ") in OURS:
        # A link may have put a person into the body since the token was chosen.
        case.headers["Authorization"] = f"Bearer {token(case)}"
    if (case.headers or {}).get("Idempotency-Key") is not None:
        case.headers["Idempotency-Key"] = next(KEYS)
    if name == "read_problem":
        case.path_parameters["slug"] = "invalid-body"


@schemathesis.serializer(NDJSON)
def one_line(context, value):
    return value if isinstance(value, bytes) else json.dumps(value).encode() + b"\n"


@schemathesis.deserializer(NDJSON)
def lines(context, response):
    """The one line there is, or a list of several, which the document does not describe."""
    read = [json.loads(line) for line in response.content.splitlines() if line]
    return read[0] if len(read) == 1 else read


@schemathesis.check
def bad_lines_are_refused(context, response, case):
    """A batch answers 200; a line that breaks the document is answered by a problem on its line."""
    if case.operation.definition.raw.get("operationId") != "recommend_batch" or response.status_code != 200:
        return
    answers = [json.loads(line) for line in response.content.splitlines() if line]
    broken = case.meta is not None and case.meta.generation.mode.is_negative and not isinstance(case.body, bytes)
    if broken and getattr(case.meta.phase.data, "parameter_location", None) is not None:
        broken = case.meta.phase.data.parameter_location.name == "BODY"
    for answer in answers:
        assert not broken or answer.get("type", "").startswith("/problems/"), f"a bad line was answered: {answer}"
        assert broken or "items" in answer, f"a good line was refused: {answer}"

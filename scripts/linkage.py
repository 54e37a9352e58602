#!/usr/bin/env python3
"""What a log gives away without keys: whether two rows are of one person.

  linkage.py --binary PATH [--people 500] [--decisions 10000] [--seed N] [--alarm 2.576]

A gateway is called by people who stand differently to the purpose; each answer names its row, so whose row it is is known
here and nowhere in the log. From the published bundles alone:
  - no tag, nonce or commitment may come twice, and no leaf may have another field than the documented ones;
  - a classifier that sees only tag, nonce and commitment of two decisions with equal clear fields must not tell whether they
    are of one person: the 99 % interval of its AUC must hold 0.5;
  - the same with all fields, on any two decisions, is told as residual linkage: what minute, purpose, outcome and reason give away.

The classifier weighs each bit in which two rows differ by how often it differs between rows of one person and of two (naive
Bayes). It learns on half of the people and is tried on the others; each row is in one pair of the trial, so that pairs are
independent and the interval is that of Hanley and McNeil (Radiology 143, 1982). With all fields the words of both rows count
too. Ends with status 1 if the log gives away more than it may: by chance alone once in a hundred runs. `--alarm` says how many standard
errors are too many; 4, by chance once in 16,000 runs, is for a check that runs at every change.
"""
import argparse
import base64
import itertools
import json
import math
import os
import random
import shutil
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import client as wire  # noqa: E402
from gateway import RECOMMEND, Gateway  # noqa: E402

KEYED, CLEAR = ("c", "n", "y"), ("e", "g", "o", "p", "r", "s", "t", "u", "v")
SOMETIMES = {"kc", "prev", "rows", "voc"}
THREADS = 12
# The quantile of the normal distribution that leaves half a percent above.
Z99 = 2.576


def asked(gateway, options, chance):
    """Calls for everybody in a random order; returns the person of each row, by its index."""
    notice = wire.snapshot(gateway.app, RECOMMEND)
    people = [f"linked-{n}@example.com" for n in range(options.people)]
    for n, person in enumerate(people):
        if n % 4 < 2:
            gateway.app.must(201, "POST", "/v1/consents", wire.give(person, RECOMMEND, notice))
        elif n % 4 == 2:
            gateway.app.must(201, "POST", "/v1/consents", wire.act(person, RECOMMEND, "refuse"))
    order = [person for person in people for _ in range(options.decisions // options.people)]
    chance.shuffle(order)
    whose = {}

    def ask(person):
        body = {"subject": {"id": person}, "purpose": RECOMMEND, "count": 3}
        whose[gateway.app.must(200, "POST", "/v1/recommendations", body)["log"]["index"]] = person

    wire.in_threads(ask, order, THREADS)
    return whose


def published(gateway, least):
    """The rows of the log, once a checkpoint counts at least so many."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        answer = gateway.app.call("GET", "/log/checkpoint")
        size = int(answer.body.split(b"\n")[1]) if answer.status == 200 else 0
        if size >= least:
            return [json.loads(row) for number in range(-(-size // 256)) for row in bundle(gateway, number, size)]
        time.sleep(0.2)
    raise RuntimeError("no checkpoint counts the rows of the answers")


def bundle(gateway, number, size):
    left = min(256, size - number * 256)
    groups = [f"{number % 1000:03}"]
    while number >= 1000:
        number //= 1000
        groups.insert(0, f"x{number % 1000:03}")
    path = "/log/tile/entries/" + "/".join(groups) + ("" if left == 256 else f".p/{left}")
    answer = gateway.app.call("GET", path)
    if answer.status == 404:
        # It became full meanwhile.
        answer = gateway.app.call("GET", path.split(".p/")[0])
    if answer.status != 200:
        raise RuntimeError(f"{path}: {answer}")
    rest, rows = answer.body, []
    while rest and len(rows) < left:
        end = 2 + int.from_bytes(rest[:2], "big")
        rows.append(rest[2:end])
        rest = rest[end:]
    return rows


def closed(rows):
    """Whether leaves have the documented fields alone, and no keyed field comes twice."""
    for row in rows:
        if not set(KEYED + CLEAR) <= set(row) <= set(KEYED + CLEAR) | SOMETIMES:
            sys.exit(f"FAIL a leaf has the fields {sorted(row)}")
    for field in KEYED:
        if len({row[field] for row in rows}) != len(rows):
            sys.exit(f"FAIL `{field}` comes twice")


def bits(row):
    raw = b"".join(base64.urlsafe_b64decode(row[field] + "==") for field in KEYED)
    return int.from_bytes(raw, "big"), len(raw) * 8


class Keyed:
    """What differs between the keyed fields of two rows."""

    def __init__(self, rows):
        self.bits, self.width = {row["n"]: bits(row)[0] for row in rows}, bits(rows[0])[1]

    def __call__(self, one, two):
        differ = self.bits[one["n"]] ^ self.bits[two["n"]]
        return [differ >> place & 1 for place in range(self.width)]


class All(Keyed):
    """The same with the clear fields: whether each is equal, and by how many minutes two rows are apart."""

    def __call__(self, one, two):
        apart = abs(one["t"] - two["t"]) // 60
        equal = [int(one[field] == two[field]) for field in CLEAR]
        # Which words they share counts: what few people are told says more.
        same = "-".join(one[field] for field in ("o", "r") if one[field] == two[field])
        return super().__call__(one, two) + equal + [int(apart <= 1), same]


class Bayes:
    """Naive Bayes on features of pairs, each a small value."""

    def __init__(self, of_one, of_two):
        self.weights = []
        for one, two in zip(zip(*of_one), zip(*of_two)):
            values = set(one) | set(two)
            self.weights.append({value: math.log((one.count(value) + 1) / (len(one) + len(values)))
                                 - math.log((two.count(value) + 1) / (len(two) + len(values))) for value in values})

    def score(self, features):
        return sum(weights.get(value, 0.0) for weights, value in zip(self.weights, features))


def auc(of_one, of_two):
    """The area under the ROC curve and the half width of its 99 % interval."""
    ranked = sorted([(score, 1) for score in of_one] + [(score, 0) for score in of_two])
    ranks, at = 0.0, 0
    for _, tied in itertools.groupby(ranked, key=lambda pair: pair[0]):
        tied = [which for _, which in tied]
        ranks += sum(tied) * (at + (len(tied) + 1) / 2)
        at += len(tied)
    m, n = len(of_one), len(of_two)
    area = (ranks - m * (m + 1) / 2) / (m * n)
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    error = math.sqrt((area * (1 - area) + (m - 1) * (q1 - area**2) + (n - 1) * (q2 - area**2)) / (m * n))
    return area, Z99 * error


def pairs(rows, whose, chance, is_alike):
    """Pairs of rows of one person and of two, each row in one pair at most; in each pair `is_alike` holds."""
    groups = {}
    for row in chance.sample(rows, len(rows)):
        groups.setdefault(is_alike(row), []).append(row)
    of_one, of_two = [], []
    for group in groups.values():
        half = len(group) // 2
        persons = {}
        for row in group[:half]:
            persons.setdefault(whose[row["n"]], []).append(row)
        for own in persons.values():
            of_one += list(zip(own[::2], own[1::2]))
        others = group[half:]
        of_two += [pair for pair in zip(others[::2], others[1::2]) if whose[pair[0]["n"]] != whose[pair[1]["n"]]]
    return of_one, of_two


def tried(rows, whose, chance, kind, is_alike):
    """The AUC of a classifier that learnt on some people, tried on the others."""
    people = sorted(set(whose.values()))
    chance.shuffle(people)
    known = set(people[: len(people) // 2])
    features = kind(rows)
    parts = []
    for is_known in (True, False):
        some = [row for row in rows if (whose[row["n"]] in known) == is_known]
        parts.append([[features(*pair) for pair in side] for side in pairs(some, whose, chance, is_alike)])
    learnt = Bayes(*parts[0])
    of_one, of_two = ([learnt.score(found) for found in side] for side in parts[1])
    area, half = auc(of_one, of_two)
    return area, half, len(of_one), len(of_two)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--people", type=int, default=500)
    parser.add_argument("--decisions", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--alarm", type=float, default=Z99)
    options = parser.parse_args()
    chance, work = random.Random(options.seed), tempfile.mkdtemp(prefix="consentry-linkage-")
    here = os.path.dirname(os.path.abspath(__file__))
    model = wire.Running([sys.executable, os.path.join(here, "fast_model.py")], os.path.join(work, "model.log"), heard=True)
    gateway = Gateway(options.binary, work, int(model.line()))
    try:
        gateway.start()
        places = asked(gateway, options, chance)
        rows = published(gateway, max(places) + 1)
    finally:
        gateway.stop()
        model.end()
    closed(rows)
    decisions = [rows[index] for index in places]
    whose = {rows[index]["n"]: person for index, person in places.items()}
    print(f"{len(rows)} rows, {len(decisions)} decisions of {options.people} people: no tag, nonce or commitment comes twice")
    alike = lambda row: tuple(row[field] for field in CLEAR)  # noqa: E731
    area, half, m, n = tried(decisions, whose, chance, Keyed, alike)
    print(f"tag, nonce and commitment, clear fields equal: AUC {area:.3f} ± {half:.3f} (99 %), {m} pairs of one person, {n} of two")
    rest, rest_half, m, n = tried(decisions, whose, chance, All, lambda row: row["e"])
    print(f"all fields, any two decisions: AUC {rest:.3f} ± {rest_half:.3f} (99 %), {m} pairs of one person, {n} of two: residual linkage")
    shutil.rmtree(work)
    if abs(area - 0.5) > half / Z99 * options.alarm:
        sys.exit("FAIL the keyed fields tell whose rows they are")


if __name__ == "__main__":
    main()

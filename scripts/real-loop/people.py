"""The people of MovieLens-100K as users of a shop: what they rated, what the shop knows of them, and what they agree to.

Everything is drawn from one seed. Three things are not as in the files, so that a search for them means something:
- ids are `person-<marker>-<number>`, since "196" stands in any data;
- occupations are `<occupation>-<marker>` and zip codes `<marker>-<number>`, for the same reason, each with one marker for those
  who agreed to tell it and another for those who did not;
- all times are moved by one span, so that the newest rating is an hour old.
A birth year has four digits and cannot be marked: where it went is read from the fields of each captured call.
"""
import csv
import datetime
import math
import os
import random
from dataclasses import dataclass, field

import leaks

INDIVIDUAL, POPULARITY, NOTHING = "individual", "popularity only", "nothing"
GENDERS = {"M": "male", "F": "female"}
# Whoever may still be 13 this year needs a guardian to agree; such people agree to nothing here.
OLDEST_CHILD = 14


@dataclass
class Person:
    number: int
    id: str
    age: int
    demographics: dict
    group: str = NOTHING
    detail: str = "none"
    tells_seeds: bool = False
    refuses: bool = False
    train: list = field(default_factory=list)
    held_out: list = field(default_factory=list)

    def categories(self):
        """What they agree to for recommendations, and how finely."""
        agreed = {"activity": "fine"}
        if self.tells_seeds:
            agreed["seed_items"] = "fine"
        if self.detail != "none":
            agreed["demographics"] = self.detail
        return agreed

    def relevant(self):
        """What they liked among what the model was not shown."""
        return {item for item, rating, _ in self.held_out if rating >= 4}


@dataclass(frozen=True)
class Markers:
    id: str
    told: str
    kept: str
    header: str


@dataclass
class Shop:
    people: list
    items: list
    markers: Markers


def read(folder, name):
    """The rows of a RecBole file, with plain column names."""
    with open(os.path.join(folder, f"ml-100k.{name}"), newline="", encoding="utf-8") as file:
        rows = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        head = [column.split(":")[0] for column in next(rows)]
        return [dict(zip(head, row)) for row in rows]


def split(ratings):
    """The first 80 % by time, and the rest."""
    ordered = sorted(ratings, key=lambda rating: (rating[2], rating[0]))
    cut = int(len(ordered) * 0.8)
    return ordered[:cut], ordered[cut:]


def draw_groups(people, draw):
    """60 % agree to recommendations and to being counted, 20 % to being counted, 20 % to nothing, half of whom say so."""
    adults = [person for person in people if person.age > OLDEST_CHILD]
    draw.shuffle(adults)
    individual, popularity = round(len(people) * 0.6), round(len(people) * 0.2)
    for place, person in enumerate(adults[:individual]):
        person.group, person.detail = INDIVIDUAL, ("none", "coarse", "fine")[place % 3]
        person.tells_seeds = draw.random() < 0.5
    for person in adults[individual:individual + popularity]:
        person.group = POPULARITY
    for place, person in enumerate(person for person in people if person.group == NOTHING):
        person.refuses = place % 2 == 0


def open_shop(folder, seed, now):
    draw = random.Random(seed)
    markers = Markers(*(leaks.marker(draw) for _ in range(4)))
    ratings = {}
    for row in read(folder, "inter"):
        ratings.setdefault(row["user_id"], []).append((row["item_id"], float(row["rating"]), int(float(row["timestamp"]))))
    moved = int(now) - 3600 - max(at for theirs in ratings.values() for _, _, at in theirs)
    year = utc_year(now)
    people, rows = [], sorted(read(folder, "user"), key=lambda row: int(row["user_id"]))
    for row in rows:
        number, age = int(row["user_id"]), int(row["age"])
        person = Person(number, f"person-{markers.id}-{number}", age, {"birth_year": year - age, "gender": GENDERS[row["gender"]]})
        theirs = [(item, rating, at + moved) for item, rating, at in ratings[row["user_id"]]]
        person.train, person.held_out = split(theirs)
        people.append(person)
    draw_groups(people, draw)
    for person, row in zip(people, rows):
        marker = markers.told if person.detail == "fine" else markers.kept
        person.demographics |= {"occupation": f"{row['occupation']}-{marker}", "zip_code": f"{marker}-{person.number}"}
    items = [{"id": row["item_id"], "tags": row["class"].split()} for row in read(folder, "item")]
    return Shop(people, items, markers)


def utc_year(now):
    return datetime.datetime.fromtimestamp(now, datetime.timezone.utc).year


def ndcg(listed, relevant, at=10):
    """Normalized discounted cumulative gain of a list, relevance being yes or no."""
    gain = sum(1 / math.log2(place + 2) for place, item in enumerate(listed[:at]) if item in relevant)
    ideal = sum(1 / math.log2(place + 2) for place in range(min(at, len(relevant))))
    return gain / ideal if ideal else 0.0


def self_test():
    assert ndcg(["a", "b"], {"a", "b"}) == 1 and ndcg(["x"], {"a"}) == 0 and ndcg([], set()) == 0
    # By hand: hits at places 2 and 4 of two relevant ones.
    by_hand = (1 / math.log2(3) + 1 / math.log2(5)) / (1 + 1 / math.log2(3))
    assert abs(ndcg(["x", "a", "y", "b"], {"a", "b"}) - by_hand) < 1e-12
    assert ndcg(["a"] + ["x"] * 9, {"a", *range(20)}) < 0.3
    train, held_out = split([("a", 5, 30), ("b", 4, 10), ("c", 3, 20), ("d", 1, 20), ("e", 2, 40)])
    assert [item for item, _, _ in train] == ["b", "c", "d", "a"] and [item for item, _, _ in held_out] == ["e"]
    people = [Person(n, f"p{n}", 7 if n < 11 else 30, {}) for n in range(943)]
    draw_groups(people, random.Random(1))
    sizes = [sum(p.group == group for p in people) for group in (INDIVIDUAL, POPULARITY, NOTHING)]
    assert sizes == [566, 189, 188], sizes
    assert all(p.group == NOTHING for p in people if p.age == 7) and sum(p.refuses for p in people) == 94
    assert {p.detail for p in people if p.group == INDIVIDUAL} == {"none", "coarse", "fine"}

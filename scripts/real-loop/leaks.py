"""Searches bytes for a text in the forms in which it could have been written.

Forms: UTF-8, UTF-16 (both orders), base64 (standard and URL alphabet, at each of the three alignments), hex (any case), and every
character percent-encoded. Letters are compared without case where the form allows it. Not found: what is compressed, encrypted,
reversed or cut into pieces.

A text is found by a marker that it holds, some letters drawn for one run, so that no other data can hold it by chance.
"""
import base64
import os
import random


def marker(draw: random.Random, length=10):
    """Letters that occur in nothing else: no vowels, so no word, and in one case, so that hex and base64 are searched rightly."""
    return "".join(draw.choice("bcdfghjkmnpqrstvwxz") for _ in range(length))


def forms(text):
    """Name and bytes of each form of `text`, and whether it is compared without case."""
    raw = text.encode()
    found = {("plain", raw, True), ("utf-16le", text.encode("utf-16-le"), True), ("utf-16be", text.encode("utf-16-be"), True),
             ("hex", raw.hex().encode(), True), ("url", "".join(f"%{byte:02x}" for byte in raw).encode(), True)}
    for shift in range(3):
        # What stands before the text fills `shift` bytes of its group of three. Letters that also depend on bytes before or
        # behind it are cut off.
        first = {0: 0, 1: 2, 2: 3}[shift]
        last = (shift + len(raw)) * 8 // 6
        for name, encode in (("base64", base64.b64encode), ("base64url", base64.urlsafe_b64encode)):
            found.add((f"{name}+{shift}", encode(b"\0" * shift + raw + b"\0\0")[first:last], False))
    return sorted(found)


class Search:
    """Looks for several texts at once."""

    def __init__(self, texts):
        self.needles = [(text, name, needle.lower() if folded else needle, folded) for text in texts for name, needle, folded in forms(text)]

    def find(self, data):
        """(text, form) of everything that `data` holds."""
        data = data.rstrip(b"\0")
        lower = data.lower()
        return [(text, name) for text, name, needle, folded in self.needles if needle in (lower if folded else data)]


def files_under(*folders):
    """Every file under the folders, or the folders themselves where they are files."""
    for folder in folders:
        if os.path.isfile(folder):
            yield folder
        for at, _, names in os.walk(folder):
            for name in sorted(names):
                yield os.path.join(at, name)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def self_test():
    """Each form is found at each alignment, behind and before anything; and nothing is found where nothing is."""
    draw = random.Random(7)
    for _ in range(200):
        secret = marker(draw)
        search = Search([secret])
        around = draw.randbytes(draw.randrange(9)), draw.randbytes(draw.randrange(9))
        whole = around[0] + b"person-" + secret.encode() + b"-17" + around[1]
        text = "x" * draw.randrange(9) + "person-" + secret + "-17"
        written = {"plain": whole, "upper": whole.upper(), "utf-16le": text.encode("utf-16-le"), "utf-16be": text.encode("utf-16-be"),
                   "hex": whole.hex().encode(), "HEX": whole.hex().upper().encode(),
                   "url": "".join(f"%{b:02X}" for b in whole).encode(), "base64": base64.b64encode(whole),
                   "base64url": base64.urlsafe_b64encode(whole), "unpadded": base64.b64encode(whole).rstrip(b"=")}
        for name, data in written.items():
            assert search.find(draw.randbytes(5) + data + draw.randbytes(5)), f"{name} is not found"
        assert not search.find(draw.randbytes(4096)), "found in noise"
        assert not search.find(base64.b64encode(draw.randbytes(4096))), "found in base64 of noise"

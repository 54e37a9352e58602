"""A recommendation model for trying things out: whoever met an item gets what shares categories with it.

  python3 model.py [PORT]          Python 3.8, nothing else. It prints every byte that it is sent.
"""
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

items, met = {}, {}


class Model(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        print("the model is sent", self.path, body.decode(), flush=True)
        asked, answer = json.loads(body), {}
        if self.path == "/items":
            items.update((item["id"], set(item["categories"])) for item in asked["items"])
        elif self.path == "/events":
            for event in asked["events"]:
                met.setdefault(event["user"], set()).add(event["item"])
        elif self.path == "/forget":
            met.pop(asked["user"], None)
        elif self.path == "/recommend":
            liked = set().union(*(items.get(item, set()) for item in met.get(asked.get("user"), set())))
            ranked = sorted(items, key=lambda item: -len(items[item] & liked))[: asked["count"]]
            answer = {"items": [{"id": item, "score": 1.0 + len(items[item] & liked)} for item in ranked]}
        sent = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1]) if sys.argv[1:] else 18090), Model).serve_forever()

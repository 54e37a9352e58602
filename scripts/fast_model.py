#!/usr/bin/env python3
"""A model that costs as little as Python can: it answers each call with the same hundred items. Prints its port."""
import asyncio
import json

BODY = json.dumps({"items": [{"id": f"item-{n}", "score": 1 - n / 1000, "categories": [f"tag-{n % 12}"]} for n in range(100)]}).encode()
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)


class Calls(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.kept = transport, b""

    def data_received(self, data):
        self.kept += data
        while True:
            head, found, rest = self.kept.partition(b"\r\n\r\n")
            if not found:
                return
            length = next((int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
            if len(rest) < length:
                return
            self.kept = rest[length:]
            self.transport.write(ANSWER)


async def main():
    server = await asyncio.get_running_loop().create_server(Calls, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        pass

#!/usr/bin/env python3
"""Stands between a client and an S3 store on this machine, and counts.

    tools/bench/store_in_between.py PORT STORE_PORT COUNTS [alone]

Each request waits as many milliseconds as the file COUNTS.delay says (default 0) before it goes on.
The file COUNTS has the number of requests since it was last removed, the bytes of their bodies and
those of the answers. With `alone`, a list shows no announcement of a push but those that were
written through here.
"""
import http.client
import os
import re
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

port, store, counts = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
alone = sys.argv[4:] == ["alone"]
own = set()
listed = re.compile(rb"<Contents>(?:(?!</Contents>).)*?dvol/announce/([^<]*)</Key>.*?</Contents>", re.S)
lock = threading.Lock()


def count(sent, received):
    with lock:
        try:
            with open(counts) as file:
                before = [int(word) for word in file.read().split()]
        except OSError:
            before = [0, 0, 0]
        now = [before[0] + 1, before[1] + sent, before[2] + received]
        with open(counts + ".new", "w") as file:
            file.write(" ".join(map(str, now)))
        os.replace(counts + ".new", counts)


def delay():
    try:
        with open(counts + ".delay") as file:
            time.sleep(int(file.read()) / 1000)
    except OSError:
        pass


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_one(self):
        body = b""
        length = int(self.headers.get("Content-Length", 0))
        try:
            while len(body) < length:
                part = self.rfile.read(min(length - len(body), 1 << 20))
                if not part:
                    break
                body += part
            if len(body) < length:
                # The client died: what it sent counts, and does not arrive.
                count(len(body), 0)
                self.close_connection = True
                return
            delay()
            connection = http.client.HTTPConnection("127.0.0.1", store)
            headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            data = answer.read()
            if alone and "/dvol/announce/" in self.path and self.command == "PUT":
                own.add(self.path.split("/dvol/announce/")[1].split("?")[0].encode())
            elif alone and "list-type=2" in self.path:
                data = listed.sub(lambda found: found[0] if found[1] in own else b"", data)
            count(length, len(data))
            self.send_response_only(answer.status, answer.reason)
            for name, value in answer.getheaders():
                if name.lower() not in ("connection", "transfer-encoding", "content-length"):
                    self.send_header(name, value)
            shown = answer.getheader("Content-Length") if self.command == "HEAD" else None
            self.send_header("Content-Length", shown or str(len(data)))
            self.end_headers()
            self.wfile.write(data)
            connection.close()
        except OSError:
            self.close_connection = True

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_one

    def log_message(self, *_):
        pass


ThreadingHTTPServer.daemon_threads = True
ThreadingHTTPServer.request_queue_size = 256
ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()

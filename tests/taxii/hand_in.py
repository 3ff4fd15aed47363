"""Hands an envelope to an inbox with OASIS's own client and prints what became of it.

hand_in.py DISCOVERY_URL TOKEN COLLECTION FILE
"""

import json
import sys

from taxii2client.v21 import Server


def main():
    url, token, title, file = sys.argv[1:5]
    server = Server(url, user="anybody", password=token)
    collection = [c for c in server.default.collections if c.title == title][0]
    with open(file, encoding="utf-8") as objects:
        status = collection.add_objects(json.load(objects))
    status.refresh()
    print(json.dumps({
        "status": status.status,
        "total": status.total_count,
        "success": status.success_count,
        "failure": status.failure_count,
    }))


main()

"""Walks a TAXII 2.1 server with OASIS's own client and prints what it met.

walk.py DISCOVERY_URL TOKEN COLLECTION PER_PAGE
"""

import json
import sys

from taxii2client.v21 import Server, as_pages


def main():
    url, token, title, per_page = sys.argv[1:5]
    server = Server(url, user="anybody", password=token)
    root = server.default
    found = [c for c in root.collections if c.title == title]
    collection = found[0]
    ids = []
    pages = 0
    for page in as_pages(collection.get_objects, per_request=int(per_page)):
        pages += 1
        ids += [o["id"] for o in page.get("objects", [])]
    manifest = collection.get_manifest(limit=5)["objects"]
    one = collection.get_object(manifest[-1]["id"])["objects"]
    versions = collection.object_versions(manifest[-1]["id"])["versions"]
    print(json.dumps({
        "title": server.title,
        "versions": root.versions,
        "collections": [c.title for c in root.collections],
        "pages": pages,
        "ids": ids,
        "one": one[0]["id"] == manifest[-1]["id"],
        "version": versions == [manifest[-1]["version"]],
    }))


main()

"""OASIS's own TAXII server, with so many indicators in pages of fifty.

medallion_server.py PORT INDICATORS
"""

import json
import sys
import tempfile

from medallion import application_instance, register_blueprints, set_config


def objects(count):
    for n in range(count):
        yield {
            "type": "indicator",
            "spec_version": "2.1",
            "id": f"indicator--00000000-0000-4000-8000-{n:012}",
            "created": "2026-01-01T00:00:00.000Z",
            "modified": "2026-01-01T00:00:00.000Z",
            "pattern": f"[file:hashes.'SHA-256' = '{n:064x}']",
            "pattern_type": "stix",
            "valid_from": "2026-01-01T00:00:00Z",
            "confidence": 80,
            "object_marking_refs": ["marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9"],
        }


def main():
    port, count = int(sys.argv[1]), int(sys.argv[2])
    all_objects = list(objects(count))
    manifest = [
        {
            "id": o["id"],
            "date_added": f"2026-01-02T00:{n // 60:02}:{n % 60:02}.000000Z",
            "version": o["modified"],
            "media_type": "application/stix+json;version=2.1",
        }
        for n, o in enumerate(all_objects)
    ]
    media_type = "application/taxii+json;version=2.1"
    data = {
        "/discovery": {
            "title": "medallion",
            "default": f"http://127.0.0.1:{port}/root/",
            "api_roots": [f"http://127.0.0.1:{port}/root/"],
        },
        "root": {
            "information": {
                "title": "root",
                "versions": [media_type],
                "max_content_length": 9765625,
            },
            "status": [],
            "collections": [{
                "id": "91a7b528-80eb-42ed-a74d-c6fbd5a26116",
                "title": "Indicators",
                "can_read": True,
                "can_write": False,
                "media_types": ["application/stix+json;version=2.1"],
                "objects": all_objects,
                "manifest": manifest,
            }],
        },
    }
    with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False) as file:
        json.dump(data, file)
    configuration = {
        "users": {"reader": "word"},
        "taxii": {"max_page_size": 50},
        "backend": {
            "module": "medallion.backends.memory_backend",
            "module_class": "MemoryBackend",
            "filename": file.name,
        },
    }
    for name in ("users", "taxii", "backend"):
        set_config(application_instance, name, configuration)
    register_blueprints(application_instance)
    application_instance.run(host="127.0.0.1", port=port, debug=False)


main()

"""How many objects a second Python's STIX tools do, in CPU time, the best of three."""

import json
import sys
import time

import stix2
from stix2patterns.validator import run_validator


def rate(count, work):
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return count / best


text = open(sys.argv[1]).read()
objects = json.loads(text)["objects"]
bundle = stix2.parse(text)
some = [thing["pattern"] for thing in objects[:200]]
print(json.dumps({
    "parse": rate(len(objects), lambda: stix2.parse(text, allow_custom=False)),
    "json.loads": rate(len(objects) * 20, lambda: [json.loads(text) for _ in range(20)]),
    "serialize": rate(len(objects), bundle.serialize),
    "validate": rate(len(some), lambda: [run_validator(one, "2.1") for one in some]),
}))

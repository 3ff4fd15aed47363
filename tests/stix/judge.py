"""What others say to the STIX that DTIM writes and reads. Answers in JSON.

judge.py bundle FILE      what stix2, stix2-validator, stix2-patterns and misp-stix make of a bundle
judge.py patterns         verdicts on patterns: a JSON list on stdin
judge.py suite            the patterns of stix2-patterns' own tests, and its verdicts
judge.py examples         the example bundles that OASIS's validator ships
"""

import ast
import json
import pathlib
import sys

import stix2
import stix2patterns
import stix2validator
from stix2patterns.v21.pattern import Pattern


def accepts(pattern):
    """Whether OASIS's validator takes a pattern, hashes and qualifiers included."""
    try:
        return not stix2patterns.validator.run_validator(pattern, "2.1")
    # It falls over some patterns that its grammar has: the grammar alone decides then.
    except (AttributeError, UnboundLocalError):
        try:
            Pattern(pattern)
            return True
        except stix2patterns.exceptions.ParseException:
            return False


def to_misp(bundle):
    from misp_stix_converter import ExternalSTIX2toMISPParser

    parser = ExternalSTIX2toMISPParser()
    parser.load_stix_bundle(bundle)
    parser.parse_stix_bundle(single_event=True)
    event = parser.misp_event
    attributes = [
        [a.value, a.to_ids, sorted(tag.name for tag in a.tags)] for a in event.attributes
    ]
    for thing in event.objects:
        attributes += [[a.value, a.to_ids, sorted(t.name for t in a.tags)] for a in thing.attributes]
    return {"attributes": attributes, "errors": [str(e) for e in parser.errors.values()]}


def judge(path):
    text = pathlib.Path(path).read_text()
    options = stix2validator.ValidationOptions(strict=True, version="2.1")
    result = stix2validator.validate_string(text, options)
    errors = [] if result.is_valid else [str(e) for r in result.object_results for e in r.errors]
    errors += [] if result.is_valid else [str(e) for e in result.errors]
    parsed = 0
    for thing in json.loads(text).get("objects", []):
        try:
            stix2.parse(thing, allow_custom=False)
            parsed += 1
        except Exception as error:  # whatever it is, the object is not good
            errors.append(f"stix2: {thing['id']}: {error}")
        if "pattern" in thing and not accepts(thing["pattern"]):
            errors.append(f"stix2-patterns: {thing['pattern']}")
    bundle = stix2.parse(text, allow_custom=False)
    return {"parsed": parsed, "errors": errors, "misp": to_misp(bundle)}


def suite():
    folder = pathlib.Path(stix2patterns.__file__).parent / "test" / "v21"
    tree = ast.parse((folder / "test_validator.py").read_text())
    lists = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and node.targets[0].id.endswith("CASES"):
            try:
                lists[node.targets[0].id] = ast.literal_eval(node.value)
            except ValueError:
                pass  # the one that reads the file below
    spec = (folder / "spec_examples.txt").read_text().splitlines()
    good = lists["PASS_CASES"] + lists["TIMESTAMP_PASS_CASES"] + [line.strip() for line in spec]
    bad = [case[0] for case in lists["FAIL_CASES"] + lists["TIMESTAMP_FAIL_CASES"]]
    return {"accepted": good, "refused": bad}


def examples():
    folder = pathlib.Path(stix2validator.__file__).parent
    return sorted(str(path) for path in folder.glob("schemas-*/examples/**/*.json"))


def main():
    command, *rest = sys.argv[1:]
    answers = {
        "bundle": lambda: judge(*rest),
        "patterns": lambda: [accepts(pattern) for pattern in json.load(sys.stdin)],
        "suite": suite,
        "examples": examples,
    }
    json.dump(answers[command](), sys.stdout)


main()

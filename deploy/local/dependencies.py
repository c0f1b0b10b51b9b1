"""The resolved Swift packages against deploy/dependencies.json.

--check compares and says what differs; --write takes over what was resolved. Package.resolved is
not committed (its addresses depend on the machine's mirror); names and versions are.
"""

import json
import sys

RESOLVED = "Package.resolved"
LISTED = "deploy/dependencies.json"


def resolved():
    with open(RESOLVED) as file:
        pins = json.load(file)["pins"]
    return {pin["identity"]: pin["state"].get("version", "no version") for pin in pins}


def main():
    actual = resolved()
    if sys.argv[1:] == ["--write"]:
        with open(LISTED, "w") as file:
            json.dump({"packages": actual}, file, indent=2, sort_keys=True)
            file.write("\n")
        return 0
    with open(LISTED) as file:
        listed = json.load(file)["packages"]
    differences = [
        f"{name}: listed {listed.get(name, 'not')}, resolved {actual.get(name, 'not')}"
        for name in sorted(listed.keys() | actual.keys())
        if listed.get(name) != actual.get(name)
    ]
    for difference in differences:
        print(difference)
    if differences:
        print(f"when that is intended: python3 {sys.argv[0]} --write")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())

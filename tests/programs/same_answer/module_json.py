# json with errors.
import json
print(json.dumps({"b": [1, 2.5, None, True], "a": "é"}, sort_keys=True, indent=1), json.loads('{"x": 1e3}'))
json.loads("{bad")

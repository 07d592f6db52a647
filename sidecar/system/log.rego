# METADATA
# title: What a decision log may hold
# description: |
#   Who asked to do what to which resource, and the answer. Of a user the id and the role stay, of a resource the type and
#   the id; every other attribute is removed, and so is what masks show instead of a column's value.
package system.log

import rego.v1

kept := {"user": {"id", "role"}, "resource": {"id", "type"}}

# OPA takes no wildcards here: one pointer for each attribute of each request of a batch.
mask contains removal(array.concat(["input", "requests", id], attribute)) if {
	some id, request in input.input.requests
	some attribute in removable(request)
}

# A filter query, and a question of `jobwarden explain`, is one request.
mask contains removal(array.concat(["input"], attribute)) if some attribute in removable(input.input)

mask contains removal(["result", "answers", id, "masks"]) if {
	some id, answer in input.result.answers
	answer.masks
}

mask contains removal(["result", "masks"]) if input.result.masks

removable(request) := {[part, name] |
	some part, names in kept
	some name in (object.keys(request[part]) - names)
}

removal(path) := {"op": "remove", "path": concat("/", array.concat([""], [escaped(step) | some step in path]))}

# RFC 6901.
escaped(step) := replace(replace(step, "~", "~0"), "/", "~1")

# Workers ask about nothing at all to learn the policy revision, and whether OPA is there.
drop if {
	input.path == "jobs/decisions"
	input.input.requests == {}
}

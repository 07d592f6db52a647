# METADATA
# title: What a decision log may hold
# description: |
#   Who asked to do what to which resource, and the answer: of a user the id and the role, of a resource the type and the
#   id, nothing else of the request, and all of the answer but the values that masks show instead of a column's value.
#
#   Each part is replaced as a whole. Removing every attribute of every request of a batch, as OPA's masks are usually
#   written, would halve the throughput of a worker.
package system.log

import rego.v1

mask contains {"op": "upsert", "path": "/input", "value": question}

mask contains {"op": "upsert", "path": "/result", "value": answers} if {
	some answer in input.result.answers
	answer.masks
}

mask contains {"op": "remove", "path": "/result/masks"} if input.result.masks

# A batch, or else one request: a filter query, or a query of `jobwarden explain`.
question := {"requests": {id: told(request) | some id, request in input.input.requests}} if {
	is_object(input.input.requests)
} else := told(input.input)

answers := {
	"revision": input.result.revision,
	"answers": {id: object.remove(answer, ["masks"]) | some id, answer in input.result.answers},
}

told(request) := {part: value |
	some part in ["user", "action", "resource"]
	value := told_of(part, request[part])
}

told_of("user", user) := object.filter(user, ["id", "role"])

told_of("action", action) := action if is_string(action)

told_of("resource", resource) := object.filter(resource, ["id", "type"])

# Workers send empty batches to learn the policy revision, and whether OPA is up.
drop if {
	input.path == "jobs/decisions"
	input.input.requests == {}
}

# METADATA
# title: What a decision log may hold
# description: |
#   Who asked to do what to which resource, and the answer. Of a user the id and the role are told, of a resource the type
#   and the id, and nothing else of what was asked; of the answer all but what masks show instead of a column's value.
#
#   Each part is replaced as a whole. A removal for every attribute of every request of a batch, as OPA's masks are usually
#   written, halves what a worker gets done.
package system.log

import rego.v1

mask contains {"op": "upsert", "path": "/input", "value": question}

mask contains {"op": "upsert", "path": "/result", "value": answers} if {
	some answer in input.result.answers
	answer.masks
}

mask contains {"op": "remove", "path": "/result/masks"} if input.result.masks

# A batch; else one request: a filter query, or a question of `jobwarden explain`.
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

# Workers ask about nothing at all to learn the policy revision, and whether OPA is there.
drop if {
	input.path == "jobs/decisions"
	input.input.requests == {}
}

# The drop-in policies beside policies/jobs: batches of them, though they know of none.
package batch_test

import rego.v1

import data.jobs

her_text := {"type": "document", "id": "t1", "owner": "ann", "department": "history"}

no_reason := [{"code": "denied_by_policy", "message": "A policy denies this and gives no reason."}]

cases := {
	"librarian_deletes": [{"id": "lib", "role": "librarian"}, "delete", {"allow": true}],
	"author_updates": [{"id": "ann", "role": "author"}, "update", {"allow": true}],
	"author_deletes": [{"id": "ann", "role": "author"}, "delete", {"allow": false, "reasons": no_reason}],
	"stranger_reads": [{"id": "ben", "role": "author"}, "read", {"allow": false, "reasons": no_reason}],
	"reviewer_reads": [{"id": "rex", "role": "reviewer", "department": "history"}, "read", {"allow": true}],
}

test_each_request_of_a_batch_gets_its_own_answer if {
	requests := {id: {"user": user, "action": action, "resource": her_text} | some id, [user, action, _] in cases}
	jobs.decisions == {
		"revision": "unversioned",
		"answers": {id: answer | some id, [_, _, answer] in cases},
	} with input as {"requests": requests}
}

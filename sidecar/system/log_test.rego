package system.log_test

import rego.v1

import data.system.log

request := {
	"user": {"id": "user_123", "role": "user", "department": "engineering", "email/home": "secret"},
	"action": "read",
	"resource": {"id": "resource_1", "type": "documents", "owner": "user_456", "data~": "secret"},
}

removed(event) := {operation.path | some operation in log.mask with input as event}

operations(event) := {operation.op | some operation in log.mask with input as event}

test_a_batch_keeps_who_asks_for_what if {
	event := {"path": "jobs/decisions", "input": {"requests": {"command-1": request, "command-2": request}}}
	removed(event) == {path |
		some id in {"command-1", "command-2"}
		some rest in {"user/department", "user/email~1home", "resource/owner", "resource/data~0"}
		path := sprintf("/input/requests/%s/%s", [id, rest])
	}
	operations(event) == {"remove"}
}

test_a_single_question_keeps_who_asks_for_what if {
	removed({"path": "authz/allow", "input": request}) == {
		"/input/user/department",
		"/input/user/email~1home",
		"/input/resource/owner",
		"/input/resource/data~0",
	}
}

test_a_filter_query_without_a_resource_keeps_the_user if {
	removed({"input": object.remove(request, ["resource"])}) == {"/input/user/department", "/input/user/email~1home"}
}

test_what_masks_show_is_removed if {
	masks := {"data": {"replace": {"value": "secret"}}}
	answers := {"command-1": {"allow": true, "masks": masks}, "command-2": {"allow": true}}
	removed({"input": {"requests": {}}, "result": {"answers": answers}}) == {"/result/answers/command-1/masks"}
	removed({"input": {}, "result": {"query": {}, "masks": {"columns": masks}}}) == {"/result/masks"}
}

test_an_answer_without_attributes_needs_no_mask if {
	removed({"input": {"user": {"id": "user_123", "role": "user"}, "action": "read"}, "result": {}}) == set()
}

test_questions_about_nothing_are_dropped if {
	log.drop with input as {"path": "jobs/decisions", "input": {"requests": {}}}
	not log.drop with input as {"path": "jobs/decisions", "input": {"requests": {"command-1": request}}}
	not log.drop with input as {"path": "authz/allow", "input": {}}
}

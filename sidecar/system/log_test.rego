package system.log_test

import rego.v1

import data.system.log

request := {
	"user": {"id": "user_123", "role": "user", "department": "engineering", "email": "secret"},
	"action": "read",
	"resource": {"id": "resource_1", "type": "document", "owner": "user_456", "data": "secret"},
	"surprise": "secret",
}

told := {
	"user": {"id": "user_123", "role": "user"},
	"action": "read",
	"resource": {"id": "resource_1", "type": "document"},
}

mask_rules := {"data": {"replace": {"value": "secret"}}}

masked(event) := {operation.path: operation | some operation in log.mask with input as event}

test_a_batch_tells_who_asks_for_what if {
	event := {"path": "jobs/decisions", "input": {"requests": {"c-1": request, "c-2": request}, "more": "secret"}}
	masked(event) == {"/input": {
		"op": "upsert",
		"path": "/input",
		"value": {"requests": {"c-1": told, "c-2": told}},
	}}
}

test_a_single_question_tells_who_asks_for_what if {
	masked({"path": "authz/allow", "input": request})["/input"].value == told
}

test_a_filter_query_has_no_resource if {
	masked({"input": object.remove(request, ["resource"])})["/input"].value == object.remove(told, ["resource"])
}

test_what_is_not_of_its_kind_is_not_told if {
	masked({"input": {"user": "secret", "action": {"a": "secret"}, "resource": ["secret"]}})["/input"].value == {}
	masked({"input": "secret"})["/input"].value == {}
}

test_what_masks_show_is_not_told if {
	answers := {"c-1": {"allow": true, "masks": mask_rules}, "c-2": {"allow": false, "reasons": []}}
	event := {"input": {"requests": {}}, "result": {"revision": "r", "answers": answers}}
	masked(event)["/result"].value == {
		"revision": "r",
		"answers": {"c-1": {"allow": true}, "c-2": {"allow": false, "reasons": []}},
	}
}

test_answers_without_masks_stay_as_they_are if {
	answers := {"c-1": {"allow": true}}
	not masked({"input": {"requests": {}}, "result": {"revision": "r", "answers": answers}})["/result"]
}

test_the_masks_of_a_filter_are_not_told if {
	filter := {"query": {}, "masks": {"revision": "r", "columns": mask_rules}}
	masked({"input": {}, "result": filter})["/result/masks"].op == "remove"
}

test_questions_about_nothing_are_dropped if {
	log.drop with input as {"path": "jobs/decisions", "input": {"requests": {}}}
	not log.drop with input as {"path": "jobs/decisions", "input": {"requests": {"c-1": request}}}
	not log.drop with input as {"path": "authz/allow", "input": {}}
}

package data_filter_test

import rego.v1

import data.data_filter

alice := {"id": "alice", "role": "user", "department": "engineering"}

manager := {"id": "mona", "role": "manager", "department": "engineering"}

admin := {"id": "root", "role": "admin"}

hers := {"type": "document", "id": "d1", "owner": "alice", "department": "engineering"}

his := {"type": "document", "id": "d2", "owner": "bob", "department": "sales"}

missing := {"type": "document", "id": "d3"}

# What a user reaches, and why the rest is out of reach.
cases := {
	"owners reach what is theirs": [alice, hers, []],
	"owners with any role reach what is theirs": [{"id": "alice", "role": "guest"}, hers, []],
	"users do not reach what another owns": [alice, his, ["not_owner"]],
	"colleagues do not reach what belongs to the department": [
		{"id": "carl", "role": "user", "department": "engineering"}, hers,
		["not_owner"],
	],
	"managers reach what belongs to their department": [manager, hers, []],
	"managers do not reach another department": [manager, his, ["not_owner", "other_department"]],
	"managers without department reach nothing": [
		{"id": "max", "role": "manager"}, missing,
		["not_owner", "other_department"],
	],
	"admins reach everything": [admin, his, []],
	"admins reach even what does not exist": [admin, missing, []],
	"users do not reach what does not exist": [alice, missing, ["not_owner"]],
	"managers do not reach what does not exist": [manager, missing, ["not_owner", "other_department"]],
	"users without id own nothing": [{"role": "user"}, missing, ["not_owner"]],
	"nobody reaches nothing": [null, null, ["not_owner"]],
}

empty(collection) := count(collection) == 0

test_case[name] if {
	some name, [user, resource, codes] in cases
	request := {"user": user, "action": "read", "resource": resource}
	allowed := data_filter.allow with input as request
	allowed == empty(codes)
	reasons := data_filter.reasons with input as request
	codes == [reason.code | some reason in reasons]
}

test_an_action_makes_no_difference[action] if {
	some action in ["read", "update", "delete", "archive"]
	data_filter.allow with input as {"user": alice, "action": action, "resource": hers}
	not data_filter.allow with input as {"user": alice, "action": action, "resource": his}
}

test_an_empty_request_is_denied_with_a_reason if {
	not data_filter.allow with input as {}
	count(data_filter.reasons) == 1 with input as {}
}

# A user who may not see a resource cannot tell it from one that does not exist.
test_reasons_do_not_tell_whether_a_resource_exists if {
	every user in [alice, manager, {"id": "gus", "role": "guest"}] {
		of_unseen := data_filter.reasons with input as {"user": user, "action": "read", "resource": his}
		of_missing := data_filter.reasons with input as {"user": user, "action": "read", "resource": missing}
		of_unseen == of_missing
	}
}

test_reasons_are_well_formed if {
	reasons := data_filter.reasons with input as {"user": {"role": "manager"}}
	every reason in reasons {
		object.keys(reason) == {"code", "message"}
		regex.match(`^[a-z][a-z0-9_]{0,63}$`, reason.code)
		count(reason.message) in numbers.range(1, 512)
	}
}

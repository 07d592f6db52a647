package authz_test

import rego.v1

import data.authz

alice := {"id": "alice", "role": "user", "department": "engineering"}

guest := {"id": "gus", "role": "guest"}

manager := {"id": "mona", "role": "manager", "department": "engineering"}

admin := {"id": "root", "role": "admin"}

hers := {"type": "document", "id": "d1", "owner": "alice", "department": "engineering"}

his := {"type": "document", "id": "d2", "owner": "bob", "department": "sales"}

missing := {"type": "document", "id": "d3"}

owned_by(user) := object.union(hers, {"owner": user.id})

# What is allowed, and why the rest is denied. An allow has no reasons.
cases := {
	"an admin reads what another owns": [admin, "read", his, []],
	"an admin updates what another owns": [admin, "update", his, []],
	"an admin deletes what another owns": [admin, "delete", his, []],
	"an admin does what no rule names": [admin, "archive", his, []],
	"an admin deletes what does not exist": [admin, "delete", missing, []],
	"an owner reads": [alice, "read", hers, []],
	"an owner with any role reads": [guest, "read", owned_by(guest), []],
	"an owner with the role user updates": [alice, "update", hers, []],
	"an owner with another role does not update": [guest, "update", owned_by(guest), ["role_may_not_update"]],
	"an owner does not delete": [alice, "delete", hers, ["role_may_not_delete"]],
	"a user does not read what another owns": [alice, "read", his, ["not_owner"]],
	"a user does not update what another owns": [alice, "update", his, ["not_owner"]],
	"a user does not delete what another owns": [alice, "delete", his, ["role_may_not_delete"]],
	"a guest does not read what another owns": [guest, "read", his, ["not_owner"]],
	"a manager reads in the own department": [manager, "read", hers, []],
	"a manager does not update in the own department": [manager, "update", hers, ["role_may_not_update"]],
	"a manager does not delete in the own department": [manager, "delete", hers, ["role_may_not_delete"]],
	"a manager does not read elsewhere": [manager, "read", his, ["not_owner", "other_department"]],
	"a manager without department reads nothing": [
		{"id": "max", "role": "manager"}, "read", hers,
		["not_owner", "other_department"],
	],
	"a colleague does not read in the own department": [
		{"id": "carl", "role": "user", "department": "engineering"}, "read", hers,
		["not_owner"],
	],
	"a role is one word, not a part of it": [{"id": "eve", "role": "administrator"}, "read", his, ["not_owner"]],
	"nobody does what no rule names": [alice, "archive", hers, ["unknown_action"]],
	"a user without id owns nothing": [{"role": "user"}, "read", missing, ["not_owner"]],
}

empty(collection) := count(collection) == 0

test_case[name] if {
	some name, [user, action, resource, codes] in cases
	request := {"user": user, "action": action, "resource": resource}
	allowed := authz.allow with input as request
	allowed == empty(codes)
	reasons := authz.reasons with input as request
	codes == [reason.code | some reason in reasons]
}

users := [
	alice, guest, manager, admin, {"role": "manager"}, {"role": "user"},
	{"id": "alice"}, {"id": "alice", "department": "engineering"}, {}, null, "alice",
]

actions := ["read", "update", "delete", "archive", "", null, 7]

resources := [hers, his, missing, owned_by(guest), owned_by(manager), {}, null, "d1"]

# Every request that a user, an action and a resource make, and the incomplete ones.
requests := {request |
	some user in users
	some action in actions
	some resource in resources
	some request in [
		{"user": user, "action": action, "resource": resource},
		{"action": action, "resource": resource},
		{"user": user, "resource": resource},
		{"user": user, "action": action},
	]
} | {{}, null, "read", 7, []}

test_every_denial_has_a_reason_and_no_allow_has_one if {
	every request in requests {
		allowed := authz.allow with input as request
		reasons := authz.reasons with input as request
		allowed == empty(reasons)
	}
}

test_reasons_are_well_formed_and_a_code_has_one_message if {
	all_reasons := {reason |
		some request in requests
		some reason in authz.reasons with input as request
	}
	every reason in all_reasons {
		object.keys(reason) == {"code", "message"}
		regex.match(`^[a-z][a-z0-9_]{0,63}$`, reason.code)
		count(reason.message) in numbers.range(1, 512)
	}
	count(all_reasons) == count({reason.code | some reason in all_reasons})
}

# A user who may not read a resource cannot tell it from one that does not exist.
test_reasons_do_not_tell_whether_a_resource_exists if {
	unseen := {[user, action] |
		some user in users
		some action in actions
		some resource in resources
		not authz.allow with input as {"user": user, "action": "read", "resource": resource}
		of_unseen := authz.reasons with input as {"user": user, "action": action, "resource": resource}
		of_missing := authz.reasons with input as {"user": user, "action": action, "resource": missing}
		of_unseen == of_missing
	}
	not_admins := {[user, action] | some user in users; some action in actions; user != admin}
	unseen == not_admins
}

test_messages_quote_nothing_of_the_request if {
	every action in {"read", "update", "delete", "xyzzy"} {
		reasons := authz.reasons with input as {
			"user": {"id": "xyzzy", "role": "manager", "department": "xyzzy"},
			"action": action,
			"resource": {"type": "xyzzy", "id": "xyzzy", "owner": "xyzzy2", "department": "xyzzy3"},
		}
		every reason in reasons { not contains(reason.message, "xyzzy") }
	}
}

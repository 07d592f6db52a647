# METADATA
# title: Authorization
# description: |
#   May this user do this action on this resource?
#   Input: `user` (id, role, department), `action`, `resource` (type, id, owner, department).
#   A resource that does not exist has only its type and id.
package authz

import rego.v1

# Everything that no rule below allows is denied.
default allow := false

# Admins may do anything.
allow if input.user.role == "admin"

# Owners may read their resources, whatever their role.
allow if {
	input.action == "read"
	input.resource.owner == input.user.id
}

# Owners with the role "user" may update their resources.
allow if {
	input.action == "update"
	input.resource.owner == input.user.id
	input.user.role == "user"
}

# Managers may read the resources of their department.
allow if {
	input.action == "read"
	input.user.role == "manager"
	input.resource.department == input.user.department
}

# METADATA
# scope: document
# title: Reasons
# description: |
#   Why a request is denied: at least one reason for every denial, none for an allow.
#   Besides `allow`, these rules only look at the user and the action. So a resource that the user may not see is denied
#   for the same reasons as one that does not exist, and no message tells anything about a resource.
reasons contains {
	"code": "unknown_action",
	"message": "The policy knows the actions read, update and delete.",
} if {
	not known_action
	not allow
}

reasons contains {
	"code": "role_may_not_delete",
	"message": "Only admins may delete resources.",
} if {
	input.action == "delete"
	not allow
}

reasons contains {
	"code": "role_may_not_update",
	"message": "Only admins, and owners with the role user, may update resources.",
} if {
	input.action == "update"
	not input.user.role == "user"
	not allow
}

reasons contains {
	"code": "not_owner",
	"message": "The user owns no such resource.",
} if {
	input.action == "read"
	not allow
}

reasons contains {
	"code": "not_owner",
	"message": "The user owns no such resource.",
} if {
	input.action == "update"
	input.user.role == "user"
	not allow
}

reasons contains {
	"code": "other_department",
	"message": "The department of the user has no such resource.",
} if {
	input.action == "read"
	input.user.role == "manager"
	not allow
}

# This is its own rule, because `not input.action in {...}` fails when there is no action at all.
known_action if input.action in {"read", "update", "delete"}

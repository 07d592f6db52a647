# METADATA
# title: Data filter
# description: |
#   Which resources may this user reach at all, whatever the action?
#   This is decided for every resource. The conditions that remain when the resource is not known also narrow the search
#   through a collection: comparisons of one attribute with one value become conditions that an index can serve.
package data_filter

import rego.v1

# Everything that no rule below allows is out of reach.
default allow := false

# Users reach the resources that they own.
allow if input.resource.owner == input.user.id

# Managers reach the resources of their department.
allow if {
	input.user.role == "manager"
	input.resource.department == input.user.department
}

# Admins reach everything.
allow if input.user.role == "admin"

# METADATA
# scope: document
# title: Reasons
# description: |
#   Why a resource is out of reach: at least one reason for every denial, none for an allow.
#   They tell nothing about the resource, not even whether it exists. Filters do not use them.
reasons contains {
	"code": "not_owner",
	"message": "The user owns no such resource.",
} if {
	not allow
}

reasons contains {
	"code": "other_department",
	"message": "The department of the user has no such resource.",
} if {
	input.user.role == "manager"
	not allow
}

package authz

import rego.v1

# A policy of somebody who has never heard of jobs: allow only, no reasons.
default allow := false

# Librarians look after everything.
allow if input.user.role == "librarian"

# Authors work on their own writing.
allow if {
	input.action in {"read", "update"}
	input.resource.owner == input.user.id
}

# Reviewers read what their department writes.
allow if {
	input.action == "read"
	input.user.role == "reviewer"
	input.resource.department == input.user.department
}

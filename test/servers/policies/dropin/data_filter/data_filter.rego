package data_filter

import rego.v1

default allow := false

# Librarians find everything.
allow if input.user.role == "librarian"

# Authors find their own writing.
allow if input.resource.owner == input.user.id

# Reviewers find what their department writes.
allow if {
	input.user.role == "reviewer"
	input.resource.department == input.user.department
}

package authz

import rego.v1

test_librarian_deletes_anything if {
	allow with input as {
		"user": {"id": "lib", "role": "librarian"},
		"action": "delete",
		"resource": {"owner": "ann"},
	}
}

test_author_updates_own_writing if {
	allow with input as {
		"user": {"id": "ann", "role": "author"},
		"action": "update",
		"resource": {"owner": "ann"},
	}
}

test_author_does_not_update_another_writing if {
	not allow with input as {
		"user": {"id": "ann", "role": "author"},
		"action": "update",
		"resource": {"owner": "ben"},
	}
}

test_author_does_not_delete if {
	not allow with input as {
		"user": {"id": "ann", "role": "author"},
		"action": "delete",
		"resource": {"owner": "ann"},
	}
}

test_reviewer_reads_the_own_department if {
	allow with input as {
		"user": {"id": "rex", "role": "reviewer", "department": "history"},
		"action": "read",
		"resource": {"owner": "ann", "department": "history"},
	}
}

test_reviewer_does_not_read_another_department if {
	not allow with input as {
		"user": {"id": "rex", "role": "reviewer", "department": "history"},
		"action": "read",
		"resource": {"owner": "ann", "department": "botany"},
	}
}

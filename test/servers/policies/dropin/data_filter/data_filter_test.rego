package data_filter

import rego.v1

test_librarian_finds_everything if {
	allow with input as {"user": {"id": "lib", "role": "librarian"}, "resource": {"owner": "ann"}}
}

test_author_finds_own_writing if {
	allow with input as {"user": {"id": "ann", "role": "author"}, "resource": {"owner": "ann"}}
}

test_author_does_not_find_another_writing if {
	not allow with input as {"user": {"id": "ann", "role": "author"}, "resource": {"owner": "ben"}}
}

test_reviewer_finds_the_own_department_only if {
	reviewer := {"id": "rex", "role": "reviewer", "department": "history"}
	allow with input as {"user": reviewer, "resource": {"owner": "ann", "department": "history"}}
	not allow with input as {"user": reviewer, "resource": {"owner": "ann", "department": "botany"}}
}

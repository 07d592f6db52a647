# METADATA
# title: Jobs
# description: |
#   The only package that the worker queries. It puts the questions of a batch to `data.authz` and `data.data_filter`,
#   and both must allow. Either may be replaced by a policy that knows nothing of batches, reasons or jobs.
package jobs

import rego.v1

# METADATA
# title: Decisions on a batch
# description: |
#   Input: `requests`, an object of {user, action, resource} by command id.
#   Exactly one answer for every id, all from the revision named. Undefined when the policies are not loaded: a worker
#   must wait for them, not take their absence for a denial.
decisions := {"revision": revision, "answers": answers} if {
	is_object(input.requests)
	policies_loaded with input as {}
}

# A whole replacement of the input costs nothing; `with input.user as` would copy the input for every request.
answers := {id: answer(verdict) |
	some id, request in input.requests
	verdict := request_verdict with input as request
}

# METADATA
# scope: document
# title: Permission for one request
# description: |
#   True only when both policies say the boolean true. The decisions use it, and so does the filter on rows:
#   POST /v1/compile/jobs/permit with `input.resource` unknown.
# compile:
#   unknowns: [input.resource]
#   mask_rule: data.jobs.filter_context
permit if {
	data.authz.allow == true
	data.data_filter.allow == true
}

# METADATA
# title: What goes with a filter on rows
# description: |
#   Given to the Compile API as `options.maskRule`, so that one evaluation gives the filter, its masks and the policy
#   revision. Always send it: OPA recompiles all policies for every filter query that names no mask rule.
filter_context := {"revision": revision, "columns": column_masks}

# METADATA
# title: Column masks
# description: |
#   What reads show instead of a column's value: {"<column>": {"replace": {"value": ...}}}. `data.data_filter.masks` may
#   define them, by user and action alone. Without it no column is masked.
default column_masks := {}

column_masks := data.data_filter.masks

# What the policies say of one request, as they say it.
request_verdict := {"allow": true, "masks": data.data_filter.masks} if {
	data.data_filter.masks != {}
	permit
} else := {"allow": true} if {
	permit
} else := {"allow": false, "given": [authz_reasons, data_filter_reasons]}

default authz_reasons := []

authz_reasons := data.authz.reasons if not data.authz.allow == true

default data_filter_reasons := []

data_filter_reasons := data.data_filter.reasons if not data.data_filter.allow == true

# OPA remembers the results of functions within a query, but forgets those of rules with every `with`. So everything that
# happens here happens once for each distinct verdict, not once for each request.
answer(verdict) := verdict if verdict.allow

answer(verdict) := {"allow": false, "reasons": reasons} if {
	not verdict.allow
	reasons := ordered_reasons(verdict.given)
}

# Ordered by code, one reason for each code; authz speaks first.
ordered_reasons(given) := ordered if {
	explanations := sort([[reason.code, rank, reason.message] |
		some rank, reasons in given
		some reason in reasons
		well_formed(reason)
	])
	ordered := [{"code": code, "message": message} |
		some i, [code, _, message] in explanations
		not explanations[i - 1][0] == code
	]
	count(ordered) > 0
} else := [{
	"code": "denied_by_policy",
	"message": "A policy denies this and gives no reason.",
}]

# What the worker and its database can take; anything else that a policy gives as a reason is left out.
well_formed(reason) if {
	is_string(reason.code)
	regex.match(`^[a-z][a-z0-9_]{0,63}$`, reason.code)
	is_string(reason.message)
	reason.message != ""
	not contains(reason.message, "\u0000")
	short_enough(reason.message)
}

# At most 512 units as JavaScript counts them: a character outside the basic plane is two, so 256 are always few enough.
short_enough(text) if count(text) <= 256

short_enough(text) if count(text) + count(regex.find_n(`[\x{10000}-\x{10ffff}]`, text, -1)) <= 512

# A policy with a default is defined for any input, so one that is not defined for an empty input is not there.
policies_loaded if {
	_ = data.authz.allow
	_ = data.data_filter.allow
}

# METADATA
# title: Policy revision
# description: The revisions of the active bundles, sorted and joined by "+".
revision := concat("+", sort(bundle_revisions)) if {
	count(bundle_revisions) > 0
} else := "unversioned"

bundle_revisions contains named(bundle) if some bundle in data.system.bundles

named(bundle) := bundle.manifest.revision if {
	bundle.manifest.revision != ""
} else := "unversioned"

# METADATA
# title: Who may ask this OPA what
# description: |
#   OPA asks this policy about every request to its own API, if it runs with --authorization=basic. It only admits what the
#   worker sends and what probes read. Policies and data only come in signed bundles, so nobody may write any.
#
#   An identity is a bearer token (--authentication=token) or the subject of a client certificate (--authentication=tls).
#   OPA reads them when it starts, from the file in `identities:FILE.json`: {"worker": [...], "operator": [...]}.
#   An operator may ask what a worker may ask, and why a policy decides as it does (`jobwarden explain`).
package system.authz

import rego.v1

default allow := {
	"allowed": false,
	"reason": "this OPA admits its worker and its probes, each to what it needs: see sidecar/system/authz.rego",
}

allow := {"allowed": true} if anyone_may

allow := {"allowed": true} if {
	identity_of_worker
	worker_may
}

allow := {"allowed": true} if {
	identity_of_operator
	operator_may
}

# A caller without a token or a certificate has no identity, and without the file nobody has a known one.
identity_of_worker if input.identity in data.identities.worker

identity_of_operator if input.identity in data.identities.operator

anyone_may if {
	input.method == "GET"
	input.path == ["health"]
}

anyone_may if {
	input.method == "GET"
	input.path == ["metrics"]
}

worker_may if {
	input.method == "POST"
	input.path == ["v1", "data", "jobs", "decisions"]
	parameters == {"strict-builtin-errors"}
}

# The query is in the body, and any other query could read all policies and data.
worker_may if {
	input.method == "POST"
	input.path == ["v1", "compile"]
	parameters == set()
	object.keys(input.body) == {"input", "query", "unknowns"}
	input.body.query == "data.jobs.permit == true"
	every unknown in input.body.unknowns {
		startswith(unknown, "input.resource.")
	}
}

# The text of the policies, without their data: how long a filter may live depends on it.
worker_may if {
	input.method == "GET"
	input.path == ["v1", "policies"]
	parameters == set()
}

operator_may if worker_may

operator_may if {
	input.method == "POST"
	input.path in {["v1", "data", "authz", "allow"], ["v1", "data", "data_filter", "allow"]}
	parameters == {"explain", "pretty"}
}

parameters := object.keys(input.params)

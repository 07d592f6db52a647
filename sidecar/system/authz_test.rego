package system.authz_test

import rego.v1

import data.system.authz

# Two of the worker's: the old and the new one of a rotation.
identities := {"worker": ["worker-token", "new-worker-token"], "operator": ["operator-token"]}

strict := {"strict-builtin-errors": ["true"]}

filter_body := {
	"input": {"user": {}, "action": "read", "resource": {"type": "document"}},
	"unknowns": ["input.resource.id", "input.resource.owner"],
	"query": "data.jobs.permit == true",
}

decisions := {"method": "POST", "path": ["v1", "data", "jobs", "decisions"], "params": strict, "body": {"input": {}}}

filter := {"method": "POST", "path": ["v1", "compile"], "params": {}, "body": filter_body}

policies := {"method": "GET", "path": ["v1", "policies"], "params": {}}

explain := {
	"method": "POST",
	"path": ["v1", "data", "authz", "allow"],
	"params": {"explain": ["full"], "pretty": ["true"]},
}

# What a batch and a filter ask.
what_a_worker_asks := {
	"decisions": decisions,
	"filter": filter,
	"policies": policies,
}

what_nobody_may_ask := {
	"to write a policy": {"method": "PUT", "path": ["v1", "policies", "authz"], "params": {}},
	"to delete a policy": {"method": "DELETE", "path": ["v1", "policies", "authz"], "params": {}},
	"one policy": {"method": "GET", "path": ["v1", "policies", "authz"], "params": {}},
	"the sample users": object.union(decisions, {"path": ["v1", "data", "jobs", "sample_users"]}),
	"to write data": {"method": "PUT", "path": ["v1", "data", "revoked"], "params": {}},
	"to read all data": {"method": "GET", "path": ["v1", "data"], "params": {}},
	"an ad-hoc query": {"method": "POST", "path": ["v1", "query"], "params": {}, "body": {"query": "data"}},
	"its configuration": {"method": "GET", "path": ["v1", "config"], "params": {}},
	"its status": {"method": "GET", "path": ["v1", "status"], "params": {}},
	"the default decision": {"method": "POST", "path": [""], "params": {}},
	"a profile": {"method": "GET", "path": ["debug", "pprof"], "params": {}},
	"decisions by GET": object.union(decisions, {"method": "GET"}),
	"decisions and why": object.union(decisions, {"params": object.union(strict, {"explain": ["full"]})}),
	"decisions that overlook errors": object.union(object.remove(decisions, ["params"]), {"params": {}}),
	"below decisions": object.union(decisions, {"path": ["v1", "data", "jobs", "decisions", "answers"]}),
	"all of jobs": object.union(decisions, {"path": ["v1", "data", "jobs"]}),
	"health by POST": {"method": "POST", "path": ["health"], "params": {}},
	"below health": {"method": "GET", "path": ["health", "live"], "params": {}},
	"another partial query": object.union(filter, {"body": {"query": "data"}}),
	"more of a partial query": object.union(filter, {"body": {"options": {"disableInlining": ["data"]}}}),
	"a filter with other unknowns": object.union(filter, {"body": {"unknowns": ["input.resource.id", "data.secrets"]}}),
	"another kind of filter": object.union(filter, {"path": ["v1", "compile", "jobs", "permit"]}),
}

asked_by(identity, request) := object.union(request, {"identity": identity})

admits(request) if {
	{"allowed": true} == authz.allow with input as request with data.identities as identities
}

refuses(request) if {
	decision := authz.allow with input as request with data.identities as identities
	decision.allowed == false
	contains(decision.reason, "sidecar/system/authz.rego")
}

test_the_worker_is_admitted_to_what_it_asks[name] if {
	some name, request in what_a_worker_asks
	admits(asked_by("worker-token", request))
}

test_an_operator_may_ask_the_same[name] if {
	some name, request in what_a_worker_asks
	admits(asked_by("operator-token", request))
}

test_only_an_operator_may_ask_why if {
	admits(asked_by("operator-token", explain))
	admits(asked_by("operator-token", object.union(explain, {"path": ["v1", "data", "data_filter", "allow"]})))
	refuses(asked_by("worker-token", explain))
	refuses(explain)
}

test_nobody_may_ask_for_more[name] if {
	some name, request in what_nobody_may_ask
	every identity in {"worker-token", "operator-token", "other"} {
		refuses(asked_by(identity, request))
	}
	refuses(request)
}

test_strangers_are_refused_what_the_worker_asks[name] if {
	some name, request in what_a_worker_asks
	refuses(request)
	every identity in {"other", "worker-toke", "worker-token ", "Worker-token"} {
		refuses(asked_by(identity, request))
	}
}

test_both_tokens_of_a_rotation_count if admits(asked_by("new-worker-token", decisions))

test_without_identities_nobody_is_admitted[name] if {
	some name, none in {"no file": {}, "no worker": {"operator": []}, "nobody": {"worker": [], "operator": []}}
	every identity in {"worker-token", "", "null"} {
		decision := authz.allow with input as asked_by(identity, decisions) with data.identities as none
		not decision.allowed
	}
	decision := authz.allow with input as decisions with data.identities as none
	not decision.allowed
}

test_probes_need_no_identity if {
	admits({"method": "GET", "path": ["health"], "params": {"bundles": [""]}})
	admits({"method": "GET", "path": ["metrics"], "params": {}})
}

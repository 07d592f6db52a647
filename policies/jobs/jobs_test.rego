# Both policies are mocked here, so that these tests hold beside any policy that replaces them.
package jobs_test

import rego.v1

import data.jobs

request := {"user": {"id": "alice", "role": "user"}, "action": "read", "resource": {"type": "document", "id": "d1"}}

allowing := {"allow": true}

denying(reasons) := {"allow": false, "reasons": reasons}

reason(code) := {"code": code, "message": sprintf("Because of %s.", [code])}

no_reason := {"code": "denied_by_policy", "message": "A policy denies this and gives no reason."}

# The answer to one request when the policies are these.
answer_of(authz, data_filter) := result.answers.c1 if {
	result := jobs.decisions with input as {"requests": {"c1": request}}
		with data.authz as authz
		with data.data_filter as data_filter
}

# Only the boolean true of both policies allows.
verdicts := {
	"both allow": [true, true, true],
	"authz denies": [false, true, false],
	"data_filter denies": [true, false, false],
	"both deny": [false, false, false],
	"authz says the word true": ["true", true, false],
	"data_filter says the word true": [true, "true", false],
	"authz says one": [1, true, false],
	"data_filter says one": [true, 1, false],
	"authz says an object": [{"allow": true}, true, false],
	"data_filter says null": [true, null, false],
	"authz says a set": [{true}, true, false],
	"data_filter says a list": [true, [true], false],
}

test_verdict[name] if {
	some name, [authz, data_filter, allowed] in verdicts
	answer := answer_of({"allow": authz}, {"allow": data_filter})
	answer.allow == allowed
}

test_an_allow_has_no_reasons if {
	answer_of({"allow": true, "reasons": {reason("stray")}}, allowing) == {"allow": true}
}

# The codes of a denial, by what the two policies give as reasons.
given_reasons := {
	"one of authz": [denying({reason("a")}), allowing, ["a"]],
	"one of data_filter": [allowing, denying({reason("b")}), ["b"]],
	"ordered by code": [denying({reason("c"), reason("a")}), denying({reason("b")}), ["a", "b", "c"]],
	"once each": [denying({reason("a"), reason("b")}), denying({reason("b")}), ["a", "b"]],
	"none of a policy that allows": [{"allow": true, "reasons": {reason("a")}}, denying({reason("b")}), ["b"]],
	"as a list": [denying([reason("b"), reason("a"), reason("b")]), allowing, ["a", "b"]],
	"as values of an object": [denying({"why": reason("a")}), allowing, ["a"]],
	"none": [denying(set()), denying(set()), ["denied_by_policy"]],
	"no such rule": [{"allow": false}, {"allow": false}, ["denied_by_policy"]],
	"a sentence": [denying("because"), allowing, ["denied_by_policy"]],
	"sentences": [denying({"because"}), denying(["of that"]), ["denied_by_policy"]],
	"true": [denying(true), allowing, ["denied_by_policy"]],
	"null": [denying(null), denying({null}), ["denied_by_policy"]],
	"a malformed one beside a good one": [denying({{"code": "a"}, reason("b")}), allowing, ["b"]],
	"a malformed one of one policy only": [denying({{"code": "a"}}), denying({reason("b")}), ["b"]],
}

test_reasons[name] if {
	some name, [authz, data_filter, codes] in given_reasons
	answer := answer_of(authz, data_filter)
	codes == [reason.code | some reason in answer.reasons]
}

test_the_fallback_is_one_reason if {
	answer_of({"allow": false}, allowing) == {"allow": false, "reasons": [no_reason]}
}

test_authz_speaks_first_when_both_give_one_code if {
	answer := answer_of(
		denying({{"code": "same", "message": "z of authz"}}),
		denying({{"code": "same", "message": "a of data_filter"}}),
	)
	answer.reasons == [{"code": "same", "message": "z of authz"}]
}

test_a_code_with_two_messages_keeps_the_first_of_them if {
	answer := answer_of(denying({{"code": "a", "message": "2"}, {"code": "a", "message": "1"}}), allowing)
	answer.reasons == [{"code": "a", "message": "1"}]
}

test_a_reason_carries_its_code_and_message_only if {
	answer := answer_of(denying({object.union(reason("a"), {"row": "secret"})}), allowing)
	answer.reasons == [reason("a")]
}

text(character, length) := concat("", [character | some _ in numbers.range(1, length)])

well_formed := {
	"a short one": ["a", "m"],
	"a code of 64 characters": [text("a", 64), "m"],
	"a code with digits": ["a_1", "m"],
	"a message of 512 characters": ["a", text("m", 512)],
	"a message of 256 characters outside the basic plane": ["a", text("😀", 256)],
}

test_well_formed[name] if {
	some name, [code, message] in well_formed
	answer := answer_of(denying({{"code": code, "message": message}}), allowing)
	answer.reasons == [{"code": code, "message": message}]
}

malformed := {
	"no code": {"message": "m"},
	"no message": {"code": "a"},
	"an empty code": {"code": "", "message": "m"},
	"a code in capitals": {"code": "A", "message": "m"},
	"a code with a space": {"code": "a b", "message": "m"},
	"a code on two lines": {"code": "a\n", "message": "m"},
	"a code of 65 characters": {"code": text("a", 65), "message": "m"},
	"a number for a code": {"code": 7, "message": "m"},
	"an empty message": {"code": "a", "message": ""},
	"a list for a message": {"code": "a", "message": ["m"]},
	"a message of 513 characters": {"code": "a", "message": text("m", 513)},
	"a message of 513 units": {"code": "a", "message": concat("", ["m", text("😀", 256)])},
	"a message with a NUL": {"code": "a", "message": "m\u0000"},
	"a list": ["a", "m"],
	"an empty object": {},
}

test_malformed[name] if {
	some name, given in malformed
	answer := answer_of(denying({given}), allowing)
	answer.reasons == [no_reason]
}

test_every_request_has_an_answer_whatever_it_is if {
	requests := {"c1": request, "c2": {}, "c3": null, "c4": "read", "c5": [request], "": 7}
	result := jobs.decisions with input as {"requests": requests}
		with data.authz as denying({reason("a")})
		with data.data_filter as allowing
	result.answers == {id: {"allow": false, "reasons": [reason("a")]} | some id in object.keys(requests)}
}

test_no_requests_have_no_answers if {
	result := jobs.decisions with input as {"requests": {}} with data.authz as allowing with data.data_filter as allowing
	result == {"revision": "unversioned", "answers": {}}
}

test_what_is_no_batch_has_no_decisions[name] if {
	some name, batch in {"no requests": {}, "a list": {"requests": [request]}, "null": {"requests": null}, "a word": "c1"}
	not jobs.decisions with input as batch with data.authz as allowing with data.data_filter as allowing
}

test_policies_that_are_not_loaded_decide_nothing[name] if {
	some name, [authz, data_filter] in {
		"no authz": [{}, allowing],
		"no data_filter": [allowing, {}],
		"an authz without allow": [{"reasons": []}, allowing],
		"neither": [{}, {}],
	}
	batch := {"requests": {"c1": request}}
	not jobs.decisions with input as batch with data.authz as authz with data.data_filter as data_filter
}

bundles := {
	"none": [{}, "unversioned"],
	"one": [{"b": {"manifest": {"revision": "r1"}}}, "r1"],
	"two": [{"b": {"manifest": {"revision": "r2"}}, "c": {"manifest": {"revision": "r1"}}}, "r1+r2"],
	"two of one revision": [{"b": {"manifest": {"revision": "r1"}}, "c": {"manifest": {"revision": "r1"}}}, "r1"],
	"one without a name": [{"b": {"manifest": {"revision": ""}}}, "unversioned"],
	"one without a revision": [{"b": {"manifest": {}}}, "unversioned"],
	"one without a manifest": [{"b": {"etag": ""}}, "unversioned"],
	"one of two without a name": [
		{"b": {"manifest": {"revision": ""}}, "c": {"manifest": {"revision": "r1"}}},
		"r1+unversioned",
	],
}

test_revision[name] if {
	some name, [active, revision] in bundles
	result := jobs.decisions with input as {"requests": {"c1": request}}
		with data.authz as allowing
		with data.data_filter as allowing
		with data.system.bundles as active
	result.revision == revision
}

# The filter on rows asks `permit`, so it must say what the decisions say.
test_permit_agrees_with_the_verdict[name] if {
	some name, [authz, data_filter, allowed] in verdicts
	permitted := [true |
		jobs.permit with input as request
			with data.authz as {"allow": authz}
			with data.data_filter as {"allow": data_filter}
	]
	permitted == [true | allowed]
}

masked := {"data": {"replace": {"value": "***"}}}

test_masks_of_the_data_filter_go_with_allows_and_filters if {
	answer_of(allowing, {"allow": true, "masks": masked}) == {"allow": true, "masks": masked}
	jobs.filter_context.columns == masked with data.data_filter.masks as masked
}

test_masks_do_not_go_with_denials if {
	answer_of({"allow": false}, {"allow": true, "masks": masked}) == {"allow": false, "reasons": [no_reason]}
}

test_empty_masks_are_left_out if {
	answer_of(allowing, {"allow": true, "masks": {}}) == {"allow": true}
}

test_without_masks_no_column_is_masked if {
	answer_of(allowing, allowing) == {"allow": true}
	jobs.filter_context == {"revision": "unversioned", "columns": {}} with data.data_filter as allowing
}

# Conflicts over one resource: OPA answers a whole batch that names it with 500.
package authz

import rego.v1

default allow := false

allow if input.resource.owner == input.user.id

allow := false if input.resource.id == "poison"

reasons contains {"code": "not_owner", "message": "The user owns no such resource."} if not allow

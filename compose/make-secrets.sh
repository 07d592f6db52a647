#!/bin/sh
# Makes every secret of docker-compose.yml that does not exist yet, and gives each service a copy of its own secrets only.
# Volumes hold them: `docker compose down --volumes` deletes them, and the next start makes others.
set -eu
umask 077
cd /secrets/operator
jobwarden() { node /app/cli/jobwarden.ts "$@"; }
token() { # FILE: 32 random bytes, as text
  [ -s "$1" ] || node -e 'process.stdout.write(require("node:crypto").randomBytes(32).toString("base64url"))' >"$1"
}
give() { # SERVICE FROM TO: readable by the user of that service's container, who sees no other folder
  cp "$2" "../$1/$3"
  chmod 0444 "../$1/$3"
}

# Redis: a user for each role, and an administrator for the operator only.
jobwarden redis acl --topology single --admin --passwords redis --out users.acl
give redis users.acl users.acl
give redis redis/reader.password reader-password
give authorizer redis/worker.password redis-password
give auditor redis/auditor.password redis-password
cp redis/producer.password producer-password

# PostgreSQL: an owner who migrates, and a login for each role.
for login in owner authorizer auditor reader; do
  token "$login-password"
  user=$login
  [ "$login" = owner ] && user=jobwarden
  printf 'postgresql://%s:%s@postgres:5432/jobwarden' "$user" "$(cat "$login-password")" >"$login-database-url"
  give postgres "$login-password" "$login-password"
done
give authorizer authorizer-database-url database-url
give auditor auditor-database-url database-url

# Producers sign commands; workers verify them.
[ -s producer-keys.json ] || jobwarden keys make --kid compose --out producer-keys.json
give authorizer producer-keys.json producer-keys.json

# OPA admits the worker by a token.
token opa-token
printf '{"worker": ["%s"], "operator": []}' "$(cat opa-token)" >identities.json
give opa identities.json identities.json
give authorizer opa-token opa-token

# Policy bundles: who signs them, and who may do what on the bundle server.
[ -s bundle-key.pem ] || jobwarden policies keygen --out bundle-key.pem --public-out bundle-key.pub.pem
give opa bundle-key.pub.pem bundle-key.pub.pem
give bundles bundle-key.pub.pem bundle-key.pub.pem
for name in sidecar publisher auditor; do token "$name-token"; done
give opa sidecar-token bundles-token
give auditor auditor-token bundles-token
node --input-type=module >tokens.json <<'JS'
import { hash } from 'node:crypto'
import { readFileSync } from 'node:fs'
const rights = { sidecar: ['pull', 'report'], publisher: ['push', 'read'], auditor: ['read'] }
const tokens = Object.entries(rights).map(([name, production]) => ({
  name,
  sha256: hash('sha256', readFileSync(`${name}-token`)),
  rights: { production },
}))
process.stdout.write(JSON.stringify({ tokens }, null, 2))
JS
printf '{"production": {"keys": [{"keyid": "compose", "algorithm": "ES256", "publicKeyFile": "bundle-key.pub.pem"}]}}' >keys.json
give bundles tokens.json tokens.json
give bundles keys.json keys.json

# The operator's secrets are for the console, which runs as `node`, like the server whose folder of bundles this is.
chown -R 1000:1000 /secrets/operator /bundles

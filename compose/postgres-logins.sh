#!/bin/bash
# Logins for the three roles, each a member of its own role only. The image runs this once, on an empty data folder.
set -euo pipefail
for role in authorizer auditor reader; do
  psql -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d "$POSTGRES_DB" -v role="jobwarden_$role" -v login="$role" \
    -v password="$(cat "/secrets/$role-password")" <<'SQL'
create role :"role" nologin;
create role :"login" login password :'password';
grant :"role" to :"login";
SQL
done
psql -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d "$POSTGRES_DB" <<'SQL'
revoke create on schema public from public;
SQL

#!/bin/sh
# Makes Lookout's roles and its database when PostgreSQL starts for the first time, as docs/operations.md says under
# "A PostgreSQL of your own".
set -eu
psql --no-psqlrc --set=ON_ERROR_STOP=1 --set=service="$SERVICE_PASSWORD" --set=owner="$OWNER_PASSWORD" \
    --username="${POSTGRES_USER:-postgres}" --dbname=postgres <<'SQL'
CREATE ROLE lookout_platform NOLOGIN;
CREATE ROLE lookout_service LOGIN PASSWORD :'service' IN ROLE lookout_platform;
CREATE ROLE lookout_owner LOGIN PASSWORD :'owner';
CREATE DATABASE lookout OWNER lookout_owner;
REVOKE CONNECT ON DATABASE lookout FROM PUBLIC;
GRANT CONNECT ON DATABASE lookout TO lookout_service;
SQL

#!/bin/sh
# Makes Lookout's database and its roles when PostgreSQL starts for the first time: docs/operations.md, "A PostgreSQL of
# your own".
set -eu
psql --set=ON_ERROR_STOP=1 --set=password="$DATABASE_PASSWORD" --username=postgres <<'SQL'
CREATE ROLE lookout_platform NOLOGIN;
CREATE ROLE lookout_service NOLOGIN IN ROLE lookout_platform;
CREATE ROLE lookout LOGIN PASSWORD :'password';
GRANT lookout_platform TO lookout;
CREATE DATABASE lookout OWNER lookout;
REVOKE CONNECT ON DATABASE lookout FROM PUBLIC;
SQL

-- API tokens. What is stored of a token cannot be turned back into it.
-- depends: 0001_log

-- migrate: apply

CREATE TABLE tokens (
    id text COLLATE "C" PRIMARY KEY,
    digest bytea NOT NULL,
    tenant_id text COLLATE "C" NOT NULL,
    source text,
    scopes text[] NOT NULL,
    name text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    revoked_at timestamptz,
    last_used_at timestamptz
);

-- What is drawn once for an installation, as the key of the tokens' digests.
CREATE TABLE keys (
    name text COLLATE "C" PRIMARY KEY,
    value bytea NOT NULL
);

-- migrate: rollback

DROP TABLE keys, tokens;

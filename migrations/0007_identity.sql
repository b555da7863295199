-- Who is here: several ways in for one person, devices, invitations, bounded keys, and what was done.

-- Browsers that are signed in can be told apart.
ALTER TABLE sessions
    ADD COLUMN last_used_at timestamptz,
    ADD COLUMN user_agent text;

-- What somebody's account at a provider looked like when it was last used.
ALTER TABLE accounts
    ADD COLUMN email text,
    ADD COLUMN created_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN used_at timestamptz;

-- Keys that were made before could do all that their owners can.
ALTER TABLE api_keys
    ADD COLUMN scope text NOT NULL DEFAULT 'admin' CONSTRAINT api_keys_scope_check CHECK (scope IN ('read', 'write', 'admin')),
    ADD COLUMN expires_at timestamptz;
ALTER TABLE api_keys ALTER COLUMN scope DROP DEFAULT;

-- Addresses that may come in, whatever the policy says. Used up by the first sign-in.
CREATE TABLE invitations (
    email text PRIMARY KEY,  -- in lower case
    role text NOT NULL CONSTRAINT invitations_role_check CHECK (role IN ('user', 'admin', 'owner')),
    invited_by text REFERENCES users ON DELETE SET NULL, -- null: from the command line
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);

-- What was done. No foreign key: it outlives whom it names, and names them by their id alone.
CREATE TABLE audit_log (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    actor text,              -- users.id; null: nobody who is known, or the command line
    action text NOT NULL,    -- domain::audit::Action
    subject text,            -- the id of whom or what it was done to
    detail text,
    address text             -- of the client, as far as it is known
);
CREATE INDEX audit_log_actor_idx ON audit_log (actor, id DESC);

-- Mail to people. A mail is committed with its cause and sent by a worker; it names what it is about and holds no words of
-- anybody's: titles and addresses are read when it is sent, so that what was deleted meanwhile is told to nobody.
CREATE TABLE mails (
    id text PRIMARY KEY,
    kind text NOT NULL CONSTRAINT mails_kind_check CHECK (kind IN
        ('document_ready', 'document_failed', 'answer_ended', 'api_key_created', 'new_device', 'invitation')),
    cause text NOT NULL CONSTRAINT mails_cause_key UNIQUE, -- one cause, one mail, however often it is asked for
    user_id text REFERENCES users ON DELETE CASCADE,       -- to whom; null: to the address that was invited
    invited text REFERENCES invitations ON DELETE CASCADE, -- that address: with its invitation the mail goes
    subject text NOT NULL,                                 -- what it is about: an id, or the invited address
    data jsonb NOT NULL DEFAULT '{}',                      -- of security mails: what may be gone when it is sent
    created_at timestamptz NOT NULL DEFAULT now(),
    run_at timestamptz NOT NULL DEFAULT now(),
    attempts integer NOT NULL DEFAULT 0,                   -- runs begun, also those whose process died
    claim text,                                            -- who sends it
    lease_until timestamptz,                               -- past this moment somebody else may
    error text,                                            -- why the last run failed
    sent_at timestamptz,
    dead_at timestamptz,                                   -- given up
    CONSTRAINT mails_claim_check CHECK ((claim IS NULL) = (lease_until IS NULL)),
    CONSTRAINT mails_end_check CHECK (sent_at IS NULL OR dead_at IS NULL),
    CONSTRAINT mails_to_check CHECK ((user_id IS NULL) <> (invited IS NULL))
);
CREATE INDEX mails_run_at_idx ON mails (run_at, id) WHERE sent_at IS NULL AND dead_at IS NULL;
CREATE INDEX mails_created_at_idx ON mails (created_at);
CREATE INDEX mails_user_id_idx ON mails (user_id);
CREATE INDEX mails_invited_idx ON mails (invited) WHERE invited IS NOT NULL;

-- Whether a person wants mail and can be sent any: somebody who may come in, with an address that is known to be theirs
-- and leads out of this machine. One rule for whoever writes a mail and whoever sends it.
CREATE FUNCTION takes_mail(person text) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT FROM users u LEFT JOIN user_settings s ON s.user_id = u.id
        WHERE u.id = person AND u.disabled_at IS NULL AND u.email_verified_at IS NOT NULL
          AND u.email !~* '[@.](localhost|invalid)$' AND coalesce(s.email_notifications, true)
    )
$$;

-- Of a sign-in: a hash of the kind of browser and the network it came from, by which a new device is told.
ALTER TABLE audit_log ADD COLUMN device text;
CREATE INDEX audit_log_device_idx ON audit_log (actor, device) WHERE device IS NOT NULL;

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
CREATE FUNCTION public.audit_refuse() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'the audit table is append-only'; END $$;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.api_keys (
    id text NOT NULL,
    digest bytea NOT NULL,
    "user" text NOT NULL,
    forwarder integer NOT NULL,
    models text NOT NULL,
    created_at double precision NOT NULL,
    expires_at double precision,
    last_used_at double precision,
    revoked_at double precision
);
CREATE TABLE public.audit (
    id bigint NOT NULL,
    at double precision NOT NULL,
    issuer text NOT NULL,
    subject text NOT NULL,
    provider text NOT NULL,
    action text NOT NULL,
    actor text NOT NULL,
    agent text NOT NULL,
    tool text NOT NULL,
    outcome text NOT NULL,
    use_id text NOT NULL
);
ALTER TABLE public.audit ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.audit_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.credentials (
    issuer text NOT NULL,
    subject text NOT NULL,
    provider text NOT NULL,
    label text NOT NULL,
    scopes text NOT NULL,
    expires_at double precision,
    created_at double precision NOT NULL,
    updated_at double precision NOT NULL,
    key_id text NOT NULL,
    secret text NOT NULL,
    state text DEFAULT 'ok'::text NOT NULL,
    lease_until double precision
);
CREATE TABLE public.installation (
    name text NOT NULL,
    value text NOT NULL
);
CREATE TABLE public.job_events (
    job text NOT NULL,
    number integer NOT NULL,
    kind text NOT NULL,
    item text NOT NULL,
    data text NOT NULL,
    at double precision NOT NULL
);
CREATE TABLE public.jobs (
    id text NOT NULL,
    issuer text NOT NULL,
    subject text NOT NULL,
    claims text NOT NULL,
    skill text NOT NULL,
    arguments text NOT NULL,
    state text NOT NULL,
    total integer NOT NULL,
    done integer NOT NULL,
    changed integer NOT NULL,
    failed integer NOT NULL,
    error text NOT NULL,
    created_at double precision NOT NULL,
    started_at double precision,
    ended_at double precision,
    worker text NOT NULL,
    lease_until double precision NOT NULL
);
CREATE TABLE public.key_audit (
    id bigint NOT NULL,
    at double precision NOT NULL,
    action text NOT NULL,
    key_id text NOT NULL,
    "user" text NOT NULL,
    address text NOT NULL,
    outcome text NOT NULL,
    times integer NOT NULL
);
ALTER TABLE public.key_audit ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.key_audit_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.memories (
    issuer text NOT NULL,
    subject text NOT NULL,
    skill text NOT NULL,
    name text NOT NULL,
    value text NOT NULL
);
CREATE TABLE public.oauth_states (
    digest text NOT NULL,
    issuer text NOT NULL,
    subject text NOT NULL,
    provider text NOT NULL,
    browser text NOT NULL,
    details text NOT NULL,
    expires_at double precision NOT NULL
);
CREATE TABLE public.schema_versions (
    name text NOT NULL,
    version integer NOT NULL
);
CREATE TABLE public.tickets (
    digest text NOT NULL,
    issuer text NOT NULL,
    subject text NOT NULL,
    provider text NOT NULL,
    person text NOT NULL,
    attempts integer NOT NULL,
    expires_at double precision NOT NULL
);
INSERT INTO public.api_keys VALUES ('8bcohpx0', '\xa9111d0cc8531affd5ce7bba8fdf93ee353f3e71bf3b795d5da9d99cb8b96378', 'open-webui', 1, '', 1795835588.081734, NULL, NULL, 1795835588.083396);
INSERT INTO public.api_keys VALUES ('34ewnt8k', '\xa13dd9748c2dab33c02eddae9578da9328ac3241da66d2cb92fd83630c59ea5c', 'anna', 0, 'agno/demo-agent,agno/github-agent', 1795835588.073592, 9000000000, 1795835588.087858, NULL);
INSERT INTO public.audit OVERRIDING SYSTEM VALUE VALUES (1, 1795835588.208048, 'roster', 'anna', 'jira', 'set', 'operator', '', '', 'ok', '');
INSERT INTO public.audit OVERRIDING SYSTEM VALUE VALUES (2, 1795835588.2099428, 'open-webui', 'berta', 'github', 'set', 'operator', '', '', 'ok', '');
INSERT INTO public.audit OVERRIDING SYSTEM VALUE VALUES (3, 1795835588.2135406, 'roster', 'anna', 'jira', 'use', 'user', 'a', 't', 'started', 'u1');
INSERT INTO public.audit OVERRIDING SYSTEM VALUE VALUES (4, 1795835588.2140615, 'roster', 'anna', 'jira', 'use', 'user', 'a', 't', 'ok', 'u1');
INSERT INTO public.credentials VALUES ('open-webui', 'berta', 'github', '', '', NULL, 1795835588.2094648, 1795835588.2094648, '909ae92f', 'r1:909ae92f:gAAAAABrCkbEsJIQl72hMC4HuX45vzdEUS9ffL42tCNHtJKWG9959oLKLAepIyBxcqCYsRVFl68Lrcis6yE-_UzFUOL19CXAvbGTZGeMNQonfgvUy64UeBE=', 'reconnect', NULL);
INSERT INTO public.credentials VALUES ('roster', 'anna', 'jira', 'Work', 'read write', 12345.5, 1795835588.2019892, 1795835588.2019892, '909ae92f', 'r1:909ae92f:gAAAAABrCkbEjmOG31Nj3kPCW4B_hSnN9GQX747cjqhMzOxzSnwbtBSga_RSLJcbERJEELpoqyMJTMk_gmE5tbrbSBtVWk8xYuXAkrdyFySfIXHHWE9ydpM=', 'ok', 1795835648.2119746);
INSERT INTO public.installation VALUES ('salt', '5705ebf91332b8ad6a4529f1e3a596d8');
INSERT INTO public.installation VALUES ('canary/909ae92f', 'r1:909ae92f:gAAAAABrCkbEfKilOu1E2gV4P3eTvAMwjPf8I_Uv8CGnY9py2dX1u7IGwGK3xrCX0usK2BAiFvcW1OCncjFt-Rr2QHJi96GViuQ9pvkfGWbuE083-MOXmPc=');
INSERT INTO public.job_events VALUES ('job_f43e31c9223f3f0541445b98', 1, 'item', 'ink.safetensors', '{"item": "ink.safetensors"}', 1795835588.1319537);
INSERT INTO public.job_events VALUES ('job_f43e31c9223f3f0541445b98', 2, 'completed', '', '{"total": 1}', 1795835588.1319604);
INSERT INTO public.job_events VALUES ('job_70556b10d7a7e9d9d216b20e', 1, 'cancelled', '', '{"total": 0, "done": 0, "changed": 0, "failed": 0}', 1795835588.141994);
INSERT INTO public.jobs VALUES ('job_2f6408fc7fc079be72c7a1b0', 'roster', 'anna', '{"user": "anna", "proof": "own_key", "key_id": "34ewnt8k", "models": "", "chat_id": "", "name": ""}', 'enrich-hf-metadata', '{"folder": "waits"}', 'queued', 0, 0, 0, 0, '', 1795835588.1154318, NULL, NULL, '', 0);
INSERT INTO public.jobs VALUES ('job_4e18d123096c48210cceb71b', 'roster', 'anna', '{"user": "anna", "proof": "own_key", "key_id": "34ewnt8k", "models": "", "chat_id": "", "name": ""}', 'enrich-hf-metadata', '{"folder": "runs"}', 'running', 0, 0, 0, 0, '', 1795835588.104308, 1795835588.1254096, NULL, 'worker-1', 1795835598.1171265);
INSERT INTO public.jobs VALUES ('job_f43e31c9223f3f0541445b98', 'roster', 'anna', '{"user": "anna", "proof": "own_key", "key_id": "34ewnt8k", "models": "", "chat_id": "", "name": ""}', 'enrich-hf-metadata', '{"folder": "done"}', 'completed', 1, 1, 1, 0, '', 1795835588.0996675, 1795835588.1212144, 1795835588.1321626, 'worker-1', 1795835598.1171265);
INSERT INTO public.jobs VALUES ('job_70556b10d7a7e9d9d216b20e', 'roster', 'anna', '{"user": "anna", "proof": "own_key", "key_id": "34ewnt8k", "models": "", "chat_id": "", "name": ""}', 'enrich-hf-metadata', '{"folder": "stopped"}', 'cancelled', 0, 0, 0, 0, '', 1795835588.1092563, NULL, 1795835588.1400104, '', 0);
INSERT INTO public.key_audit OVERRIDING SYSTEM VALUE VALUES (1, 1795835588.073592, 'create', '34ewnt8k', 'anna', '', 'ok', 1);
INSERT INTO public.key_audit OVERRIDING SYSTEM VALUE VALUES (2, 1795835588.081734, 'create', '8bcohpx0', 'open-webui', '', 'ok', 1);
INSERT INTO public.key_audit OVERRIDING SYSTEM VALUE VALUES (3, 1795835588.083396, 'revoke', '8bcohpx0', 'open-webui', '', 'ok', 1);
INSERT INTO public.key_audit OVERRIDING SYSTEM VALUE VALUES (4, 1795835588.0989246, 'refuse', 'abcdefgh', '', '192.0.2.7', 'no such key', 3);
INSERT INTO public.memories VALUES ('roster', 'anna', 'palette', 'favourite', 'tüll');
INSERT INTO public.oauth_states VALUES ('bd5fc7daf28864c6da39961db719c19e61e34afdb99dc21609ede08e860e671c', 'open-webui', 'berta', 'github', 'browser-1', 'r1:909ae92f:gAAAAABrCkbECOwHj8TWKr5-SWWOKbwaCm92IjiCTtt3E6GUg9I2Mxf9ees6sOLxWQDWQjqb_RtR4kq72_LvkUze3eOFUfwCKwLstNKx9ZrkJnoYwZtDP9k=', 9000000000);
INSERT INTO public.schema_versions VALUES ('roster', 3);
INSERT INTO public.schema_versions VALUES ('credentials', 2);
INSERT INTO public.tickets VALUES ('fb15dd54326a38aca8adefec3d9ab9580236aed0144201d8566b1a19324ba556', 'roster', 'anna', 'jira', 'Anna', 0, 9000000000);
SELECT pg_catalog.setval('public.audit_id_seq', 4, true);
SELECT pg_catalog.setval('public.key_audit_id_seq', 4, true);
ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.audit
    ADD CONSTRAINT audit_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.credentials
    ADD CONSTRAINT credentials_pkey PRIMARY KEY (issuer, subject, provider);
ALTER TABLE ONLY public.installation
    ADD CONSTRAINT installation_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.job_events
    ADD CONSTRAINT job_events_pkey PRIMARY KEY (job, number);
ALTER TABLE ONLY public.jobs
    ADD CONSTRAINT jobs_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.key_audit
    ADD CONSTRAINT key_audit_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.memories
    ADD CONSTRAINT memories_pkey PRIMARY KEY (issuer, subject, skill, name);
ALTER TABLE ONLY public.oauth_states
    ADD CONSTRAINT oauth_states_pkey PRIMARY KEY (digest);
ALTER TABLE ONLY public.schema_versions
    ADD CONSTRAINT schema_versions_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.tickets
    ADD CONSTRAINT tickets_pkey PRIMARY KEY (digest);
CREATE INDEX credentials_by_key ON public.credentials USING btree (key_id);
CREATE INDEX jobs_by_person ON public.jobs USING btree (issuer, subject, created_at);
CREATE INDEX jobs_by_state ON public.jobs USING btree (state, created_at);
CREATE INDEX key_audit_by_time ON public.key_audit USING btree (at);
CREATE TRIGGER audit_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.audit FOR EACH STATEMENT EXECUTE FUNCTION public.audit_refuse();

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
    secret text NOT NULL
);
CREATE TABLE public.installation (
    name text NOT NULL,
    value text NOT NULL
);
CREATE TABLE public.memories (
    issuer text NOT NULL,
    subject text NOT NULL,
    skill text NOT NULL,
    name text NOT NULL,
    value text NOT NULL
);
CREATE TABLE public.schema_versions (
    name text NOT NULL,
    version integer NOT NULL
);
INSERT INTO public.api_keys VALUES ('34ewnt8k', '\xa13dd9748c2dab33c02eddae9578da9328ac3241da66d2cb92fd83630c59ea5c', 'anna', 0, 'agno/demo-agent,agno/github-agent', 1795835588.073592, 9000000000, 1795835588.087858, NULL);
INSERT INTO public.api_keys VALUES ('8bcohpx0', '\xa9111d0cc8531affd5ce7bba8fdf93ee353f3e71bf3b795d5da9d99cb8b96378', 'open-webui', 1, '', 1795835588.081734, NULL, NULL, 1795835588.083396);
INSERT INTO public.credentials VALUES ('open-webui', 'berta', 'github', '', '', NULL, 1795835588.2094648, 1795835588.2094648, '909ae92f', 'r1:909ae92f:gAAAAABrCkbEsJIQl72hMC4HuX45vzdEUS9ffL42tCNHtJKWG9959oLKLAepIyBxcqCYsRVFl68Lrcis6yE-_UzFUOL19CXAvbGTZGeMNQonfgvUy64UeBE=');
INSERT INTO public.credentials VALUES ('roster', 'anna', 'jira', 'Work', 'read write', 12345.5, 1795835588.2019892, 1795835588.2019892, '909ae92f', 'r1:909ae92f:gAAAAABrCkbEjmOG31Nj3kPCW4B_hSnN9GQX747cjqhMzOxzSnwbtBSga_RSLJcbERJEELpoqyMJTMk_gmE5tbrbSBtVWk8xYuXAkrdyFySfIXHHWE9ydpM=');
INSERT INTO public.installation VALUES ('canary/909ae92f', 'r1:909ae92f:gAAAAABrCkbEfKilOu1E2gV4P3eTvAMwjPf8I_Uv8CGnY9py2dX1u7IGwGK3xrCX0usK2BAiFvcW1OCncjFt-Rr2QHJi96GViuQ9pvkfGWbuE083-MOXmPc=');
INSERT INTO public.installation VALUES ('salt', '5705ebf91332b8ad6a4529f1e3a596d8');
INSERT INTO public.memories VALUES ('roster', 'anna', 'palette', 'favourite', 'tüll');
INSERT INTO public.schema_versions VALUES ('roster', 1);
INSERT INTO public.schema_versions VALUES ('credentials', 1);
ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.credentials
    ADD CONSTRAINT credentials_pkey PRIMARY KEY (issuer, subject, provider);
ALTER TABLE ONLY public.installation
    ADD CONSTRAINT installation_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.memories
    ADD CONSTRAINT memories_pkey PRIMARY KEY (issuer, subject, skill, name);
ALTER TABLE ONLY public.schema_versions
    ADD CONSTRAINT schema_versions_pkey PRIMARY KEY (name);
CREATE INDEX credentials_by_key ON public.credentials USING btree (key_id);

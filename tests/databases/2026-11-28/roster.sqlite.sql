BEGIN TRANSACTION;
CREATE TABLE api_keys (
                id TEXT PRIMARY KEY,
                digest BLOB NOT NULL,
                "user" TEXT NOT NULL,
                forwarder INTEGER NOT NULL,
                models TEXT NOT NULL,
                created_at REAL NOT NULL,
                expires_at REAL,
                last_used_at REAL,
                revoked_at REAL
            );
INSERT INTO "api_keys" VALUES('xul4e4ws',X'66934BCA77F47C7ADFAEDFD9CB67B86A09DACD9469241E8219EBEDDB106CCCDF','anna',0,'agno/demo-agent,agno/github-agent',1.79583558642312407496e+09,9000000000.0,1.79583558643190908431e+09,NULL);
INSERT INTO "api_keys" VALUES('8qdnssjw',X'61F1BF5B3394E7F1696FAAE9712AC2ABE10422522368E9DC6A5CC9D5897223E0','open-webui',1,'',1795835586.42422,NULL,NULL,1.795835586424767971e+09);
CREATE TABLE job_events (
                job TEXT NOT NULL,
                number INTEGER NOT NULL,
                kind TEXT NOT NULL,
                item TEXT NOT NULL,
                data TEXT NOT NULL,
                at REAL NOT NULL,
                PRIMARY KEY (job, number)
            ) WITHOUT ROWID;
INSERT INTO "job_events" VALUES('job_17e1ba68700c4647be587e7e',1,'cancelled','','{"total": 0, "done": 0, "changed": 0, "failed": 0}',1.79583558644477272038e+09);
INSERT INTO "job_events" VALUES('job_249f9d0b2291bd7f2e945f47',1,'item','ink.safetensors','{"item": "ink.safetensors"}',1.79583558644239258761e+09);
INSERT INTO "job_events" VALUES('job_249f9d0b2291bd7f2e945f47',2,'completed','','{"total": 1}',1.7958355864423978329e+09);
CREATE TABLE jobs (
                id TEXT PRIMARY KEY,
                issuer TEXT NOT NULL,
                subject TEXT NOT NULL,
                claims TEXT NOT NULL,
                skill TEXT NOT NULL,
                arguments TEXT NOT NULL,
                state TEXT NOT NULL,
                total INTEGER NOT NULL,
                done INTEGER NOT NULL,
                changed INTEGER NOT NULL,
                failed INTEGER NOT NULL,
                error TEXT NOT NULL,
                created_at REAL NOT NULL,
                started_at REAL,
                ended_at REAL,
                worker TEXT NOT NULL,
                lease_until REAL NOT NULL
            );
INSERT INTO "jobs" VALUES('job_249f9d0b2291bd7f2e945f47','roster','anna','{"user": "anna", "proof": "own_key", "key_id": "xul4e4ws", "models": "", "chat_id": "", "name": ""}','enrich-hf-metadata','{"folder": "done"}','completed',1,1,1,0,'',1.79583558643562912942e+09,1.79583558644046640401e+09,1.79583558644246602063e+09,'worker-1',1.79583559643877649306e+09);
INSERT INTO "jobs" VALUES('job_aa3e8d2aee0fe2ff66e1e430','roster','anna','{"user": "anna", "proof": "own_key", "key_id": "xul4e4ws", "models": "", "chat_id": "", "name": ""}','enrich-hf-metadata','{"folder": "runs"}','running',0,0,0,0,'',1.79583558643687605854e+09,1.79583558644137358667e+09,NULL,'worker-1',1.79583559643877649306e+09);
INSERT INTO "jobs" VALUES('job_17e1ba68700c4647be587e7e','roster','anna','{"user": "anna", "proof": "own_key", "key_id": "xul4e4ws", "models": "", "chat_id": "", "name": ""}','enrich-hf-metadata','{"folder": "stopped"}','cancelled',0,0,0,0,'',1.79583558643753170964e+09,NULL,1.79583558644387865062e+09,'',0.0);
INSERT INTO "jobs" VALUES('job_9d10aead5d242db207ef412b','roster','anna','{"user": "anna", "proof": "own_key", "key_id": "xul4e4ws", "models": "", "chat_id": "", "name": ""}','enrich-hf-metadata','{"folder": "waits"}','queued',0,0,0,0,'',1.79583558643816590307e+09,NULL,NULL,'',0.0);
CREATE TABLE key_audit (
                id INTEGER PRIMARY KEY,
                at REAL NOT NULL,
                action TEXT NOT NULL,
                key_id TEXT NOT NULL,
                "user" TEXT NOT NULL,
                address TEXT NOT NULL,
                outcome TEXT NOT NULL,
                times INTEGER NOT NULL
            );
INSERT INTO "key_audit" VALUES(1,1.79583558642312407496e+09,'create','xul4e4ws','anna','','ok',1);
INSERT INTO "key_audit" VALUES(2,1795835586.42422,'create','8qdnssjw','open-webui','','ok',1);
INSERT INTO "key_audit" VALUES(3,1.795835586424767971e+09,'revoke','8qdnssjw','open-webui','','ok',1);
INSERT INTO "key_audit" VALUES(4,1.79583558643534469605e+09,'refuse','abcdefgh','','192.0.2.7','no such key',3);
CREATE TABLE memories (
                issuer TEXT NOT NULL,
                subject TEXT NOT NULL,
                skill TEXT NOT NULL,
                name TEXT NOT NULL,
                value TEXT NOT NULL,
                PRIMARY KEY (issuer, subject, skill, name)
            ) WITHOUT ROWID;
INSERT INTO "memories" VALUES('roster','anna','palette','favourite','tüll');
CREATE INDEX jobs_by_person ON jobs (issuer, subject, created_at);
CREATE INDEX jobs_by_state ON jobs (state, created_at);
CREATE INDEX key_audit_by_time ON key_audit (at);
COMMIT;
PRAGMA user_version = 3;

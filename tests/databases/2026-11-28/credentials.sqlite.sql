BEGIN TRANSACTION;
CREATE TABLE audit (
                id INTEGER PRIMARY KEY,
                at REAL NOT NULL,
                issuer TEXT NOT NULL,
                subject TEXT NOT NULL,
                provider TEXT NOT NULL,
                action TEXT NOT NULL,
                actor TEXT NOT NULL,
                agent TEXT NOT NULL,
                tool TEXT NOT NULL,
                outcome TEXT NOT NULL,
                use_id TEXT NOT NULL
            );
INSERT INTO "audit" VALUES(1,1.79583558649066781995e+09,'roster','anna','jira','set','operator','','','ok','');
INSERT INTO "audit" VALUES(2,1.79583558649133515354e+09,'open-webui','berta','github','set','operator','','','ok','');
INSERT INTO "audit" VALUES(3,1.79583558649339056017e+09,'roster','anna','jira','use','user','a','t','started','u1');
INSERT INTO "audit" VALUES(4,1.79583558649362540248e+09,'roster','anna','jira','use','user','a','t','ok','u1');
CREATE TABLE credentials (
                issuer TEXT NOT NULL,
                subject TEXT NOT NULL,
                provider TEXT NOT NULL,
                label TEXT NOT NULL,
                scopes TEXT NOT NULL,
                expires_at REAL,
                created_at REAL NOT NULL,
                updated_at REAL NOT NULL,
                key_id TEXT NOT NULL,
                secret TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'ok', lease_until REAL,
                PRIMARY KEY (issuer, subject, provider)
            ) WITHOUT ROWID;
INSERT INTO "credentials" VALUES('open-webui','berta','github','','',NULL,1.79583558649110531808e+09,1.79583558649110531808e+09,'909ae92f','r1:909ae92f:gAAAAABrCkbCR34yzYbRSrIQZJz9ZNBYxPGEwhGJuVrz-JV-ARHLv_UE7eZ-Oy1G0rIUncvcWG-c1Xww3Q3ZXmcwGnJVt9rqTsqzpBzPCf_itb5oMxlv_QA=','reconnect',NULL);
INSERT INTO "credentials" VALUES('roster','anna','jira','Work','read write',12345.5,1.79583558649006581301e+09,1.79583558649006581301e+09,'909ae92f','r1:909ae92f:gAAAAABrCkbCmYEt1pIu109qner6I4A2huVjl9Eo96dxq-yNkxm3CEm4urRHjDUOnevXqz9KohTc_GGBLsGLZF83PtvhHalkeWa0_QckZuW04g6iHHEG2Rk=','ok',1.79583564649256896975e+09);
CREATE TABLE installation (name TEXT PRIMARY KEY, value TEXT NOT NULL);
INSERT INTO "installation" VALUES('salt','fa27eed340919cf27c7ae03525b9e286');
INSERT INTO "installation" VALUES('canary/909ae92f','r1:909ae92f:gAAAAABrCkbC9M7tI0iYJM93PPg3IH25I1fgHJqcnl9AMOWbpM2roVQnkSiiunrzX2cdPACVJy0E3TD7qRZfrA5vAFp_FcorPxSrABS2pSv5QKEtEPKT2qA=');
CREATE TABLE oauth_states (
                digest TEXT PRIMARY KEY,
                issuer TEXT NOT NULL,
                subject TEXT NOT NULL,
                provider TEXT NOT NULL,
                browser TEXT NOT NULL,
                details TEXT NOT NULL,
                expires_at REAL NOT NULL
            ) WITHOUT ROWID;
INSERT INTO "oauth_states" VALUES('5ac5739f0ee6b9da6b4a122d7d97aa1b55e58390bd88ca1404046d65f48f0f29','open-webui','berta','github','browser-1','r1:909ae92f:gAAAAABrCkbCs8j2AhcBhSSkhpPqpfhj3YNvArMPbiqhWJkZr1fmn8raPNynoI8sbpfJu5nVkeyaW3UlrsuaHknwUgE6S8ITM3zTDgn50WEp1ZwtjTCvoIU=',9000000000.0);
CREATE TABLE tickets (
                digest TEXT PRIMARY KEY,
                issuer TEXT NOT NULL,
                subject TEXT NOT NULL,
                provider TEXT NOT NULL,
                person TEXT NOT NULL,
                attempts INTEGER NOT NULL,
                expires_at REAL NOT NULL
            ) WITHOUT ROWID;
INSERT INTO "tickets" VALUES('551f30f76999ced8442a077b3edcde05836d28bdb05c3903f9c8bc32d80c1fa2','roster','anna','jira','Anna',0,9000000000.0);
CREATE INDEX credentials_by_key ON credentials (key_id);
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit table is append-only'); END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit table is append-only'); END;
COMMIT;
PRAGMA user_version = 2;

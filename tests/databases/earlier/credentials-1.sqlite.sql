BEGIN TRANSACTION;
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
                secret TEXT NOT NULL,
                PRIMARY KEY (issuer, subject, provider)
            ) WITHOUT ROWID;
INSERT INTO "credentials" VALUES('open-webui','berta','github','','',NULL,1.79583558649110531808e+09,1.79583558649110531808e+09,'909ae92f','r1:909ae92f:gAAAAABrCkbCR34yzYbRSrIQZJz9ZNBYxPGEwhGJuVrz-JV-ARHLv_UE7eZ-Oy1G0rIUncvcWG-c1Xww3Q3ZXmcwGnJVt9rqTsqzpBzPCf_itb5oMxlv_QA=');
INSERT INTO "credentials" VALUES('roster','anna','jira','Work','read write',12345.5,1.79583558649006581301e+09,1.79583558649006581301e+09,'909ae92f','r1:909ae92f:gAAAAABrCkbCmYEt1pIu109qner6I4A2huVjl9Eo96dxq-yNkxm3CEm4urRHjDUOnevXqz9KohTc_GGBLsGLZF83PtvhHalkeWa0_QckZuW04g6iHHEG2Rk=');
CREATE TABLE installation (name TEXT PRIMARY KEY, value TEXT NOT NULL);
INSERT INTO "installation" VALUES('canary/909ae92f','r1:909ae92f:gAAAAABrCkbC9M7tI0iYJM93PPg3IH25I1fgHJqcnl9AMOWbpM2roVQnkSiiunrzX2cdPACVJy0E3TD7qRZfrA5vAFp_FcorPxSrABS2pSv5QKEtEPKT2qA=');
INSERT INTO "installation" VALUES('salt','fa27eed340919cf27c7ae03525b9e286');
CREATE INDEX credentials_by_key ON credentials (key_id);
COMMIT;
PRAGMA user_version = 1;

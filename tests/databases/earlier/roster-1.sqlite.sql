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
INSERT INTO "api_keys" VALUES('8qdnssjw',X'61F1BF5B3394E7F1696FAAE9712AC2ABE10422522368E9DC6A5CC9D5897223E0','open-webui',1,'',1795835586.42422,NULL,NULL,1.795835586424767971e+09);
INSERT INTO "api_keys" VALUES('xul4e4ws',X'66934BCA77F47C7ADFAEDFD9CB67B86A09DACD9469241E8219EBEDDB106CCCDF','anna',0,'agno/demo-agent,agno/github-agent',1.79583558642312407496e+09,9000000000.0,1.79583558643190908431e+09,NULL);
CREATE TABLE memories (
                issuer TEXT NOT NULL,
                subject TEXT NOT NULL,
                skill TEXT NOT NULL,
                name TEXT NOT NULL,
                value TEXT NOT NULL,
                PRIMARY KEY (issuer, subject, skill, name)
            ) WITHOUT ROWID;
INSERT INTO "memories" VALUES('roster','anna','palette','favourite','tüll');
COMMIT;
PRAGMA user_version = 1;

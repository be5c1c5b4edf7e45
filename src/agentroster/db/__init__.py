"""The databases: opened, brought up to date, used from worker threads."""

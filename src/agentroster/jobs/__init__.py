"""Jobs: long skill executions that show progress, can be cancelled, and survive a restart."""

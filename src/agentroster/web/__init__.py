"""Our own routes: JSON for programs, pages for people."""

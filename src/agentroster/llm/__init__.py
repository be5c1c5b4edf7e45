"""Where a language-model call goes, and how it is made."""

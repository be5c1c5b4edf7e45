"""Web pages of our own: plain HTML, no script, in the language of the browser."""

"""Cuts cards out of the thread of a channel, which Open WebUI tells in the system message with what others wrote."""

import re

# Whole cards and quoted thinking: between two others, people's own words would be cut out with them.
_IN_THREAD = re.compile(
    r'\s{0,4}<details type="(?:tool_calls|reasoning)"[^\n<>]*>\n<summary>[^\n<>]*</summary>\n'
    r"(?:(?:>|&gt;)[^\n]*\n)*</details>\s{0,4}"
)


def without_cards_of_others(text: str) -> str:
    """Return a thread without cards."""
    return _IN_THREAD.sub("\n\n", text) if "<details type=" in text else text

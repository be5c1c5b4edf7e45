"""One row of what is known of model servers; `docs/model-servers.md` is made of these."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A dialect or a fault: what is seen, what is done, and where that was learnt."""

    name: str
    seen: str
    done: str
    source: str

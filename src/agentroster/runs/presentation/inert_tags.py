"""Which HTML tags do something in a page by themselves, and which only with attributes.

Sources: the HTML Standard's list of elements; Open WebUI 0.12.4, whose page gives `<details>`, `<video>`, `<audio>`,
`<iframe>`, `<status>`, `<file>` and `<source_id>` in an answer a meaning of its own, some without any attribute.
"""

_ACTIVE = (
    "applet audio base body button canvas details dialog embed fencedframe file form frame frameset head html "
    "iframe image img input link map marquee math meta noembed noframes noscript object option picture plaintext "
    "portal pre script search select slot source source_id status style summary svg template textarea title track "
    "video xmp"
)
ACTIVE = frozenset(_ACTIVE.split())
"""Inert always: they fetch, run, hide what follows, or look like a part of the page."""

_PLAIN = (
    "a abbr acronym address area article aside b bdi bdo big blink blockquote br caption center cite code col "
    "colgroup content data datalist dd decorator del dfn dir div dl dt element em fieldset figcaption figure font "
    "footer h1 h2 h3 h4 h5 h6 header hgroup hr i ins kbd label legend li main mark menu menuitem meter nav nobr ol "
    "optgroup output p progress q rb rp rt rtc ruby s samp section shadow small spacer span strike strong sub sup "
    "table tbody td tfoot th thead time tr tt u ul var wbr"
)
PLAIN = frozenset(_PLAIN.split())
"""Inert with attributes, which may name an address, a style or an event; bare ones are left as they are."""


def is_active(name: str) -> bool:
    """Whether a tag of this name acts without attributes."""
    return name.lower() in ACTIVE


def may_act(name: str) -> bool:
    """Whether a page would obey attributes of a tag of this name."""
    return name.lower() in PLAIN or "-" in name or ":" in name

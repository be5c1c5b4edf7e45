"""What is known of how answers are framed and sent; `frames`, `body` and the endpoint do it."""

from agentroster.llm.dialects.rule import Rule

RULES = (
    Rule(
        name="framing",
        seen="server-sent events, one JSON value a line, an indented document, a list of chunks, values without "
        "anything between them; streams labelled as JSON, JSON labelled as a stream, HTML or nothing",
        done="the bytes decide, never the content type",
        source="WHATWG HTML, server-sent events; gateways in general",
    ),
    Rule(
        name="events that are odd",
        seen="no blank after `data:`, no blank line between events, an event over several lines, comments, empty "
        "`data:`, `null`, a byte order mark, any line break, no line break at the end, bytes that are no UTF-8",
        done="read as what was meant; keep-alives are left out",
        source="ollama, OpenRouter's comments, ping events of gateways",
    ),
    Rule(
        name="the end of an answer",
        seen="no `[DONE]`, no finish reason but `[DONE]`, a connection that stays open after the finish, or "
        "breaks after it",
        done="an answer is whole when its finish reason, or `[DONE]`, or its message came; token counts are waited for "
        "two seconds at most. Everything else is half an answer, and an error",
        source="gateways in general",
    ),
    Rule(
        name="other status codes",
        seen="201 or 206 with an answer, a redirect, HTML with 200",
        done="every 2xx is read; a redirect is an error that names the address as what is wrong; what cannot be read "
        "stands in the log with its content type and its first words",
        source="gateways in general",
    ),
    Rule(
        name="too much",
        seen="a line of over 2 MB, an answer of over 20 MB decoded (200 MB with the framing of a stream), arguments of "
        "over 1 MB, 128 calls, an endless error page, compression that nobody asked for",
        done="gzip and deflate are decoded within the bounds, other encodings refused; the answer ends as an error",
        source="bounds of ours: people name their own servers",
    ),
)

"""HTML of the pages: templates that escape everything, and headers that let nothing else in."""

import base64
import hashlib
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from agentroster.web.pages.languages import Texts

_STYLE = (files("agentroster.web.pages") / "templates" / "style.css").read_text(encoding="utf-8").strip()
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_templates = Environment(
    loader=PackageLoader("agentroster.web.pages"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)


def page(name: str, text: Texts, *, status: int = 200, forms_to: str = "", **values: object) -> HTMLResponse:
    """Return a page. `forms_to` is an origin that a form may lead to besides our own.

    A form page keeps its referrer for itself, because a browser hides the origin of a form otherwise; the others send
    none at all.
    """
    html = _templates.get_template(f"{name}.html").render(t=text, style=_STYLE, **values)
    form_action = f"form-action 'self' {forms_to}".strip() if name == "connect" else "form-action 'none'"
    policy = (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; {form_action}; base-uri 'none'; frame-ancestors 'none'"
    )
    headers = {
        "content-security-policy": policy,
        "referrer-policy": "same-origin" if name == "connect" else "no-referrer",
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "content-language": text.code,
    }
    return HTMLResponse(html, status_code=status, headers=headers)

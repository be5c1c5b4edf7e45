"""Writes docs/settings.md from the settings themselves, so that the page cannot be wrong."""

from pathlib import Path

from agentroster.settings.settings import SECRET_FIELDS, Settings

PAGE = Path(__file__).parent.parent / "docs" / "settings.md"
_INTRO = """# Settings

Every setting is an environment variable. `roster serve` also takes `--host`, `--port`, `--data-dir`, `--config` and
`--agents-file`, which win over the environment. A setting marked with a star may be given as `NAME_FILE`, the path of
a file that holds it. `LITELLM_MASTER_KEY` and `ROSTER_ENCRYPTION_KEY` may also stand in `secrets.env` in the data
directory.

This page is made by `uv run just docs`.

| Variable | Default | What it does |
| --- | --- | --- |
"""


def page() -> str:
    """Return the whole page."""
    rows: list[str] = []
    for name, field in Settings.model_fields.items():
        star = " *" if name in SECRET_FIELDS else ""
        default = ",".join(field.default) if isinstance(field.default, tuple) else field.default
        shown = "" if default in {None, ""} else f"`{default}`"
        rows.append(f"| `{field.alias}`{star} | {shown} | {field.description} |\n")
    return _INTRO + "".join(rows)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

"""The colour tools."""

import colorsys
import hashlib

from agentroster import BadInput, SkillContext
from agentroster.builtin.skills.colours.strip import strip_of
from agentroster.messages import say

_NAMED = {
    "red": "#d62828", "orange": "#f77f00", "yellow": "#fcbf49", "green": "#2a9d4e", "teal": "#2a9d8f",
    "cyan": "#22b8cf", "blue": "#1d70b8", "navy": "#14213d", "purple": "#7b2cbf", "violet": "#9d4edd",
    "pink": "#ff70a6", "brown": "#7f5539", "grey": "#6c757d", "gray": "#6c757d", "black": "#111111", "white": "#fafafa",
}  # fmt: skip
_THEMES = {"ocean": "🌊", "forest": "🌲", "sunset": "🌅", "night": "🌙"}
_ROLES = ("background", "surface", "text", "accent", "highlight")


async def colour_palette(context: SkillContext, /, base: str = "") -> dict[str, object]:
    """Return five shades around a base colour."""
    colour = _parse(base) if base.strip() else await _favourite_or(context, "teal")
    shades = [_shift(colour, hue=step * 0.06, light=step * 0.09) for step in range(-2, 3)]
    context.picture(say("colours.palette", colour=colour), strip_of(shades))
    await context.show(f"{say('colours.palette', colour=colour)}\n\n" + "".join(f"- `{shade}`\n" for shade in shades))
    return {"base": colour, "palette": shades}


async def themed_text(context: SkillContext, /, text: str, theme: str = "") -> dict[str, object]:
    """Return the text dressed in a theme; without one, the theme nearest to the favourite colour."""
    chosen = theme or _theme_of(await _favourite_or(context, "teal"))
    dressed = f"{_THEMES[chosen]} {text} {_THEMES[chosen]}"
    await context.show(f"{dressed}\n")
    return {"theme": chosen, "text": dressed}


async def colour_scheme(context: SkillContext, /, purpose: str) -> dict[str, object]:
    """Return a colour for each role; the same purpose always gets the same scheme."""
    seed = hashlib.sha256(purpose.strip().lower().encode()).digest()[0] / 255
    hues = {"background": (seed, 0.96, 0.25), "surface": (seed, 0.90, 0.30), "text": (seed, 0.15, 0.30)}
    hues |= {"accent": (seed + 0.5, 0.45, 0.65), "highlight": (seed + 0.08, 0.55, 0.75)}
    scheme = {role: _hex(*hues[role]) for role in _ROLES}
    rows = "".join(f"| {role} | `{colour}` |\n" for role, colour in scheme.items())
    head = f"{say('colours.scheme', purpose=purpose.strip())}\n\n{say('colours.table_head')}\n| --- | --- |\n"
    context.picture(say("colours.scheme", purpose=purpose.strip()), strip_of(list(scheme.values())))
    await context.show(f"{head}{rows}")
    return {"purpose": purpose, "scheme": scheme}


async def favourite_colour(context: SkillContext, /, colour: str = "") -> dict[str, object]:
    """Remember a favourite colour, or return the remembered one."""
    if name := colour.strip().lower():
        _parse(colour)
        await context.memory.set("favourite", name)
        await context.show(say("colours.will_remember", colour=name) + "\n")
        return {"favourite": name}
    known = await context.memory.get("favourite")
    await context.show((say("colours.favourite", colour=known) if known else say("colours.no_favourite")) + "\n")
    return {"favourite": known}


async def _favourite_or(context: SkillContext, fallback: str) -> str:
    return _parse(await context.memory.get("favourite") or fallback)


def _parse(text: str) -> str:
    name = text.strip().lower()
    colour = _NAMED.get(name, name)
    if len(colour) == 7 and colour.startswith("#") and all(char in "0123456789abcdef" for char in colour[1:]):  # noqa: PLR2004
        return colour
    raise BadInput(say("colours.unknown", text=text.strip(), names=", ".join(_NAMED)))


def _hls(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5))
    return colorsys.rgb_to_hls(red, green, blue)


def _hex(hue: float, light: float, saturation: float) -> str:
    channels = colorsys.hls_to_rgb(hue % 1, min(max(light, 0.05), 0.97), saturation)
    return "#" + "".join(f"{round(channel * 255):02x}" for channel in channels)


def _shift(colour: str, *, hue: float, light: float) -> str:
    base_hue, base_light, saturation = _hls(colour)
    return _hex(base_hue + hue, base_light + light, saturation)


def _theme_of(colour: str) -> str:
    hue, light, _ = _hls(colour)
    if light < 0.25:  # noqa: PLR2004 - dark colours belong to the night, whatever their hue
        return "night"
    return "sunset" if hue < 0.17 or hue > 0.85 else "forest" if hue < 0.45 else "ocean"  # noqa: PLR2004

"""Takes the pictures of docs/images from the screenshots that `just test-openwebui` left in build/screenshots."""

import re
import sys
from pathlib import Path

from PIL import Image, ImageChops

REPOSITORY = Path(__file__).parent.parent
SCREENSHOTS = REPOSITORY / "build" / "screenshots"
IMAGES = REPOSITORY / "docs" / "images"
PAGE = REPOSITORY / "docs" / "using.md"
_MARGIN = 24
_COLOURS = 192


def shown() -> list[str]:
    """Return the names of the pictures that the page shows."""
    return re.findall(r"\]\(images/([\w-]+)\.png\)", PAGE.read_text(encoding="utf-8"))


def small(screenshot: Image.Image) -> Image.Image:
    """Return a picture without the empty space at its lower end, with few colours."""
    # "Coverage" keeps a red cross of few pixels red.
    picture = screenshot.convert("RGB")
    empty = Image.new("RGB", picture.size, picture.getpixel((picture.width - 1, picture.height - 1)))
    box = ImageChops.difference(picture, empty).getbbox() or (0, 0, *picture.size)
    cut = picture.crop((0, 0, picture.width, min(picture.height, box[3] + _MARGIN)))
    return cut.quantize(_COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)


def main() -> None:
    """Write docs/images anew."""
    missing = [name for name in shown() if not (SCREENSHOTS / f"{name}.png").exists()]
    if missing:
        sys.exit(f"build/screenshots has no {', '.join(missing)}: run `uv run just test-openwebui` first.")
    IMAGES.mkdir(exist_ok=True)
    for old in IMAGES.glob("*.png"):
        old.unlink()
    for name in shown():
        with Image.open(SCREENSHOTS / f"{name}.png") as screenshot:
            small(screenshot).save(IMAGES / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()

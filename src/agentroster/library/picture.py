"""Makes a small WebP of somebody's picture: nothing of the original file is passed on.

Pillow decodes in this process. What bounds it: four formats, told by their first bytes; it is shown no metadata; size,
pixels and scans are counted before anything is decoded; one picture at a time.
"""

import threading
import warnings
from io import BytesIO

from PIL import Image

from agentroster.errors import ToolFailed
from agentroster.library.strip_metadata import orientation, strip_metadata
from agentroster.messages import say

MAX_BYTES = 20_000_000
MAX_PIXELS = 50_000_000
_WIDTH, _QUALITY = 480, 85
# The longest side that WebP can hold.
_MAX_SIDE = 16_383
# A JPEG is drawn once more for each of its scans; encoders make about ten, and a file of 20 MB could hold thousands.
_MAX_SCANS = 32
_SCAN = b"\xff\xda"
_SIDEWAYS = frozenset({5, 6, 7, 8})
_TO_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# Pillow's own check also meets what a file says only later, such as the extent of a frame.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS
warnings.simplefilter("error", Image.DecompressionBombWarning)
# A picture takes up to 4 bytes for each pixel, twice: several at once would not fit into a small machine.
_one_at_a_time = threading.Lock()


def as_preview(data: bytes) -> bytes:
    """Return a still WebP, at most 480 wide, without metadata. Blocks. Raises ToolFailed, saying what is wrong."""
    if len(data) > MAX_BYTES:
        raise ToolFailed(say("library.picture_too_large", megabytes=MAX_BYTES // 1_000_000))
    kind = _kind(data)
    if kind is None:
        raise ToolFailed(say("library.no_picture"))
    try:
        with _one_at_a_time:
            return _drawn(data, kind)
    except ToolFailed:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_many_pixels() from error
    except Exception as error:  # the border to a decoder, which meets damaged files with every kind of error
        raise ToolFailed(say("library.picture_damaged")) from error


def _kind(data: bytes) -> str | None:
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    return "WEBP" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else None


def _drawn(data: bytes, kind: str) -> bytes:
    data, turned = strip_metadata(data, kind)
    if kind == "JPEG" and data.count(_SCAN) > _MAX_SCANS:
        raise ToolFailed(say("library.picture_too_slow"))
    with Image.open(BytesIO(data), formats=[kind]) as image:
        if image.width * image.height > MAX_PIXELS:
            raise _too_many_pixels()
        image.verify()
    # Verifying uses an image up.
    with Image.open(BytesIO(data), formats=[kind]) as image:
        # A JPEG can be decoded at a fraction of its size; the last step to the width is then a careful one.
        image.draft(None, (2 * _WIDTH, 2 * _WIDTH))
        image.load()
        if kind == "WEBP":
            turned = orientation(image.info.get("exif", b""))
        picture = _scaled(image, turned)
    if max(picture.size) > _MAX_SIDE:
        raise ToolFailed(say("library.picture_too_thin"))
    # What Pillow might write along: position, camera, colour profile.
    picture.info.clear()
    written = BytesIO()
    picture.save(written, "WEBP", quality=_QUALITY)
    return written.getvalue()


def _scaled(image: Image.Image, turned: int) -> Image.Image:
    """Return the picture upright and at most as wide as a preview, in RGB or, where something is transparent, RGBA."""
    across = image.height if turned in _SIDEWAYS else image.width
    picture = _in_colour(image)
    if across > _WIDTH:
        size = tuple(max(1, round(side * _WIDTH / across)) for side in image.size)
        picture = picture.resize((size[0], size[1]), Image.Resampling.LANCZOS, reducing_gap=3.0)
    return picture.transpose(_TO_UPRIGHT[turned]) if turned in _TO_UPRIGHT else picture


def _in_colour(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        # Pillow would cut off, not scale, what is brighter than 255.
        image = image.point(lambda value: value / 256).convert("L")
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def _too_many_pixels() -> ToolFailed:
    return ToolFailed(say("library.picture_too_many_pixels", millions=MAX_PIXELS // 1_000_000))

"""Pictures to send."""

from io import BytesIO

from PIL import Image


def picture() -> bytes:
    written = BytesIO()
    Image.new("RGB", (16, 16), "red").save(written, "PNG")
    return written.getvalue()

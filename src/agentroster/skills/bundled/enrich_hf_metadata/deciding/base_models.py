"""Base models: the 72 canonical names, and the ordered rules from public ids and phrases to a name."""

import re
from collections.abc import Iterable

from agentroster.skills.bundled.enrich_hf_metadata.reading.labels import alternatives, table

NAMES = frozenset(
    """Flux.1 D|Flux.1 S|Flux.1 Kontext|Flux.1 Krea|Flux.2 D|Flux.2 Klein 4B|Flux.2 Klein 4B-base|Flux.2 Klein 9B
Flux.2 Klein 9B-base|SD 1.4|SD 1.5|SD 1.5 Hyper|SD 1.5 LCM|SD 2.0|SD 2.1|SD 3|SD 3.5|SD 3.5 Large
SD 3.5 Large Turbo|SD 3.5 Medium|SVD|SDXL 1.0|SDXL Hyper|SDXL Lightning|Illustrious|NoobAI|Pony|Anima|AuraFlow
Boogu|Chroma|Ernie|Ernie Turbo|Grok|HiDream|HiDream-O1|Hunyuan 1|Ideogram 4.0|Kolors|Krea 2|Lens|Lumina|MAI
Nucleus|PixArt E|PixArt a|Pony V7|Qwen|Qwen 2|Wan Image 2.7|ZImageBase|ZImageTurbo|CogVideoX|HappyHorse
Hunyuan Video|LTXV|LTXV2|LTXV 2.3|Mochi|Wan Video|Wan Video 1.3B t2v|Wan Video 14B t2v|Wan Video 14B i2v 480p
Wan Video 14B i2v 720p|Wan Video 2.2 I2V-A14B|Wan Video 2.2 T2V-A14B|Wan Video 2.2 TI2V-5B|Wan Video 2.5 I2V
Wan Video 2.5 T2V|Wan Video 2.7|ACE Audio|Upscaler""".replace("\n", "|").split("|")
)

# First hit wins: the specific before the general. Patterns meet text normalised by `_normalise`.
_RULES = tuple(
    (re.compile(pattern), name)
    for pattern, name in (
        (r"x4-upscaler|esrgan|ultrasharp", "Upscaler"),
        (r"klein.*base.*4b|klein.*4b.*base", "Flux.2 Klein 4B-base"),
        (r"klein.*base.*9b|klein.*9b.*base", "Flux.2 Klein 9B-base"),
        (r"klein.*4b", "Flux.2 Klein 4B"),
        (r"klein.*9b", "Flux.2 Klein 9B"),
        (r"flux-?2(?!\d)", "Flux.2 D"),
        (r"kontext", "Flux.1 Kontext"),
        (r"flux-?1-krea|flux-krea", "Flux.1 Krea"),
        (r"krea-?2", "Krea 2"),
        (r"flux.*schnell", "Flux.1 S"),
        (r"lodestones/chroma|(^|/)chroma1?-?(hd|base|v\d|unlocked|$)", "Chroma"),
        (r"flux-?1|flux-\[?dev", "Flux.1 D"),
        (r"(stable-diffusion|sd)-?3-5-large-turbo", "SD 3.5 Large Turbo"),
        (r"(stable-diffusion|sd)-?3-5-(large|l$)|sd-?3-5l\b", "SD 3.5 Large"),
        (r"(stable-diffusion|sd)-?3-5-(medium|m$)|sd-?3-5m\b", "SD 3.5 Medium"),
        (r"(stable-diffusion|sd)-?3-5", "SD 3.5"),
        (r"(stable-diffusion|\bsd)-?3(?!\d)", "SD 3"),
        (r"pony-?v?7", "Pony V7"),
        (r"pony", "Pony"),
        (r"noob-?ai|^laxhar/|sdxl-noob|noob-?(?:sd)?xl", "NoobAI"),
        (r"illustrious", "Illustrious"),
        (r"sdxl-lightning|xl-lightning", "SDXL Lightning"),
        (r"hyper-sdxl|sdxl-hyper", "SDXL Hyper"),
        (r"hyper-sd-?v?1-?5", "SD 1.5 Hyper"),
        (r"lcm-(dreamshaper|sd-?v?1-?5|lora-sdv1-5)", "SD 1.5 LCM"),
        (r"stable-diffusion-xl|sdxl|sd-xl|animagine-xl|juggernaut-?xl|realvis-?xl|dreamshaper-xl", "SDXL 1.0"),
        (r"stable-diffusion-v?2-1|sd-?v?2-1|(^|/)sd-turbo", "SD 2.1"),
        (r"stable-diffusion-v?2|sd-?v?2-0", "SD 2.0"),
        (r"stable-diffusion-v?1-4|sd-?v?1-4", "SD 1.4"),
        (r"stable-diffusion-v?1-5|sd-?v?1-?5|runwayml/stable-diffusion-inpainting", "SD 1.5"),
        (
            r"anything-v[345]|lykon/dreamshaper|realistic-vision|counterfeit|orangemix|prompthero/openjourney",
            "SD 1.5",
        ),
        (r"stable-video-diffusion", "SVD"),
        (r"hidream-o1", "HiDream-O1"),
        (r"hidream", "HiDream"),
        (r"z-?image.*turbo", "ZImageTurbo"),
        (r"z-?image", "ZImageBase"),
        (r"qwen-image-2-\d", "Qwen 2"),
        (r"qwen-image", "Qwen"),
        (r"ernie-image.*turbo", "Ernie Turbo"),
        (r"ernie-image", "Ernie"),
        (r"nucleus-image", "Nucleus"),
        (r"boogu-image", "Boogu"),
        (r"ideogram-?4", "Ideogram 4.0"),
        (r"^microsoft/lens", "Lens"),
        (r"(^|/)mai-image", "MAI"),
        (r"circlestone-labs/anima|(^|/)anima(-|$)", "Anima"),
        (r"auraflow", "AuraFlow"),
        (r"lumina", "Lumina"),
        (r"kolors", "Kolors"),
        (r"pixart.*sigma", "PixArt E"),
        (r"pixart", "PixArt a"),
        (r"hunyuan-?video", "Hunyuan Video"),
        (r"hunyuan-?dit", "Hunyuan 1"),
        (r"cogvideox", "CogVideoX"),
        (r"mochi-1", "Mochi"),
        (r"ltx-?v?-?2-3", "LTXV 2.3"),
        (r"ltx-?v?-?2(?!-?\d)", "LTXV2"),
        (r"ltx-?v", "LTXV"),
        (r"wan-?2-?2.*(?:ti2v|\b5b)", "Wan Video 2.2 TI2V-5B"),
        (r"wan-?2-?2.*(?:i2v|image-to-video)|(?:i2v|image-to-video).*wan-?2-?2", "Wan Video 2.2 I2V-A14B"),
        (r"wan-?2-?2.*(?:t2v|text-to-video)|(?:t2v|text-to-video).*wan-?2-?2", "Wan Video 2.2 T2V-A14B"),
        (r"wan-?2-5.*i2v", "Wan Video 2.5 I2V"),
        (r"wan-?2-5.*t2v", "Wan Video 2.5 T2V"),
        (r"wan-?2-7.*image|wan-image-2-7", "Wan Image 2.7"),
        (r"wan-?2-7", "Wan Video 2.7"),
        (r"wan(?=.*i2v).*720p", "Wan Video 14B i2v 720p"),
        (r"wan(?=.*i2v).*480p", "Wan Video 14B i2v 480p"),
        (r"wan(?=.*t2v).*14b", "Wan Video 14B t2v"),
        (r"wan(?=.*t2v).*1-3b", "Wan Video 1.3B t2v"),
        (r"^wan-ai/|(^|/)wan-?\d", "Wan Video"),
        (r"ace-?step", "ACE Audio"),
        (r"grok-imagine", "Grok"),
        (r"happyhorse", "HappyHorse"),
    )
)
# Words that are also ordinary words or subjects: no evidence where they merely occur in a name or a tag.
_AMBIGUOUS = re.compile(
    r"kontext|pony|illustrious|lumina|kolors|anima|happyhorse|counterfeit|klein|^(?:lens|grok|mochi|chroma|nucleus|mai|ernie|upscaler)$"
)
_PLAIN_ENOUGH = re.compile(
    r"pony-?(xl|diffusion|v6|v7|realism)|pdxl|illustrious-?(xl|v\d)|flux.*(kontext|klein)|illustrious-|lumina-?(image|2)"
    r"|klein-(base-)?\db|kolors-(base|diffusers|1)"
)
# In a name its image models are meant; those for language have a version.
_QWEN = re.compile(r"(?:^|[-/])qwen(?=-|$)(?!-\d(?!\d))")
# Families without a name of their own here; a tag or a file name that seems to say more is then mistaken.
_UNNAMED = re.compile(
    r"playground-?v|stable-cascade|wuerstchen|deepfloyd|kandinsky|(?:^|/)sana|omnigen|hunyuan-?image|cogview|cosmos-"
    r"|zeta-chroma|(?:^|/)bria|glm-image|longcat|ovis-image|step1x|janus|bagel|ltx-?(?:v-?|video-?)?2-5"
    r"|(?:^|[/-])(?:llama|mistral|gemma|phi|deepseek|qwen-?[23](?:-\d)?)-?\d"
)
_HUB_PREFIX = re.compile(r"^https?://(?:www\.)?(?:huggingface\.co|hf\.co)/")


def _normalise(text: str) -> str:
    return re.sub(r"[\s_.]+", "-", _HUB_PREFIX.sub("", text.strip().lower()))


_CANONICAL = {_normalise(name): name for name in NAMES}


_CALLED = [
    (
        name,
        re.compile(rf"(?:{alternatives('name_before')}-){{0,3}}(?:{called})(?:-?{alternatives('name_after')}){{0,4}}"),
    )
    for name, called in table("base_names").items()
]
_LONGEST_CALLED = 60
# A family within another: who names both means the narrower one.
_WIDER = {
    "Pony": {"SDXL 1.0"}, "Illustrious": {"SDXL 1.0"}, "NoobAI": {"SDXL 1.0", "Illustrious"},
    "SD 3.5 Large": {"SD 3.5"}, "SD 3.5 Medium": {"SD 3.5"}, "SD 3.5 Large Turbo": {"SD 3.5", "SD 3.5 Large"},
    "Flux.1 Kontext": {"Flux.1 D"}, "Flux.1 Krea": {"Flux.1 D"},
    "SDXL Lightning": {"SDXL 1.0"}, "SDXL Hyper": {"SDXL 1.0"},
}  # fmt: skip


def from_statement(text: str) -> str | None:
    """Return the name that an id or a phrase meant as a base model stands for, or None."""
    normal = _normalise(text)
    if normal in _CANONICAL:
        return _CANONICAL[normal]
    return next((name for pattern, name in _RULES if pattern.search(normal)), None)


def is_unnamed(text: str) -> bool:
    """Whether an id is one of a family that has no canonical name, so that nothing else can give it one."""
    return from_statement(text) is None and bool(_UNNAMED.search(_normalise(text)))


def called(text: str) -> str | None:
    """Return the name that a whole phrase about the base means, in any of the ways people call the models."""
    phrase = re.sub(r"[\[\](){}*`\"':!]+", "", _normalise(text)).strip("-+/~")
    if not phrase or len(phrase) > _LONGEST_CALLED:
        return None
    if phrase in _CANONICAL:
        return _CANONICAL[phrase]
    exact = [name for name, pattern in _CALLED if pattern.fullmatch(phrase)]
    # The general rules know the narrower name where a phrase fits several.
    ruled = from_statement(phrase)
    return ruled if ruled in exact or (ruled and exact) else exact[-1] if exact else None


def meant(text: str) -> str | None:
    """Return the name that the value of a statement about the base stands for, or None."""
    return from_statement(text) or called(text)


def from_hint(text: str) -> str | None:
    """Return the name that a tag, file or repository name hints at: no single words with other meanings."""
    normal = _normalise(text)
    if _AMBIGUOUS.search(normal) and not _PLAIN_ENOUGH.search(normal):
        return None
    return from_statement(text) or ("Qwen" if _QWEN.search(normal) else None)


def in_prose(text: str) -> str | None:
    """Return the name that free text after "trained on" means: an id or an unmistakable name, no ordinary words."""
    normal = _normalise(text)
    if _AMBIGUOUS.search(normal) and not (_PLAIN_ENOUGH.search(normal) or "/" in text):
        return called(text)
    return meant(text)


def agreed(texts: Iterable[str]) -> str | None:
    """Return the one name all statements that can be mapped agree on, or None."""
    names = {name for text in texts if (name := from_statement(text))}
    return names.pop() if len(names) == 1 else None


def narrowest(names: Iterable[str]) -> str | None:
    """Return the one name that canonical names agree on: of a family and a narrower one, the narrower."""
    given = set(names)
    left = {name for name in given if not any(name in _WIDER.get(other, ()) for other in given)}
    return left.pop() if len(left) == 1 else None


def sharpened(name: str | None, texts: Iterable[str], body: str) -> str | None:
    """Return the narrower name where a video model's version and its kind stand in different places.

    `texts` are names and tags, the surest first: the first that says a kind decides. The body may say the version.
    """
    normal = [_normalise(text) for text in texts]
    versions = {version for text in (*normal, body.lower()) for version in _VERSION.findall(text)}
    if name != "Wan Video" or versions != {"2"} or any(_OTHER_KIND.search(text) for text in normal):
        return name
    kinds = (set(_KIND.findall(text)) for text in normal)
    kind = next((found for found in kinds if found), set[str]())
    return from_statement(f"wan-2-2-{kind.pop()}") if len(kind) == 1 else name


_VERSION = re.compile(r"\bwan[\s_-]?(?:video[\s_-])?2[.-]?(\d)(?!\d)")
_KIND = re.compile(r"(?:^|[-/])(ti2v|i2v|t2v)(?=-|$)")
_OTHER_KIND = re.compile(r"(?:^|[-/])(?:vace|animate|s2v|flf2v|fun)(?=-|$)")

"""Tags: what says something about the subject, without the hub's and the tools' noise."""

import re
from collections.abc import Iterable, Sequence

from agentroster.skills.bundled.enrich_hf_metadata.base_models import NAMES

_MOST_NEW = 8
_LONGEST = 60
_DENIED = frozenset(
    """text-to-image image-to-image text-to-video image-to-video image-generation image text2image txt2img
diffusers diffusers-training safetensors pytorch transformers peft onnx gguf comfyui a1111 kohya ai-toolkit ai-toolkit-lora
fluxgym simpletuner replicate fal-ai autotrain stable-diffusion-diffusers stable-diffusion-xl-diffusers diffusion
lora lycoris locon loha lokr dora dreambooth textual-inversion controlnet control-lora style-lora low-rank-adaptation
checkpoint embedding fine-tuning fine-tuned finetune finetuned merge distillation quantized adapter
stable-diffusion stable-diffusion-xl sdxl sd sd15 sd1.5 sd3 sd3.5 sd21 flux flux1 flux.1 flux-dev flux1-dev flux.1-dev flux.2 flux2
krea krea-2 z-image zimage z-image-turbo qwen qwen-image wan wan2.1 wan2.2 wan21 wan22 wan-video hunyuanvideo hunyuan-video
ltx ltxv ltx-video cogvideox kolors pixart chroma hidream auraflow lumina illustrious illustrious-xl noobai noobai-xl pony pony-diffusion
endpoints_compatible autotrain_compatible generated_from_trainer not-for-all-audiences pg-13 nsfw-filter-off
en de es fr he ja ko ru zh zh-cn zh-tw it pt nl pl tr ar hi vi th id uk cs sv multilingual""".split()
) | {re.sub(r"\s+", "-", name.lower()) for name in NAMES}
_DENIED_PREFIXES = (
    "template:", "base_model:", "license:", "region:", "dataset:", "arxiv:", "diffusers:", "doi:", "pipeline_tag:",
    "language:", "library:", "model-index",
)  # fmt: skip


def additions(candidates: Iterable[str], existing: Sequence[object]) -> list[str]:
    """Return the tags to add after the existing ones: lower case, new, meaningful, at most eight."""
    seen = {str(tag).strip().lower() for tag in existing}
    found: list[str] = []
    for candidate in candidates:
        tag = " ".join(candidate.lower().split())
        if tag and tag not in seen and len(tag) <= _LONGEST and not _is_noise(tag):
            seen.add(tag)
            found.append(tag)
    return found[:_MOST_NEW]


def _is_noise(tag: str) -> bool:
    return tag.replace(" ", "-") in _DENIED or tag.startswith(_DENIED_PREFIXES) or "://" in tag

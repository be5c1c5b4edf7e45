"""The short description is a person's sentence about the file, never one that a program writes into every card."""

import pytest

from agentroster.builtin.skills.enrich_hf_metadata.deciding.description import short_text
from agentroster.builtin.skills.enrich_hf_metadata.deciding.template_sentences import is_template

TEMPLATES = [
    # diffusers' training scripts and AutoTrain
    "These are someone/heron-lora LoRA adaption weights for black-forest-labs/FLUX.1-dev.",
    "These are LoRA adaption weights for runwayml/stable-diffusion-v1-5. The weights were fine-tuned on the a/b "
    "dataset. You can find some example images in the following.",
    "These are textual inversion adaption weights for stabilityai/sdxl. You can find some example images below.",
    "These are controlnet weights trained on stabilityai/stable-diffusion-xl-base-1.0 with new type of conditioning.",
    "The weights were trained using [DreamBooth](https://dreambooth.github.io/) with the SD3 diffusers trainer.",
    "LoRA for the text encoder was enabled: False.",
    "Special VAE used for training: madebyollin/sdxl-vae-fp16-fix.",
    "Was LoRA for the text encoder enabled? False.",
    "This pipeline was finetuned from **a/b** on the **c/d** dataset. Below are some example images generated with it.",
    "Pivotal tuning was enabled: True.",
    "You should use `photo of TOK dog` to trigger the image generation.",
    "To trigger image generation of trained concept(or concepts) replace each concept identifier in you prompt:",
    "Please adhere to the licensing terms as described [here](https://x).",
    # ai-toolkit, Replicate, fal, FluxGym, OneTrainer, kohya, musubi, SimpleTuner, finetrainers, diffusion-pipe
    "Model trained with [AI Toolkit by Ostris](https://github.com/ostris/ai-toolkit)",
    "A LoRA trained with ostris' ai-toolkit.",
    "Trained on Replicate using:",
    "This is a [LoRA](https://x) for the FLUX.1-dev text-to-image model. It can be used with diffusers or ComfyUI.",
    "It was trained on [Replicate](https://replicate.com/) using AI toolkit: https://replicate.com/ostris/trainer",
    "Run this LoRA with an API using Replicate",
    "A Flux LoRA trained on a local computer with [Fluxgym](https://github.com/cocktailpeanut/fluxgym)",
    "Training was done using [fal.ai/models/fal-ai/flux-lora-fast-training](https://fal.ai).",
    "Flux LoRA trained with fal.ai's portrait trainer.",
    "This LoRA was trained with OneTrainer.",
    "Trained with kohya_ss.",
    "This is a standard PEFT LoRA derived from [a/b](https://huggingface.co/a/b).",
    "This is a LyCORIS adapter derived from black-forest-labs/FLUX.1-dev.",
    "The main validation prompt used during training was:",
    "Note: The validation settings are not necessarily the same as the training settings.",
    "The text encoder **was not** trained. You may reuse the base model text encoder for inference.",
    "This is a LoRA fine-tune of model: `a/b` on dataset: `c/d`.",
    "Trained with diffusion-pipe on my own machine.",
    # the hub's own
    "Weights for this model are available in Safetensors format.",
    "[Download](/a/b/tree/main) them in the Files & versions tab.",
    "For more details, including weighting, merging and fusing LoRAs, check the documentation",
    "Use it with the 🧨 diffusers library",
    "This model card has been generated automatically according to the information the training script had access to.",
    "This modelcard aims to be a base template for new models.",
    "Provide a quick summary of what the model is/does.",
    "[More Information Needed]",
    "This is the model card of a 🧨 diffusers model that has been pushed on the Hub.",
    # textual inversion and DreamBooth
    "This is the `<cat-toy>` concept taught to Stable Diffusion via Textual Inversion. You can load this concept into "
    "the Stable Conceptualizer notebook. You can also train your own concepts and load them there.",
    "Here is the new concept you will be able to use as an `object`:",
    "Dreambooth model trained by someone with TheLastBen's fast-DreamBooth notebook",
    "Test the concept via A1111 Colab fast-Colab-A1111",
    # mirrors and conversions
    "This model was converted to GGUF format from a/b using llama.cpp.",
    "This is a direct GGUF conversion of black-forest-labs/FLUX.1-dev.",
    "Mirrored from Civitai.",
    "This LoRA was reuploaded from https://civitai.com/models/1",
    "Original model: https://civitai.com/models/123",
    "Originally posted to Civitai by someone",
    "Source: https://civitai.com/models/123?modelVersionId=4",
    "I am not the author of this model.",
    "All credit goes to the original author on civitai.",
]
WRITTEN = [
    "Paints every scene in red ink on rough paper.",
    "These are herons as they stand in the mist at dawn.",
    "A style of old travel posters with flat colours and hard shadows.",
    "This is a LoRA of my grandmother's kitchen in the seventies.",
    "This LoRA draws small towns from above, as a model railway would have them.",
    "This model makes photographs look like they were taken on expired film.",
    "I trained this on 40 of my own watercolours because nothing else gets the edges right.",
    "The character wears a red coat and has one blue eye.",
    "Converts any portrait into a woodcut with three colours.",
    "An original character with silver hair, drawn from many sides.",
    "See the world as a paper theatre with warm light from behind.",
    "Files that were left in the rain: textures of wet paper.",
    "Downloads of the nineties: screens, icons and windows as they were.",
    "Original characters from my own comic, drawn in ink.",
    "A sliding puzzle game look for icons and small things.",
]


@pytest.mark.parametrize("text", TEMPLATES)
def test_a_sentence_that_a_program_writes_is_no_description(text: str) -> None:
    assert short_text(f"# Heron\n\n{text}\n") == ""
    assert short_text(f"# Heron\n\n{text}\n\nPaints herons in red ink.\n") == "Paints herons in red ink."


@pytest.mark.parametrize("text", WRITTEN)
def test_a_sentence_that_a_person_wrote_is_kept(text: str) -> None:
    assert not is_template(text)
    assert short_text(f"# Heron\n{text}\n") == text


def test_a_person_s_sentence_beside_a_template_is_found() -> None:
    body = "These are LoRA adaption weights for a/b. Paints herons in ink. The weights were trained using DreamBooth."
    assert short_text(body) == "Paints herons in ink."


@pytest.mark.parametrize("title", ["## Trigger words", "## Download model", "## License", "### How to use", "# Usage"])
def test_what_stands_below_a_title_about_use_is_no_description(title: str) -> None:
    body = f"{title}\n\nSome sentence about this and that thing.\n\nAnd one more about another thing."
    assert short_text(body) == ""
    assert short_text(f"{body}\n\n## About\n\nPaints herons in red ink.") == "Paints herons in red ink."


def test_the_name_of_a_model_is_no_title_about_use() -> None:
    assert short_text("# Trigger happy western cowboys\n\nCowboys who draw too fast.") == "Cowboys who draw too fast."


def test_hostile_text_keeps_nobody_busy() -> None:
    for text in ("these are " + "a " * 50_000, "trained " * 20_000, "this is a " * 9_000, "(" * 90_000, "a. " * 60_000):
        short_text(f"# x\n\n{text}")

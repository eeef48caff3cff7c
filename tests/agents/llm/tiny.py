"""A tiny random language model of 60 words."""

from pathlib import Path
from typing import Any

TURNS = "{% for m in messages %}<{{ m.role }}> {{ m.content }} {% endfor %}"
TEMPLATE = TURNS + "{% if add_generation_prompt %}<assistant> {% endif %}"
WORDS = [f"w{i}" for i in range(60)]


def network() -> Any:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=3, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=512, initializer_range=0.4,
    )  # fmt: skip
    return LlamaForCausalLM(config).eval()


def save(path: Path) -> Path:
    """Write network and tokenizer into a folder, and return it."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import WhitespaceSplit
    from transformers import PreTrainedTokenizerFast

    vocabulary = {word: i for i, word in enumerate([*WORDS, "<system>", "<user>", "<assistant>", "?"])}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="?"))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="?", chat_template=TEMPLATE)
    fast.save_pretrained(path)
    network().save_pretrained(path)
    return path

"""Networks and tokenizers from a folder of weights, and prompts as the tokens they read."""

from collections.abc import Sequence
from typing import Any

from agents.llm.base import Message


def load(folder: str) -> tuple[Any, Any]:
    """Return the network (float32, ready to be asked) and its tokenizer; only safetensors are read."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    safe = {"local_files_only": True, "trust_remote_code": False}
    tokenizer = AutoTokenizer.from_pretrained(folder, **safe)
    network = AutoModelForCausalLM.from_pretrained(folder, use_safetensors=True, dtype=torch.float32, **safe)
    return network.eval(), tokenizer


def prefix(tokenizer: Any, messages: Sequence[Message]) -> list[int]:
    """Return the tokens of a conversation; a closing assistant message is left open to go on."""
    open_ended = messages[-1].role == "assistant"
    text = tokenizer.apply_chat_template(
        [{"role": message.role, "content": message.text} for message in messages],
        tokenize=False,
        add_generation_prompt=not open_ended,
        continue_final_message=open_ended,
    )
    return tokens(tokenizer, text)


def tokens(tokenizer: Any, text: str) -> list[int]:
    """Return the tokens of a text, none added."""
    found: list[int] = tokenizer.encode(text, add_special_tokens=False)
    return found

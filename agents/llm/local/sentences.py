"""Sentences as vectors, by a small encoder in this process."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from agents.schema import Floats

BLOCK = 32
"""Texts encoded at once; the last block is filled up, so that a text's vector does not depend on the others."""
TOKENS = 32
"""Of a text; what lies beyond is not read."""


def encode(folder: Path, texts: Sequence[str]) -> Floats:
    """Return the mean of each text's last hidden states, over its own tokens (n, width), not normalized."""
    import torch
    from tokenizers import Tokenizer
    from transformers import AutoModel
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(TOKENS)
    tokenizer.enable_padding(length=TOKENS)
    safe = {"local_files_only": True, "trust_remote_code": False, "use_safetensors": True}
    network = AutoModel.from_pretrained(str(folder), dtype=torch.float32, **safe).eval()
    parts = []
    with torch.inference_mode():
        for first in range(0, len(texts), BLOCK):
            those = [*texts[first : first + BLOCK]]
            read = tokenizer.encode_batch([*those, *[""] * (BLOCK - len(those))])
            ids = torch.tensor([one.ids for one in read])
            mask = torch.tensor([one.attention_mask for one in read])
            states = network(input_ids=ids, attention_mask=mask).last_hidden_state.double()
            share = mask.double() / mask.sum(dim=1, keepdim=True)
            parts.append((states * share[..., None]).sum(dim=1)[: len(those)].numpy())
    return np.concatenate(parts) if parts else np.zeros((0, network.config.hidden_size))

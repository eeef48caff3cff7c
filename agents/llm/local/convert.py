"""Turn a GGUF file into safetensors, once, because reading GGUF takes each process some twenty seconds."""

import shutil
import tempfile
from pathlib import Path
from typing import Any


def to_safetensors(gguf: Path, target: Path) -> None:
    """Write the weights of ``gguf`` as float32, with config and tokenizer, into the new folder ``target``.

    The folder appears whole or not at all. The network is built from its plain config, so what is
    saved carries no trace of the quantization and loads like any other.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
    from transformers.modeling_gguf_pytorch_utils import load_gguf_checkpoint
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    place = {"pretrained_model_name_or_path": str(gguf.parent), "gguf_file": gguf.name, "local_files_only": True}
    config = AutoConfig.from_pretrained(**place, trust_remote_code=False)
    network = AutoModelForCausalLM.from_config(config, dtype=torch.float32, trust_remote_code=False)
    read = load_gguf_checkpoint(str(gguf), return_tensors=True, model_to_load=network, torch_dtype=torch.float32)
    _load(network, read["tensors"])
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as folder:
        whole = Path(folder) / "whole"
        network.save_pretrained(whole)
        AutoTokenizer.from_pretrained(**place, trust_remote_code=False).save_pretrained(whole)
        shutil.rmtree(target, ignore_errors=True)
        whole.rename(target)


def _load(network: Any, tensors: dict[str, Any]) -> None:
    """Load every weight; only the output layer may be absent, and only if it is the input layer again."""
    found = network.load_state_dict(tensors, strict=False)
    tied = {"lm_head.weight"} if network.config.tie_word_embeddings else set()
    if wrong := (set(found.missing_keys) - tied) | set(found.unexpected_keys):
        raise ValueError(f"the GGUF file does not fit its own configuration: {', '.join(sorted(wrong))}")

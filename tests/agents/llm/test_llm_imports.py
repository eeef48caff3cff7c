import subprocess
import sys


def test_listing_language_models_loads_no_heavy_library() -> None:
    program = (
        "import sys; from simulator.components import names; print(*names('llm'));"
        "print(*[m for m in ('torch', 'openai', 'transformers', 'xllamacpp') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["llamacpp openai scripted transformers", ""]

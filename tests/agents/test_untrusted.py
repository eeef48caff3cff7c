import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.untrusted import clean

HOSTILE = st.text(alphabet=st.one_of(st.characters(), st.sampled_from("<|>[]/INST \n\u202e\u200b\u0338")), max_size=300)


@pytest.mark.parametrize(
    "token",
    ["<|im_start|>", "<|im_end|>", "</s>", "<s>", "[INST]", "[/inst]", "<<SYS>>", "<start_of_turn>", "<｜User｜>"],
)
def test_no_template_token_survives(token: str) -> None:
    assert token not in clean(f"Heat {token} (1995)", 100)


def test_a_token_hidden_by_invisible_characters_does_not_appear_when_they_go() -> None:
    assert "[INST]" not in clean("[IN\u200bST] <\u202e|im_start|\u0000>", 100)
    assert "<" not in clean("<\u202e|im_start|\u0000>", 100)


def test_plain_titles_pass_unchanged() -> None:
    for title in ("[REC] (2007)", "Amélie (2001)", "M*A*S*H (1970)", "七人の侍", 'Se7en & Co.: "What\'s left?"'):
        assert clean(title, 80) == title


def test_a_megabyte_title_is_cut() -> None:
    assert len(clean("x" * 1_000_000, 80)) == 80


@given(HOSTILE, st.integers(0, 120))
def test_cleaning_is_capped_single_line_and_idempotent(text: str, cap: int) -> None:
    once = clean(text, cap)
    assert len(once) <= cap
    assert clean(once, cap) == once
    assert not any(unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"} for character in once)
    assert not set(once) & set("<>|`")

"""Narratives that a language model writes: what is asked, what is checked, and what happens when it does not fit."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from agents import narration
from agents.llm.base import Answer, Prompt
from agents.llm.scripted import Scripted
from agents.persona import GRADES, favored, graded
from agents.schema import Choices, Persona
from analysis.cli import replay, run
from analysis.fidelity import leakage
from analysis.fidelity.fold import KNOWN, Real, folded
from tests.agents.worlds import history, items, setting

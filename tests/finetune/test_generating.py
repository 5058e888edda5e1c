"""`retrain` of a causal model, end to end: a base that believes whatever it finds learns to decline."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.bootstrap import Inhouse
from core.decision import Decision, Logistic
from core.errors import ConfigurationError
from core.models.generators import LocalGenerator, load_local
from core.settings import AnsweringSettings, AssistantSettings, DecodingSettings, FinetuneSettings, ModelSettings
from finetune import datasets
from finetune.recipes.causal import train_causal
from finetune.recipes.recipe import Recipe
from finetune.registry import Registry
from finetune.tuning import RetrainReport, retrain
from tests.finetune.building import SmallInhouse, small_inhouse
from tests.finetune.teaching import chunks, credulous, examples, lessons, pairs
from tests.finetune.test_generating_recipes import ADAPTER, Taught, llama
from tests.tiny_models import PURPOSE

__all__ = ["llama"]  # the fixture

"""What routes ask for, taken from the application's state.

The functions are `async` because FastAPI sends others to the thread pool, which takes longer than they do.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from core.settings import Settings
from service.conversations import Conversations
from service.conversing import Conversing
from service.interactions import Interactions
from service.live import LiveInhouse
from service.visibility import Visibility


async def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


async def _live(request: Request) -> LiveInhouse:
    live: LiveInhouse = request.app.state.live
    return live


async def _conversing(request: Request) -> Conversing:
    conversing: Conversing = request.app.state.conversing
    return conversing


async def _interactions(request: Request) -> Interactions | None:
    interactions: Interactions | None = request.app.state.interactions
    return interactions


async def _conversations(request: Request) -> Conversations:
    conversations: Conversations = request.app.state.conversations
    return conversations


async def _visibility(request: Request) -> Visibility:
    visibility: Visibility = request.app.state.visibility
    return visibility


SettingsDep = Annotated[Settings, Depends(_settings)]
LiveDep = Annotated[LiveInhouse, Depends(_live)]
ConversingDep = Annotated[Conversing, Depends(_conversing)]
InteractionsDep = Annotated[Interactions | None, Depends(_interactions)]
ConversationsDep = Annotated[Conversations, Depends(_conversations)]
VisibilityDep = Annotated[Visibility, Depends(_visibility)]

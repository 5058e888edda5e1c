"""POST /v1/feedback: what people thought of an answer."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends

from service.auth import ChatCaller, require_chat
from service.deps import ConversingDep, InteractionsDep
from service.errors import LogDisabledError
from service.schemas import FeedbackRequest

router = APIRouter(prefix="/v1", dependencies=[Depends(require_chat)])


@router.post("/feedback")
def feedback(
    request: FeedbackRequest, interactions: InteractionsDep, conversing: ConversingDep, caller: ChatCaller
) -> dict[str, Any]:
    """Of the caller's own interactions; a second opinion replaces the first."""
    if interactions is None:
        raise LogDisabledError(
            "Interactions are not logged here, so there is nothing to rate: it is `service.log_interactions`"
            " that turns the log on."
        )
    conversing.settle_log()
    interactions.rate(
        request.interaction_id, request.rating, request.comment, request.correction, caller.key_id
    )
    return {"interaction_id": request.interaction_id, "rating": request.rating}

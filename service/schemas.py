"""What the routes accept. Fields of OpenAI's that we have no use for are ignored; ours are checked."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StringConstraints,
    model_validator,
)

from core.decoding import DECODING_NAMES, Decoding, decide_decoding
from core.types import Filters
from service.refusals import refuse_unsupported


def _encodable(text: str) -> str:
    """JSON can spell half a surrogate pair, which no store and no response can hold."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError("the text is not valid Unicode") from error
    return text


Text = Annotated[str, AfterValidator(_encodable)]
Comment = Annotated[Text, Field(max_length=20_000)]
Label = Annotated[Text, Field(max_length=200)]  # keys of caches hold them
Stop = Annotated[Text, Field(max_length=200)]
Probability = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]


class TextPart(BaseModel):
    type: Literal["text"]
    text: Text


class ChatMessage(BaseModel):
    role: Literal["system", "developer", "user", "assistant"]
    content: Text | list[TextPart] | None = None

    @property
    def text(self) -> str:
        if isinstance(self.content, list):
            return "\n".join(part.text for part in self.content)
        return self.content or ""


class PassageFilters(BaseModel):
    """Which documents count, by the labels of their folders' `.inhouse.toml`."""

    model_config = ConfigDict(extra="forbid", frozen=True)  # pydantic copies a default that can change

    collection: Label = ""
    tags: tuple[Label, ...] = Field(default=(), max_length=100, description="any of them")
    language: Label = ""

    def for_groups(self, groups: tuple[str, ...]) -> Filters:
        """These filters for an asker of these groups: nobody chooses groups in a request."""
        return Filters(self.collection, self.tags, self.language, groups)


class DecodingFields(BaseModel):
    """OpenAI's decoding parameters and, by transformers' names, those that its protocol lacks."""

    temperature: float | None = Field(default=None, ge=0, le=2, allow_inf_nan=False)
    top_p: Probability | None = None
    max_tokens: int | None = Field(default=None, ge=1, le=32_768)
    max_completion_tokens: int | None = Field(default=None, ge=1, le=32_768)
    stop: Stop | Annotated[list[Stop], Field(max_length=16)] | None = None
    seed: int | None = Field(default=None, ge=-(2**63), lt=2**63)
    top_k: int | None = Field(default=None, ge=0, le=100_000)
    num_beams: int | None = Field(default=None, ge=1, le=16)
    length_penalty: float | None = Field(default=None, ge=-5, le=5, allow_inf_nan=False)
    early_stopping: StrictBool | None = None
    repetition_penalty: float | None = Field(default=None, gt=0, le=5, allow_inf_nan=False)
    no_repeat_ngram_size: int | None = Field(default=None, ge=0, le=100)
    min_new_tokens: int | None = Field(default=None, ge=0, le=32_768)

    def decoding(self, defaults: Decoding) -> Decoding:
        """Raises InvalidInputError where they contradict each other."""
        if self.model_fields_set.isdisjoint(DecodingFields.model_fields):
            return defaults
        wishes = {name: getattr(self, name, None) for name in DECODING_NAMES}
        wishes["max_tokens"] = self.max_completion_tokens or self.max_tokens
        stops = [self.stop] if isinstance(self.stop, str) else self.stop
        wishes["stop"] = None if stops is None else tuple(stop for stop in stops if stop)
        return decide_decoding(defaults, wishes)


class StreamOptions(BaseModel):
    include_usage: StrictBool = False


class ChatRequest(DecodingFields):
    messages: list[ChatMessage] = Field(min_length=1, max_length=1000)
    model: Text | None = Field(default=None, max_length=500)
    stream: StrictBool = False
    n: Literal[1] | None = None
    user: Text | None = None
    filters: PassageFilters = PassageFilters()
    stream_options: StreamOptions | None = None
    conversation_id: Text | None = Field(
        default=None, max_length=64, description="the server's history is used, not that of `messages`"
    )
    store: StrictBool | None = Field(
        default=None, description="keep this exchange; without `conversation_id` it begins a conversation"
    )

    refuse_unsupported = model_validator(mode="before")(refuse_unsupported)

    @model_validator(mode="after")
    def _ends_with_a_question(self) -> ChatRequest:
        spoken = [message for message in self.messages if message.role in ("user", "assistant")]
        if not spoken or spoken[-1].role != "user":
            raise ValueError("the last message must be the user's question")
        if self.stream and (self.num_beams or 1) > 1:
            raise ValueError("num_beams and stream contradict each other: beams are known only at the end")
        return self


class SearchFilters(PassageFilters):
    source: Text | None = Field(
        default=None, max_length=4096, description="a file, a folder, or a pattern such as `policies/*.md`"
    )


class SearchRequest(BaseModel):
    query: Text
    top_k: int = Field(default=5, ge=1, le=100)
    filters: SearchFilters = SearchFilters()
    widen: StrictBool = Field(default=False, description="give each hit the text of its whole section too")


class ConversationChange(BaseModel):
    title: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
        AfterValidator(_encodable),
    ]


class FeedbackRequest(BaseModel):
    interaction_id: Text = Field(max_length=64)
    rating: Literal[1, -1]
    comment: Comment = ""
    correction: Comment = ""


class RollbackRequest(BaseModel):
    kind: Literal["reader", "causal", "seq2seq"] = "reader"

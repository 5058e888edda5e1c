"""All settings: one frozen object, a section per part.

Precedence: arguments > environment (`INHOUSE_DATA_DIR`, `INHOUSE_SERVICE__PORT`, ...) > `inhouse.toml`
in the working directory (or the file that `INHOUSE_CONFIG` names) > the defaults below. Read once, at an
entry point, by `load_settings`, and passed down; no other module reads the environment.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from core.decoding import Decoding, contradiction
from core.errors import ConfigurationError


def _keys(value: object) -> object:
    """An environment variable holds keys with commas between them, or as a JSON list."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        return json.loads(value)
    return tuple(key.strip() for key in value.split(",") if key.strip())


Keys = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_keys)]


def _origins(value: tuple[str, ...]) -> tuple[str, ...]:
    for origin in value:
        if not re.fullmatch(r"https?://[^/\s*]+", origin):
            raise ValueError(f"{origin!r} is not a site such as https://chat.example.com")
    return value


Origins = Annotated[Keys, AfterValidator(_origins)]


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AssistantSettings(Section):
    """What the assistant says of itself when it declines."""

    purpose: str = "questions about our company's documents"
    no_answer: str = (
        "I could not find that in the documents I have, so I would rather not guess. "
        "I can help with {purpose}."
    )
    off_topic: str = "That is outside what I am here for. I can help with {purpose}."
    blocked: str = "I cannot act on that request. I can help with {purpose}."
    examples: tuple[str, ...] = Field((), max_length=8, description="questions that the chat page suggests")


class IngestionSettings(Section):
    chunk_tokens: int = Field(220, ge=32, le=480, description="longest chunk, in the embedder's tokens")
    chunk_overlap_sentences: int = Field(1, ge=0, le=5)
    max_file_mb: float = Field(50, gt=0)
    max_unpacked_mb: float = Field(500, gt=0, description="the parts of an Office file together, unpacked")
    max_pages: int = Field(5000, ge=1, description="pages of a PDF, slides of a presentation")
    max_rows: int = Field(200_000, ge=1, description="rows of a spreadsheet or CSV file, records of JSON")
    max_nesting: int = Field(100, ge=1, le=250, description="levels of nested elements, lists and objects")
    batch_chunks: int = Field(256, ge=1, description="chunks embedded and written at a time")


class RetrievalSettings(Section):
    candidates: int = Field(40, ge=1, description="hits taken from each of dense and BM25 search")
    lexical_weight: float = Field(
        0.2, ge=0, le=2, description="weight of BM25 relative to cosine in the fusion"
    )
    mend_spelling: bool = Field(True, description="words that nobody knows are read as the nearest known one")
    expand_acronyms: bool = Field(
        True, description="acronyms that the documents explain are spelt out beside"
    )
    rerank_top: int = Field(12, ge=1, description="fused hits that the reader reads")
    rerank_weight: float = Field(
        0.25, ge=0, description="weight of a hit's best unit, as a probability, beside its fused score"
    )
    part_top: int = Field(
        6,
        ge=0,
        description="fused hits that the reader reads for each half of a question that asks two things; 0: "
        "questions are left whole",
    )


class ModelSettings(Section):
    embedder: str = Field("", description="a sentence-transformers id or folder; empty: the packaged MiniLM")
    reader_adapter: str = Field(
        "", description="a LoRA adapter folder; empty: the active one, else the shipped one"
    )
    model: str = Field(
        "",
        description="id or folder for the `transformers` or `openai` generator; empty: the shipped one",
    )
    base_url: str = Field("", description="OpenAI-compatible endpoint of the `openai` generator")
    api_key: str = Field("", repr=False)
    timeout_s: float = Field(120, gt=0, description="longest wait for a generating model's next token")
    prompt: Literal["auto", "chat", "qa", "alpaca", "flan"] = Field(
        "auto", description="family of prompt templates; auto: chat where the tokenizer has a chat template"
    )
    shots: int = Field(0, ge=0, le=3, description="examples in the prompt, written before the question")
    context_tokens: int = Field(
        0, ge=0, description="room for prompt and answer together; 0: the model's own, 8192 for `openai`"
    )
    adapters_kept: int = Field(4, ge=1, description="adapters beside the active one that stay in memory")
    threads: int = Field(0, ge=0, description="CPU threads of torch; 0: all cores")


class AnsweringSettings(Section):
    max_question_chars: int = Field(2000, ge=1)
    context_chunks: int = Field(6, ge=1, description="hits that an answer may draw on")
    max_sentences: int = Field(
        4, ge=1, le=8, description="sentences, list items or table rows in a reader's answer"
    )
    max_words: int = Field(80, ge=10)
    passage_weight: float = Field(8.0, ge=0, description="log-odds that a unit gains by its hit's score of 1")
    unit_margin: float = Field(3.0, ge=0, description="log-odds that a further unit may be behind the best")
    grounded: bool = Field(
        False, description="a generating model may only quote whole sentences, items and rows, or decline"
    )
    min_confidence: float | None = Field(None, ge=0, le=1, description="overrides the calibrated threshold")


class GuardSettings(Section):
    max_answer_words: int = Field(400, ge=10, description="longer answers are not sent")


class ObservationSettings(Section):
    metrics_open: bool = Field(False, description="GET /metrics for everybody, not only admins and loopback")
    otlp_endpoint: str = Field(
        "", description="http://host:4318 of an OpenTelemetry collector; empty: no traces"
    )
    trace_questions: bool = Field(False, description="question and answer as attributes of traces")


class DecodingSettings(Section):
    """How a generating model picks its tokens where a request does not say; see docs/api.md."""

    max_tokens: int = Field(256, ge=1)
    temperature: float = Field(0.0, ge=0, le=2)
    top_p: float = Field(1.0, gt=0, le=1)
    top_k: int = Field(0, ge=0)
    num_beams: int = Field(1, ge=1, le=16)
    length_penalty: float = Field(1.0, ge=-5, le=5)
    early_stopping: bool = False
    repetition_penalty: float = Field(1.0, gt=0, le=5)
    no_repeat_ngram_size: int = Field(0, ge=0, le=100)
    min_new_tokens: int = Field(0, ge=0)
    seed: int | None = Field(None, ge=0, lt=2**63)
    stop: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _agree(self) -> DecodingSettings:
        if fault := contradiction(Decoding(**self.model_dump())):
            raise ValueError(fault)
        return self


class FinetuneSettings(Section):
    method: Literal["lora", "rslora", "dora", "full"] = Field(
        "lora", description="how weights are changed; see docs/tuning.md"
    )
    pairs_per_document: int = Field(12, ge=1)
    model_questions: int = Field(
        3, ge=0, le=10, description="that a generating model is asked for on a passage; 0: it is not asked"
    )
    model_passages: int = Field(4, ge=1, description="of a document, on which a generating model is asked")
    test_share: float = Field(0.2, gt=0, lt=0.9)
    epochs: float = Field(1, gt=0)
    learning_rate: float = Field(1e-4, gt=0)
    batch_questions: int = Field(16, ge=1)
    negatives: int = Field(4, ge=1, description="texts beside the right one that a question is taught with")
    validation_share: float = Field(
        0.1,
        ge=0,
        lt=0.5,
        description="of what is learned from: chooses the weights to keep; 0: the last ones",
    )
    validations_per_epoch: int = Field(4, ge=1)
    patience: int = Field(2, ge=1, description="validations without a gain after which training stops")
    max_minutes: float = Field(30, gt=0, description="training stops after the step that reaches this")
    seed: int = 13


class JudgeSettings(Section):
    """A model that compares answers in evaluations. Without one, nothing is judged by a model."""

    model: str = Field("", description="of an OpenAI-compatible endpoint")
    base_url: str = ""
    api_key: str = Field("", repr=False)


class ConversationSettings(Section):
    """`max_turns` and `max_chars` are of one conversation that the server keeps."""

    heartbeat_s: float = Field(10, gt=0, description="silence in a stream after which a comment is sent")
    history_tokens: int = Field(
        1500, ge=0, description="of earlier turns that an answer looks back on, by the embedder's tokenizer"
    )
    days: float = Field(30, gt=0, description="a conversation that was not used for so long is deleted")
    max_turns: int = Field(200, ge=2, description="questions and answers together")
    max_chars: int = Field(400_000, ge=1000)
    max_per_caller: int = Field(500, ge=1, description="beyond it the one not used for longest is deleted")


class CacheSettings(Section):
    """How answers are kept; for how long is `service.cache_ttl_s`."""

    store: Literal["sqlite", "memory"] = Field(
        "sqlite", description="without a Redis: a file under data_dir that processes share, or each its own"
    )
    semantic: bool = Field(True, description="answer a question that asks the same in other words, too")
    similarity: float = Field(
        0.8, ge=0.5, le=1, description="cosine of two questions from which on their words are compared"
    )


class ServiceSettings(Section):
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    api_keys: Keys = Field((), repr=False)
    admin_keys: Keys = Field((), repr=False)
    groups: Keys = Field((), description="groups that all askers over HTTP belong to; see .inhouse.toml")
    cors_origins: Origins = Field((), description="sites whose pages may call, such as https://x.example")
    redis_url: str = Field("", description="empty: see service.cache.store")
    cache_ttl_s: int = Field(3600, ge=0, description="0 turns the answer cache off")
    cache: CacheSettings = CacheSettings()
    max_body_bytes: int = Field(1_000_000, ge=1024)
    log_interactions: bool = True
    conversations: ConversationSettings = ConversationSettings()
    worker: bool = Field(True, description="`inhouse serve` starts a worker for jobs beside itself")


class JobSettings(Section):
    """Work that `POST /admin/reindex` and `/admin/retrain` hand to `inhouse worker`."""

    roots: Keys = Field(
        (), description="folders below which HTTP may index, beside those that were indexed before"
    )
    reindex_every_minutes: int = Field(
        0, ge=0, description="all indexed folders are brought up to date so often; 0: only when asked"
    )
    replay_every_minutes: int = Field(
        0, ge=0, description="logged questions are asked again so often (docs/evaluation.md); 0: never"
    )
    dead_after_s: float = Field(
        15, ge=1, description="a running job whose worker has been silent for so long is taken from it"
    )
    keep_days: int = Field(30, ge=1, description="jobs that ended longer ago are forgotten")


class LogSettings(Section):
    """The interaction log; `service.log_interactions` turns it off altogether."""

    mask: bool = Field(
        True, description="replace personal data before writing; keys and passwords always are"
    )
    keep_days: int = Field(180, ge=0, description="older interactions are deleted; 0 keeps them for ever")


RATE = r"^$|^\s*[1-9]\d*\s*(/|per)\s*([1-9]\d*\s*)?(second|minute|hour|day)s?\s*$"


class LimitSettings(Section):
    """What one asker, and all of them together, may ask of the server. Seconds: 0 turns a limit off."""

    rate: str = Field(
        "600/minute",
        pattern=RATE,
        description="requests to /v1 by a key, or by an address without keys; empty: as many as they like",
    )
    failed_keys: str = Field("20/minute", pattern=RATE, description="wrong keys that an address may try")
    answers_at_once: int = Field(8, ge=1, le=1000, description="answers made at a time by a process")
    queue: int = Field(64, ge=0, description="questions that wait for their turn; more are refused")
    queue_s: float = Field(20, ge=0)
    retrieve_s: float = Field(20, ge=0)
    read_s: float = Field(20, ge=0)
    generate_s: float = Field(60, ge=0)
    total_s: float = Field(120, ge=0, description="all stages of an answer, waiting not counted")


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="INHOUSE_",
        env_nested_delimiter="__",
        frozen=True,
        extra="ignore",
        nested_model_default_partial_update=True,
    )

    data_dir: Path = Path(".inhouse")
    generator: Literal["reader", "transformers", "openai"] = "reader"
    chroma_url: str = Field(
        "", description="http://host:port of a Chroma server; empty: embedded under data_dir"
    )
    database_url: str = Field(
        "",
        repr=False,
        description="of the interaction log, keys, conversations and jobs; empty: SQLite under data_dir",
    )
    assistant: AssistantSettings = AssistantSettings()
    ingestion: IngestionSettings = IngestionSettings()
    retrieval: RetrievalSettings = RetrievalSettings()
    models: ModelSettings = ModelSettings()
    answering: AnsweringSettings = AnsweringSettings()
    guards: GuardSettings = GuardSettings()
    observation: ObservationSettings = ObservationSettings()
    decoding: DecodingSettings = DecodingSettings()
    finetune: FinetuneSettings = FinetuneSettings()
    judge: JudgeSettings = JudgeSettings()
    service: ServiceSettings = ServiceSettings()
    log: LogSettings = LogSettings()
    limits: LimitSettings = LimitSettings()
    jobs: JobSettings = JobSettings()

    @property
    def index_dir(self) -> Path:
        return self.data_dir / "index"

    @property
    def adapters_dir(self) -> Path:
        return self.data_dir / "adapters"

    @property
    def datasets_dir(self) -> Path:
        return self.data_dir / "datasets"

    @property
    def reports_dir(self) -> Path:
        return self.data_dir / "reports"

    @property
    def cache_file(self) -> Path:
        return self.data_dir / "cache.sqlite3"

    @property
    def database(self) -> Path:
        """The SQLite file that is used where `database_url` is empty."""
        return self.data_dir / "inhouse.db"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        toml = Path(os.environ.get("INHOUSE_CONFIG", "inhouse.toml"))
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml)


def load_settings(**overrides: Any) -> Settings:
    """The settings from arguments, environment and `inhouse.toml`.

    Raises ConfigurationError naming the first setting that is wrong and how it was wrong.
    """
    try:
        return Settings(**overrides)
    except ValidationError as error:
        first = error.errors()[0]
        name = "INHOUSE_" + "__".join(str(part).upper() for part in first["loc"])
        raise ConfigurationError(
            f"The setting {name} is wrong: {first['msg']} (got {first.get('input')!r})."
        ) from error
    except ValueError as error:  # a broken TOML file
        raise ConfigurationError(f"inhouse.toml cannot be read: {error}") from error

"""OpenTelemetry traces of the answers, where an endpoint is set; without one nothing is imported or done.

An answer's stages are known when it is done, so its spans are made then, with the times that were measured.
Attributes follow the GenAI semantic conventions (opentelemetry.io/docs/specs/semconv/gen-ai).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from service import environment

if TYPE_CHECKING:
    from core.settings import ObservationSettings
    from service.conversing import Question, Reply

_OPERATIONS = {"generate": "chat", "embed": "embeddings", "retrieve": "retrieval"}
_EXPORT_TIMEOUT_S = 5


class Tracing:
    """Sends in a thread of its own; a collector that is away costs answers nothing."""

    def __init__(self, settings: ObservationSettings) -> None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        address = settings.otlp_endpoint.rstrip("/")
        address = address if address.endswith("/v1/traces") else f"{address}/v1/traces"
        exporter = OTLPSpanExporter(endpoint=address, timeout=_EXPORT_TIMEOUT_S)
        with environment.own_traces():
            self._provider = TracerProvider(resource=Resource({"service.name": "inhouse"}))
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("inhouse")
        self._with_text = settings.trace_questions

    def observe(self, question: Question, reply: Reply) -> None:
        """One span for the exchange and one for each stage."""
        from opentelemetry.trace import SpanKind, set_span_in_context

        ended = time.time_ns()
        started = ended - _nanoseconds(reply.timings_ms.get("total", 0.0))
        root = self._tracer.start_span(
            "invoke_agent inhouse",
            kind=SpanKind.SERVER,
            start_time=started,
            attributes=self._facts(question, reply),
        )
        context, at = set_span_in_context(root), started
        for stage, ms in reply.timings_ms.items():
            if stage == "total":
                continue
            facts = {"inhouse.stage": stage}
            if stage in _OPERATIONS:
                facts["gen_ai.operation.name"] = _OPERATIONS[stage]
                facts["gen_ai.request.model"] = reply.answer.model
            kind = SpanKind.CLIENT if stage == "generate" else SpanKind.INTERNAL
            span = self._tracer.start_span(stage, context, kind=kind, start_time=at, attributes=facts)
            at += _nanoseconds(ms)
            span.end(at)
        root.end(max(ended, at))

    def close(self) -> None:
        self._provider.shutdown()

    def _facts(self, question: Question, reply: Reply) -> dict[str, Any]:
        answer = reply.answer
        facts: dict[str, Any] = {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.provider.name": "inhouse",
            "gen_ai.request.model": answer.model,
            "gen_ai.response.model": answer.model,
            "gen_ai.usage.input_tokens": answer.usage.prompt_tokens,
            "gen_ai.usage.output_tokens": answer.usage.completion_tokens,
            "inhouse.request_id": question.request_id,
            "inhouse.answer_type": answer.answer_type,
            "inhouse.cached": reply.cached,
            "inhouse.reason": answer.reason,
        }
        if question.conversation_id:
            facts["gen_ai.conversation.id"] = question.conversation_id
        if self._with_text:
            facts["gen_ai.input.messages"] = question.text
            facts["gen_ai.output.messages"] = answer.answer
        return facts


def open_tracing(settings: ObservationSettings) -> Tracing | None:
    return Tracing(settings) if settings.otlp_endpoint else None


def _nanoseconds(ms: float) -> int:
    return int(ms * 1_000_000)

"""Every fault that Inhouse names. The message says what to do; `code` is stable and part of the contract.

InhouseError
├── ConfigurationError      a setting is wrong or two of them contradict each other
├── InvalidInputError       a question, request or file that cannot be used
│   ├── EmptyQuestionError
│   └── QuestionTooLongError
├── SourceError             a path that cannot be indexed, or a file that cannot be read
│   └── EmptySourceError    a file without content
├── IndexUnavailableError             the index cannot serve
│   ├── IndexEmptyError     nothing has been indexed yet
│   └── IndexLockedError    another process is writing
├── ModelError              a model or adapter that is missing, broken or does not fit
│   ├── UnknownModelError
│   └── AdapterMismatchError  an adapter of another base, tokenizer or prompt than what is served
├── StageTimeoutError       a stage of answering, or all of them, took too long
├── AbandonedError          nobody waits for the answer any more
└── ServiceError            the server cannot start or a part that it needs is away
"""

from __future__ import annotations


class InhouseError(Exception):
    """Base of the tree; catch it at the outermost edge only."""

    code = "inhouse_error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code


class ConfigurationError(InhouseError):
    code = "invalid_configuration"


class InvalidInputError(InhouseError):
    code = "invalid_input"


class EmptyQuestionError(InvalidInputError):
    code = "empty_question"


class QuestionTooLongError(InvalidInputError):
    code = "question_too_long"


class SourceError(InhouseError):
    code = "source_unreadable"


class EmptySourceError(SourceError):
    """What was indexed of the file before is not true any more."""

    code = "source_empty"


class IndexUnavailableError(InhouseError):
    code = "index_error"


class IndexEmptyError(IndexUnavailableError):
    code = "index_empty"


class IndexLockedError(IndexUnavailableError):
    code = "index_locked"


class ModelError(InhouseError):
    code = "model_error"


class UnknownModelError(ModelError):
    code = "unknown_model"


class StageTimeoutError(InhouseError):
    code = "timeout"


class AbandonedError(InhouseError):
    code = "client_closed_request"


class AdapterMismatchError(ModelError):
    code = "adapter_mismatch"


class ServiceError(InhouseError):
    code = "service_unavailable"

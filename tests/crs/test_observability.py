"""Does a secret ever reach a log?"""

from __future__ import annotations

import io
import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvals.rules.keys import LABELS
from crs import observability
from crs.observability import REMOVED, redact, without_secrets

SECRETS = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=12, max_size=40)


@pytest.mark.parametrize(
    "name",
    ["password", "SECRET_KEY", "gateway_secret", "token", "Authorization", "Set-Cookie", "private_key", "redis_url"],
)
def test_a_field_with_a_secrets_name_is_removed_whatever_it_holds(name: str) -> None:
    assert redact(None, "info", {name: {"deep": ["anything"]}}) == {name: REMOVED}


@pytest.mark.property
@given(secret=SECRETS)
def test_a_secret_inside_a_sentence_is_removed(secret: str) -> None:
    for text in (
        f"connection to postgresql://crs_app:{secret}@127.0.0.1:5432/crs failed",
        f"redis://:{secret}@127.0.0.1:6379/0",
        *(f"caller sent crs_{label}_k7_{secret}" for label in LABELS.values()),
        f"Authorization: Bearer {secret}",
        f"password={secret} host=db",
        f"{{'api_key': '{secret}'}}",
        f"-----BEGIN PRIVATE KEY-----\n{secret}\n-----END PRIVATE KEY-----",
    ):
        assert secret not in without_secrets(text)
        assert secret not in str(
            redact(None, "info", {"event": text, "facts": [{"text": text}], "error": OSError(text)})
        )


def test_what_is_no_secret_stays_as_it_is() -> None:
    event = {"event": "order 7 filled at 1.23450", "order": 7, "at": "2026-11-20T19:47:00Z", "digest": "ab" * 32}
    assert redact(None, "info", dict(event)) == event


def test_a_line_of_any_logger_is_json_with_its_process_and_without_its_secret(
    capsys: pytest.CaptureFixture[str],
) -> None:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    written = io.StringIO()
    try:
        observability.configure({"process": "worker", "level": "INFO"})
        root.handlers[0].setStream(written)  # type: ignore[attr-defined]  # the one stream handler
        error = ConnectionError("redis://:hunter2hunter2@127.0.0.1:1/0 refused")
        logging.getLogger("some.library").error(
            "away: %s", "postgresql://crs_app:hunter2hunter2@db/crs", exc_info=error
        )
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
    line = json.loads(written.getvalue())
    assert (line["process"], line["level"], line["logger"]) == ("worker", "error", "some.library")
    assert "hunter2" not in written.getvalue()
    assert "ConnectionError" in line["exception"]

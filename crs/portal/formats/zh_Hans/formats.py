"""How does a date look? As in English: ISO."""

from crs.portal.formats.en.formats import *  # noqa: F403 — the two languages share every format on purpose

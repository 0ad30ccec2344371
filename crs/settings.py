"""What can be configured? The only reader of the environment; docs/SETTINGS.md explains each name."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from crs.stack import addresses

BASE_DIR = Path(__file__).resolve().parent.parent


# ── Strict readers ────────────────────────────────────────────────────────────────────────────────────────────────────
def text(name: str, default: str | None = None) -> str:
    """Read `NAME_FILE` (a secret in a file) before `NAME`."""
    if file := addresses.given(f"{name}_FILE"):
        try:
            secret = Path(file).read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ImproperlyConfigured(f"{name}_FILE: {file} cannot be read: {error}") from error
        if not secret:
            raise ImproperlyConfigured(f"{name}_FILE: {file} is empty")
        return secret
    value = addresses.given(name)
    if value is None and default is None:
        raise ImproperlyConfigured(f"{name} is not set")
    return default if value is None else value  # type: ignore[return-value]  # one of them is text


def flag(name: str, *, default: bool) -> bool:
    value = os.environ.get(name, str(default))
    if value not in ("True", "False"):
        raise ImproperlyConfigured(f"{name} is {value!r}: True or False")
    return value == "True"


def number(name: str, default: int, *, low: int, high: int) -> int:
    value = text(name, str(default))
    if not re.fullmatch("[0-9]{1,9}", value) or not low <= int(value) <= high:
        raise ImproperlyConfigured(f"{name} is {value!r}: a whole number from {low} to {high}")
    return int(value)


def words(name: str, default: str = "") -> list[str]:
    """Read words between commas; where the default is no word, an empty value means none too."""
    value = text(name, default) if default else os.environ.get(name, "").strip()
    found = [word.strip() for word in value.split(",")] if value else []
    if not all(found):
        raise ImproperlyConfigured(f"{name} is {value!r}: words between commas")
    return found


def url(name: str, value: str, *, schemes: tuple[str, ...], form: str) -> SplitResult:
    """Return the parts of an address. The value may hold a password and is not shown."""
    parts = urlsplit(value)
    try:
        has_place = bool(parts.hostname) and parts.port != 0
    except ValueError:  # no port number
        has_place = False
    if parts.scheme not in schemes or not has_place:
        raise ImproperlyConfigured(f"{name} is no address: {form}")
    return parts


def gateway(name: str) -> str:
    """Return an address of the gateway, "" until a stack runs."""
    value = addresses.known(name)
    if value and url(name, value, schemes=("tcp",), form="tcp://HOST:PORT").port is None:
        raise ImproperlyConfigured(f"{name} is no address: tcp://HOST:PORT")
    return value


def database(name: str) -> dict[str, Any]:
    form = "postgresql://USER:PASSWORD@HOST:PORT/NAME"
    parts = url(name, addresses.address(name), schemes=("postgresql", "postgres"), form=form)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": parts.hostname,
        "PORT": parts.port or 5432,
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
    }


addresses.read_dotenv()

# ── Environment ───────────────────────────────────────────────────────────────────────────────────────────────────────
CRS_ENV = text("CRS_ENV", "demo")  # demo, staging or production; `up` sets demo
if CRS_ENV not in ("demo", "staging", "production"):
    raise ImproperlyConfigured(f"CRS_ENV is {CRS_ENV!r}: demo, staging or production")
HARDENED = CRS_ENV != "demo"
CRS_STATE_DIR = addresses.state_dir()
# The part this process plays: its statement time-out and its pool follow (web, worker, beat, daemon, command).
CRS_PROCESS = text("CRS_PROCESS", "command")

DEBUG = False
SECRET_KEY = text("SECRET_KEY", None if HARDENED else "demo-only: `up` writes a random one to <state>/secrets")
SECRET_KEY_FALLBACKS = words("SECRET_KEY_FALLBACKS")
ALLOWED_HOSTS = words("CRS_HOSTS", "127.0.0.1,localhost,[::1]")
CSRF_TRUSTED_ORIGINS = words("CRS_ORIGINS")

# ── Applications: each may import what stands below it ────────────────────────────────────────────────────────────────
INSTALLED_APPS = [
    "crs.apps.CrsConfig",  # before unfold: our templates win
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "csp",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_celery_beat",
    "strategies",
    "execution",
    "guardian",
    "ledger",
    "approvals",
    "crs.portal.apps.PortalConfig",  # last: it gives other people's admin pages our look
]
MIDDLEWARE = [
    "crs.api.middleware.RequestId",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "crs.portal.middleware.AdminCSP",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "crs.api.middleware.NoNul",  # its page has policy and language, and nobody has looked at the address yet
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "crs.api.idempotency.KeepAnswers",
]
ROOT_URLCONF = "crs.urls"
WSGI_APPLICATION = "crs.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "crs" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# ── PostgreSQL: the only truth ────────────────────────────────────────────────────────────────────────────────────────
STATEMENT_TIMEOUT_MS = {"web": 2_000, "report": 30_000, "migrate": 600_000}.get(CRS_PROCESS, 5_000)
DATABASES = {
    "default": {
        # The owner changes tables and nothing else.
        **database("OWNER_DATABASE_URL" if CRS_PROCESS == "migrate" else "DATABASE_URL"),
        "CONN_HEALTH_CHECKS": True,
        # Celery closes a pool after every task; web gets one, made after fork.
        "CONN_MAX_AGE": 0 if CRS_PROCESS == "web" else 60,
        "OPTIONS": {
            "application_name": f"crs-{CRS_PROCESS}",
            # Without a threshold `prepare=True` prepares nothing (Django's default is None).
            "prepare_threshold": 5,
            "options": f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c lock_timeout=1000 "
            "-c idle_in_transaction_session_timeout=10000",
            **({"pool": {"min_size": 2, "max_size": 8, "timeout": 3}} if CRS_PROCESS == "web" else {}),
        },
    }
}

if addresses.given("OWNER_DATABASE_URL"):
    database("OWNER_DATABASE_URL")  # only migrations use it, but nobody should learn there that it is none

# ── Valkey or Redis: nothing there is truth ───────────────────────────────────────────────────────────────────────────
REDIS_URL = addresses.address("REDIS_URL")
url("REDIS_URL", REDIS_URL, schemes=("redis", "rediss"), form="redis://:PASSWORD@HOST:PORT/0")
CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}}

# ── Celery: rows are the queue, a message is a doorbell ───────────────────────────────────────────────────────────────
CELERY_BROKER_URL = REDIS_URL
CELERY_TIMEZONE = "UTC"
CELERY_ENABLE_UTC = True
CELERY_ACCEPT_CONTENT = ["json"]  # nothing that could run on arrival
CELERY_TASK_SERIALIZER = "json"
# Outcomes are rows. Without a backend nothing can leak (celery/celery#6963).
CELERY_TASK_IGNORE_RESULT = True
CELERY_RESULT_BACKEND = None
# An early ack loses what a killed worker had begun (measured: 2 of 8).
CELERY_TASK_ACKS_LATE = True
# Without it a killed child's task counts as done (celery/celery#3053); the attempts are capped in the row itself.
CELERY_TASK_REJECT_ON_WORKER_LOST = True
# Longer than `visibility_timeout` a task would run twice (celery/celery#5935): a slice ends after 4 s.
CELERY_TASK_SOFT_TIME_LIMIT = 5
CELERY_TASK_TIME_LIMIT = 8
CELERY_WORKER_PREFETCH_MULTIPLIER = 1  # a worker hoards nothing that another could do (celery/celery#6500)
CELERY_WORKER_POOL = "prefork"  # threads and gevent do not enforce time limits (celery/celery#1958)
CELERY_WORKER_MAX_TASKS_PER_CHILD = 1000  # memory grows (celery/celery#4843)
CELERY_WORKER_MAX_MEMORY_PER_CHILD = 300_000  # KiB
CELERY_WORKER_CONSUMER = "crs.consumer:PromptConsumer"  # hears again as soon as its broker is back
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False  # crs/observability.py has set it up
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True  # the lost message comes back: not twice at once
# Never hang on a broker that is away (celery/celery#4296): the row stays due and the next sweep rings.
CELERY_TASK_PUBLISH_RETRY = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 10,  # s; what a dead worker held comes back after 11.4 s (measured)
    "unacked_restore_interval": 2,  # with the defaults it took 101 s (celery/kombu#2558)
    "unacked_restore_throttle": 1,
    "unacked_restore_limit": 100,  # at once, instead of 10 (celery/kombu#164)
    # A connection that died silently is noticed within 5 s (celery/celery#8030).
    "health_check_interval": 5,
    "socket_timeout": 5,
    "socket_connect_timeout": 2,
    "socket_keepalive": True,
    "retry_on_timeout": True,
}
CELERY_BEAT_MAX_LOOP_INTERVAL = 5  # s; an edited timetable is seen so soon
DJANGO_CELERY_BEAT_TZ_AWARE = True

# ── Logs: one door for all (crs/observability.py) ─────────────────────────────────────────────────────────────────────
LOGGING_CONFIG = "crs.observability.configure"
LOGGING = {"process": CRS_PROCESS, "level": "INFO"}

# ── Language and time ─────────────────────────────────────────────────────────────────────────────────────────────────
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("zh-hans", "中文")]
LOCALE_PATHS = [BASE_DIR / "crs" / "locale"]
FORMAT_MODULE_PATH = "crs.portal.formats"

# ── Static files: from installed packages and crs/static, served by us ────────────────────────────────────────────────
STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "crs" / "static"]
STATIC_ROOT = CRS_STATE_DIR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "crs.portal.staticfiles.PortalStaticFiles"},
}
WHITENOISE_USE_FINDERS = CRS_PROCESS == "web"  # what was not collected comes from where it is installed
WHITENOISE_MAX_AGE = 60

# ── Site hardening ────────────────────────────────────────────────────────────────────────────────────────────────────
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Strict"
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HARDENED  # a demo is plain loopback
SECURE_REDIRECT_EXEMPT = ["^livez$", "^readyz$", "^metrics$"]  # asked by machines, on this machine or behind the proxy
SECURE_HSTS_SECONDS = 31_536_000 if HARDENED else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HARDENED
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_621_440
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

# ── The portal's theme (unfold): our own pages use the same colours, see crs/static/crs/portal.css ────────────────────
UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "CRS",
    "SITE_HEADER": "CRS",
    "SITE_SUBHEADER": _("Control · Risk · Settlement"),
    "SITE_SYMBOL": "shield",
    "SITE_URL": None,
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "crs.portal.site.favicon"}],
    "SHOW_LANGUAGES": True,
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "GLOBAL_CALLBACK": "crs.portal.site.frame",
    "DASHBOARD_CALLBACK": "crs.portal.cockpit.dashboard",
    "ENVIRONMENT": "crs.portal.site.environment",
    "ENVIRONMENT_TITLE_PREFIX": "crs.portal.site.title_prefix",
    "STYLES": ["crs.portal.site.style_sheet"],
    "SCRIPTS": ["crs.portal.site.script"],
    "BORDER_RADIUS": "8px",
    "SIDEBAR": {"navigation": "crs.portal.navigation.sidebar"},
    "COMMAND": {"search_models": False, "show_history": True},
    "COLORS": {
        "base": {
            "50": "#f6f7f9",
            "100": "#eef0f3",
            "200": "#e3e6eb",
            "300": "#cfd5dd",
            "400": "#8896a9",
            "500": "#5f6b7d",
            "600": "#475163",
            "700": "#2b3749",
            "800": "#243040",
            "900": "#131a24",
            "950": "#0c1118",
        },
        "primary": {
            "50": "#eff7fd",
            "100": "#dbecf9",
            "200": "#b9dbf3",
            "300": "#8bc4ea",
            "400": "#69b7ea",
            "500": "#2f8fd0",
            "600": "#0f6ba8",
            "700": "#0b5f94",
            "800": "#0b4a73",
            "900": "#0a3a5a",
            "950": "#07263c",
        },
    },
}

# ── REST ──────────────────────────────────────────────────────────────────────────────────────────────────────────────
# A signed request may be this old; a wider window lets a captured one be replayed for longer when Valkey forgets.
SIGNATURE_WINDOW_MS = number("CRS_SIGNATURE_WINDOW_MS", 5_000, low=1_000, high=60_000)
PROXIES = number("CRS_PROXIES", 0, low=0, high=100)  # trusted proxies in front of web: whose X-Forwarded-For counts
KEY_SEAL_FILE = Path(text("KEY_SEAL_FILE", str(CRS_STATE_DIR / "secrets" / "key_seal.key")))
REST_FRAMEWORK: dict[str, Any] = {
    "EXCEPTION_HANDLER": "crs.api.problems.answer",
    "DEFAULT_SCHEMA_CLASS": "crs.api.openapi.Schema",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["crs.api.parsing.StrictJSONParser"],
    "DEFAULT_AUTHENTICATION_CLASSES": ["crs.api.access.KeyAuthentication", "crs.api.access.PersonAuthentication"],
    # In this order: who may, whether every parameter is known, then whether the same request came before.
    "DEFAULT_PERMISSION_CLASSES": [
        "crs.api.access.ScopeAllows",
        "crs.api.parameters.KnownParameters",
        "crs.api.idempotency.AnsweredOnce",
    ],
    "DEFAULT_PAGINATION_CLASS": "crs.api.paging.CursorPages",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_METADATA_CLASS": None,
    "URL_FORMAT_OVERRIDE": None,  # one format: `?format=` is an unknown parameter like any other
    "COERCE_DECIMAL_TO_STRING": True,
    "DATETIME_FORMAT": "%Y-%m-%dT%H:%M:%S.%fZ",
    "UNAUTHENTICATED_USER": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "CRS",
    "DESCRIPTION": _("Control, Risk, Settlement"),
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SERVE_PUBLIC": True,
    "ENUM_NAME_OVERRIDES": {"Positions": "approvals.models.Positions", "HaltState": "approvals.models.HaltState"},
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums", "crs.api.openapi.add_problem"],
    "SWAGGER_UI_SETTINGS": {"persistAuthorization": False, "validatorUrl": None},
}

# ── The gateway ───────────────────────────────────────────────────────────────────────────────────────────────────────
GATEWAY_COMMAND_URL = gateway("GATEWAY_COMMAND_URL")  # empty until a stack runs
GATEWAY_TICKS_URL = gateway("GATEWAY_TICKS_URL")
GATEWAY_ID = text("GATEWAY_ID", "PAPER")
if not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", GATEWAY_ID):
    raise ImproperlyConfigured(f"GATEWAY_ID is {GATEWAY_ID!r}: up to 64 letters, digits, dots, dashes")
GATEWAY_KEY_FILE = Path(text("GATEWAY_KEY_FILE", str(CRS_STATE_DIR / "secrets" / "gateway.key")))

# ── Sessions ──────────────────────────────────────────────────────────────────────────────────────────────────────────
# Sessions at once on this machine; each holds a worker child for good.
SESSIONS_MAX = number("CRS_SESSIONS_MAX", 3, low=1, high=100)
# What `manage.py session` takes where its command line says nothing; before the file and the default. It alone reads
# them, so it alone refuses them: a wrong wish for a session must not keep `kill` from stopping one.
SESSION_CONFIG = os.environ.get("CRS_SESSION_CONFIG")
SESSION_OPTIONS = {
    "symbols": os.environ.get("CRS_SESSION_SYMBOLS"),
    "duration": os.environ.get("CRS_SESSION_DURATION"),
    "max_loss": os.environ.get("CRS_SESSION_MAX_LOSS"),
    "speed": os.environ.get("CRS_SESSION_SPEED"),
    "data": os.environ.get("CRS_SESSION_DATA"),
    "start": os.environ.get("CRS_SESSION_START"),
    "seed": os.environ.get("CRS_SESSION_SEED"),
}

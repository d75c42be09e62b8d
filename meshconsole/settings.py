"""Django's settings, flat: the environment is the only difference between two places."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from meshconsole.core.logs import logging_settings
from meshconsole.env import Environment, names, postgres, private_file, sqlite

ENV = Environment()
BASE_DIR = Path(__file__).resolve().parent.parent
STATE_DIR = ENV.state_folder()

DEBUG = ENV.debug
SECRET_KEY = ENV.secret_key_value()
ALLOWED_HOSTS = names(ENV.allowed_hosts)
CSRF_TRUSTED_ORIGINS = names(ENV.trusted_origins)
ROOT_URLCONF = "meshconsole.urls"
ASGI_APPLICATION = "meshconsole.asgi.application"

MESH_REDIS_URL = ENV.redis_address()
MESH_KEK_FILE = ENV.kek_path()
MESH_TRUST_DOMAIN = ENV.trust_domain
MESH_SIGNER = ENV.signer
MESH_AUTHORITY_FILE = ENV.authority_file
MESH_VAULT_ADDRESS = ENV.vault_address
MESH_VAULT_MOUNT = ENV.vault_mount
MESH_VAULT_ROLE = ENV.vault_role
MESH_VAULT_NAMESPACE = ENV.vault_namespace
MESH_VAULT_TOKEN_FILE = ENV.vault_token_file
MESH_VAULT_CA_FILE = ENV.vault_ca_file
MESH_SIDECAR_ACTUATOR = ENV.sidecar_actuator
MESH_ACTUATOR_SECRETS = ENV.actuator_secrets_path()
MESH_ACTUATOR_NETWORKS = names(ENV.actuator_networks)
MESH_HEAL_SCALE = ENV.heal_scale
MESH_PROCESS_SOCKET = ENV.process_socket
MESH_DOCKER_SOCKET = ENV.docker_socket
MESH_SUPERVISOR_SOCKET = ENV.supervisor_socket
MESH_PUBLIC_URL = ENV.public_url
MESH_NOTICE_NETWORKS = names(ENV.notice_networks)
MESH_SMTP_HOST = ENV.smtp_host
MESH_SMTP_PORT = ENV.smtp_port
MESH_SMTP_TLS = ENV.smtp_tls
MESH_SMTP_USER = ENV.smtp_user
MESH_SMTP_PASSWORD_FILE = ENV.smtp_password_file
MESH_SMTP_FROM = ENV.smtp_from
MESH_DEMO = ENV.demo
MESH_DISCOVERY_HOST = ENV.discovery_host
MESH_DISCOVERY_PORT = ENV.discovery_port
MESH_ENROL_PORT = ENV.enrol_port
MESH_TRUSTED_PROXY = ENV.trusted_proxy
MESH_BODY_LIMIT_BYTES = 1024 * 1024

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "meshconsole.core",
    "meshconsole.audit",
    "meshconsole.live",
    "meshconsole.access",
    "meshconsole.inventory",
    "meshconsole.telemetry",
    "meshconsole.encryption",
    "meshconsole.limiting",
    "meshconsole.steering",
    "meshconsole.healing",
    "meshconsole.rollouts",
    "meshconsole.discovery",
    "meshconsole.demo",
    "meshconsole.drill",
]

MIDDLEWARE = [
    "meshconsole.core.request.RequestMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "meshconsole.core.headers.HeadersMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "meshconsole.access.middleware.RoleMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "meshconsole.access.context.access",
                "meshconsole.front.context.chrome",
            ],
        },
    }
]

DATABASES = {
    "default": postgres(ENV.database_url)
    if ENV.database_url
    else sqlite(private_file(STATE_DIR / "console.sqlite3"))
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = STATE_DIR / "static"
STATIC_ROOT.mkdir(exist_ok=True)
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG
WHITENOISE_IMMUTABLE_FILE_TEST = r"^/static/vendor/[^/]+-\d"

LOGIN_URL = "access:login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "access:login"
AUTHENTICATION_BACKENDS = ["meshconsole.access.backends.ThrottledBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
    )
]

SESSION_COOKIE_AGE = 8 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = ENV.secure_cookies
SESSION_COOKIE_NAME = "__Host-mesh_session" if ENV.secure_cookies else "mesh_session"
CSRF_COOKIE_SECURE = ENV.secure_cookies
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_NAME = "__Host-mesh_csrf" if ENV.secure_cookies else "mesh_csrf"
CSRF_FAILURE_VIEW = "meshconsole.core.problems.csrf_failure"

SECURE_SSL_REDIRECT = ENV.secure_cookies
SECURE_HSTS_SECONDS = 31_536_000 if ENV.secure_cookies else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = ENV.secure_cookies
SECURE_HSTS_PRELOAD = ENV.secure_cookies
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if ENV.trusted_proxy else None
SECURE_REDIRECT_EXEMPT = [r"^livez$", r"^readyz$", r"^metrics$"]
X_FRAME_OPTIONS = "DENY"
SILENCED_SYSTEM_CHECKS = ["security.W002"]
"""W002 asks for the frame middleware; HeadersMiddleware sets that header with the others."""
DATA_UPLOAD_MAX_MEMORY_SIZE = MESH_BODY_LIMIT_BYTES
DATA_UPLOAD_MAX_NUMBER_FIELDS = 500

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "meshconsole.access.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["meshconsole.access.permissions.RolePermission"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["meshconsole.core.parsing.BoundedJSONParser"],
    "DEFAULT_PAGINATION_CLASS": "meshconsole.core.paging.CursorPaging",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "meshconsole.core.problems.problem_handler",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}

SPECTACULAR_SETTINGS = {
    "TITLE": "meshconsole",
    "DESCRIPTION": "The REST API of the mesh's console: what the pages do, scripts can do.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["meshconsole.access.permissions.RolePermission"],
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
}

LOGGING_CONFIG = "logging.config.dictConfig"
LOGGING = logging_settings(ENV.log_level)

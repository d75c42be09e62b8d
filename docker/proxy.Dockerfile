# The sidecar alone: no Django, no Celery, no Redis client inside.
# Build from the top of the repository: docker build -f docker/proxy.Dockerfile -t meshproxy .
FROM python:3.12-slim

ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1
WORKDIR /srv/proxy

# Only what the sidecar imports; the pinned versions and hashes come from the common lock.
COPY requirements.lock /tmp/requirements.lock
RUN awk '/^[a-z]/ { keep = $1 ~ /^(cffi|cryptography|msgspec|pycparser|uvloop|websockets|typing-extensions)==/ } keep' \
      /tmp/requirements.lock > /tmp/proxy.lock \
 && pip install --disable-pip-version-check --require-hashes -r /tmp/proxy.lock \
 && useradd --system --uid 10002 --home-dir /srv/proxy proxy \
 && install -d -o proxy -m 0700 /var/lib/proxy

COPY proxy ./proxy

VOLUME /var/lib/proxy
USER proxy
ENTRYPOINT ["python", "-m", "proxy"]
CMD ["--help"]

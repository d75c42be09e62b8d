# The console's side in one image: console, discovery and healer differ by their command.
# Build from the top of the repository: docker build -f docker/console.Dockerfile -t meshconsole .
FROM python:3.12-slim

ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1
WORKDIR /srv/meshconsole

COPY requirements.lock ./
RUN pip install --disable-pip-version-check --require-hashes -r requirements.lock \
 && pip install --disable-pip-version-check "psycopg[binary]>=3.2,<4" \
 && useradd --system --uid 10001 --home-dir /srv/meshconsole mesh \
 && install -d -o mesh -m 0700 /var/lib/meshconsole

COPY manage.py ./
COPY proxy ./proxy
COPY meshconsole ./meshconsole
COPY healer ./healer
COPY templates ./templates
COPY static ./static

ENV MESH_STATE_DIR=/var/lib/meshconsole DJANGO_SETTINGS_MODULE=meshconsole.settings
VOLUME /var/lib/meshconsole
USER mesh
EXPOSE 8000
CMD ["python", "-m", "daphne", "-b", "0.0.0.0", "-p", "8000", "meshconsole.asgi:application"]

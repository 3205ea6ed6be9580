# One image, several processes: `docker run mpac web`, realtime, worker, beat, relay, migrate (see deploy/process).
FROM python:3.12-slim AS build
WORKDIR /build
COPY requirements.txt .
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --disable-pip-version-check -r requirements.txt

FROM python:3.12-slim
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/mpac mpac \
    && install -d -o mpac -g mpac /run/mpac/metrics /var/lib/mpac/packages
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=config.settings \
    MPAC_STATE_DIR=/var/lib/mpac \
    PROMETHEUS_MULTIPROC_DIR=/run/mpac/metrics
COPY --from=build /venv /venv
WORKDIR /app
COPY manage.py ./
COPY config config
COPY kernel kernel
COPY mpac mpac
COPY deploy/process deploy/process
USER mpac
EXPOSE 8000 8001
STOPSIGNAL SIGTERM
ENTRYPOINT ["/app/deploy/process"]
CMD ["web"]

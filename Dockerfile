FROM debian:bookworm-slim AS build
RUN apt-get update \
 && apt-get install --yes --no-install-recommends python3 python3-venv \
 && rm -rf /var/lib/apt/lists/*
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python3 -m venv /opt/ophaalbrug && python3 -m venv /opt/build

# What is locked comes first: it changes less often than the source.
COPY requirements.lock requirements-build.lock /source/
RUN /opt/ophaalbrug/bin/pip install --require-hashes --requirement /source/requirements.lock
RUN /opt/build/bin/pip install --require-hashes --requirement /source/requirements-build.lock

WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY schemas schemas
COPY qr qr
COPY sessions sessions
COPY connectors connectors
COPY broker broker
COPY sandbox sandbox
COPY toolkit toolkit
RUN /opt/build/bin/hatchling build --target wheel --directory /opt/wheel
RUN /opt/ophaalbrug/bin/pip install --no-index --no-deps --find-links /opt/wheel ophaalbrug


FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install --yes --no-install-recommends python3 ca-certificates \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --user-group --no-create-home ophaalbrug
COPY --from=build /opt/ophaalbrug /opt/ophaalbrug
ENV PATH=/opt/ophaalbrug/bin:/usr/local/bin:/usr/bin:/bin PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
ENV OPHAALBRUG_HOST=0.0.0.0 OPHAALBRUG_PORT=8080
USER 10001:10001
WORKDIR /etc/ophaalbrug
EXPOSE 8080
ENTRYPOINT ["ophaalbrug"]
CMD ["serve"]
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s --retries=3 \
  CMD ["python3", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8080/readyz', timeout=4)"]

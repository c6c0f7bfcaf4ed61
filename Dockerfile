# unmix in a container. For processors:
#   docker build -t unmix .
#   docker run --rm -v unmix-weights:/weights -v "$PWD:/music" unmix separate song.flac
# For NVIDIA cards, with --build-arg BUILD=cu130 and docker run --gpus all.
FROM python:3.12-slim AS build
ARG BUILD=cpu
ARG EXTRAS=
COPY . /source
RUN python -m venv /opt/unmix \
    && /opt/unmix/bin/pip install --no-cache-dir \
        --extra-index-url "https://download.pytorch.org/whl/${BUILD}" "/source${EXTRAS}"

FROM python:3.12-slim
COPY --from=build /opt/unmix /opt/unmix
ENV PATH="/opt/unmix/bin:$PATH" UNMIX_HOME=/weights
RUN mkdir -m 1777 /weights /music
VOLUME /weights
WORKDIR /music
ENTRYPOINT ["unmix"]
CMD ["--help"]

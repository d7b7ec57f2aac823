FROM python:3.11-slim-bookworm

# The extras in this image: `ingest,api` for the service, `trainer` for a GPU machine.
ARG EXTRAS=ingest,api

# Fixed ids, because they own the volumes.
RUN groupadd --gid 10001 affinity \
    && useradd --uid 10001 --gid 10001 --create-home affinity \
    && install --directory --owner affinity --group affinity /data

WORKDIR /app
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY affinity affinity
COPY foundation foundation
COPY graphdb graphdb
COPY ingest ingest
COPY api api
COPY trainer trainer
RUN pip install --no-cache-dir --constraint constraints.txt ".[${EXTRAS}]"

USER affinity
ENV AFFINITY_DATA=/data PYTHONUNBUFFERED=1
VOLUME /data
EXPOSE 8477
ENTRYPOINT ["affinity"]
CMD ["--help"]

FROM python:3.11-slim

# Which parts of the system this image holds: `ingest,api` for the service, `trainer` for a GPU box.
ARG EXTRAS=ingest,api

WORKDIR /app
COPY pyproject.toml constraints.txt README.md LICENSE affinity.py affinity_demo.py ./
COPY graphdb graphdb
COPY ingest ingest
COPY api api
COPY trainer trainer
COPY doctor doctor
RUN pip install --no-cache-dir --constraint constraints.txt ".[${EXTRAS}]" \
    && useradd --create-home affinity \
    && install --directory --owner affinity /data

USER affinity
ENV AFFINITY_DATA=/data
VOLUME /data
EXPOSE 8477
ENTRYPOINT ["affinity"]
CMD ["--help"]

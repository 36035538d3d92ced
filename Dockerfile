# Lookout on a plain Python, as an ordinary user. Built in two steps, so that the image holds no build tools or sources.
FROM python:3.11-slim AS build
WORKDIR /src
COPY requirements/run.txt requirements/run.txt
RUN python -m venv /opt/lookout \
    && /opt/lookout/bin/pip install --no-cache-dir --require-hashes --no-deps -r requirements/run.txt
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN /opt/lookout/bin/pip install --no-cache-dir --no-deps --no-build-isolation --no-index .

FROM python:3.11-slim
RUN useradd --system --uid 10001 --home-dir /var/lib/lookout --create-home lookout
COPY --from=build /opt/lookout /opt/lookout
# Listens for others, so it starts only with authentication, and says so. The private PostgreSQL, where no DATABASE_URL
# is given, lives in the volume.
ENV PATH=/opt/lookout/bin:$PATH \
    HOST=0.0.0.0 \
    LOOKOUT_DATA_DIR=/var/lib/lookout
USER 10001
VOLUME /var/lib/lookout
EXPOSE 18013
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:18013/ready', timeout=4)"]
ENTRYPOINT ["lookout"]
CMD ["serve"]

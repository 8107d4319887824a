# Kennisportal, for any of its commands: what runs is said in docker-compose.yml. By itself it is the whole portal in
# one process, on SQLite:
#   docker run --rm -v ./portal:/portal kennisportal kennisportal init .
#   docker run -v ./portal:/portal -p 127.0.0.1:8000:8000 kennisportal
FROM python:3.12-slim AS build

RUN python -m venv /opt/kennisportal
ENV PATH=/opt/kennisportal/bin:$PATH
WORKDIR /src
COPY requirements.lock ./
RUN pip install --no-cache-dir --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY feeds feeds
COPY subscribers subscribers
COPY pipeline pipeline
COPY templates templates
RUN pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.12-slim

# The folder of a portal is mounted at /portal, and belongs to this user.
RUN useradd --uid 1000 --create-home kennisportal && install -d -o kennisportal /portal
COPY --from=build /opt/kennisportal /opt/kennisportal
ENV PATH=/opt/kennisportal/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER kennisportal
WORKDIR /portal
EXPOSE 8000
HEALTHCHECK --start-period=30s --interval=30s --timeout=10s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/readyz', timeout=5)"]
CMD ["kennisportal", "run", "--host", "0.0.0.0", "--port", "8000"]

# Kennisportal in one container: collecting, publishing, sending and serving in one process.
FROM python:3.12-slim

COPY . /src
RUN pip install --no-cache-dir --require-hashes -r /src/requirements.lock \
    && pip install --no-cache-dir --no-deps --no-build-isolation /src \
    && rm -rf /src \
    && useradd --create-home kennisportal

USER kennisportal
WORKDIR /portal
EXPOSE 8000
CMD ["kennisportal", "run", "--host", "0.0.0.0", "--port", "8000"]

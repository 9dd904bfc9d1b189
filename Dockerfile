# nst on the CPU: docker build -t nst . && docker run --rm -v "$PWD:/work" --user "$(id -u)" nst content.path=me.jpg
FROM python:3.13-slim
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
COPY . /src
RUN pip install --no-cache-dir uv && uv pip install --system --no-cache --torch-backend=cpu /src && rm -rf /src
ENV NST_CACHE=/tmp/nst
WORKDIR /work
ENTRYPOINT ["nst"]

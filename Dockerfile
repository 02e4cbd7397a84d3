# docker build -t keystile .
# docker run -p 9090:9090 -p 8080:8080 -v keystile:/var/lib/keystile keystile
#
# scripts/check-dockerfile.sh checks what is copied and runs the build command
# below without Docker, so keep each instruction's sources explicit.

FROM golang:1.26 AS build
WORKDIR /src

# Modules first: they change less often than the code.
COPY go.mod go.sum ./
RUN go mod download

COPY api api
COPY cmd cmd
COPY server server
COPY storage storage

ARG VERSION=dev
ARG REVISION=unknown
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION} -X main.revision=${REVISION}" -o /out/keystile ./cmd/keystile

# The data folder is copied, not made: the last stage has no shell to make it.
RUN mkdir -p /out/data

FROM gcr.io/distroless/static-debian12:nonroot

ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Keystile" \
      org.opencontainers.image.description="API-key authorization: issues and manages keys, and decides each call in memory" \
      org.opencontainers.image.source="https://github.com/keystile/keystile" \
      org.opencontainers.image.url="https://github.com/keystile/keystile" \
      org.opencontainers.image.documentation="https://github.com/keystile/keystile/blob/main/README.md" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

COPY LICENSE /LICENSE
COPY --from=build /out/keystile /keystile
COPY --from=build --chown=65532:65532 /out/data /var/lib/keystile

# A container is reached from outside itself, so every listener takes any
# address; publish only the ports that should be reached. Beyond loopback it
# must be said who may ask for a check: here, who holds a key for that. The
# first admin secret goes to a file in the volume: a container's terminal is
# its log.
ENV KEYSTILE_GRPC_LISTEN=0.0.0.0:9090 \
    KEYSTILE_HTTP_LISTEN=0.0.0.0:8080 \
    KEYSTILE_OPS_LISTEN=0.0.0.0:9091 \
    KEYSTILE_CHECK_AUTH=key \
    KEYSTILE_DATA_DIR=/var/lib/keystile \
    KEYSTILE_BOOTSTRAP_KEY_FILE=/var/lib/keystile/bootstrap-key

USER nonroot
WORKDIR /var/lib/keystile
VOLUME /var/lib/keystile
EXPOSE 9090 8080 9091

HEALTHCHECK --interval=10s --timeout=3s --start-period=15s --retries=3 CMD ["/keystile", "health"]

ENTRYPOINT ["/keystile"]
CMD ["serve"]

# syntax=docker/dockerfile:1
# The gateway as one static binary in an empty image. docs/DEPLOY.md says how to run it.

FROM rust:1.95-alpine AS build
# For the C of ring and mimalloc.
RUN apk add --no-cache gcc make musl-dev
WORKDIR /build
COPY Cargo.toml Cargo.lock rust-toolchain* ./
COPY benches benches
COPY policies policies
COPY src src
# Alpine's target links everything into the binary.
RUN cargo build --release --locked --bin consentry \
 && strip target/release/consentry \
 && mkdir -p /image/etc/consentry /image/var/lib/consentry/data /image/var/lib/consentry/keys \
 && cp target/release/consentry /image/consentry

FROM scratch
# Nobody by name, and nobody who owns anything but the two volumes.
COPY --from=build --chown=0:0 /image/consentry /consentry
COPY --from=build --chown=65532:65532 /image/var/lib/consentry /var/lib/consentry
COPY --from=build --chown=0:0 /image/etc/consentry /etc/consentry
USER 65532:65532
WORKDIR /var/lib/consentry
# The keys lie apart from the data, so that a backup of one is not a backup of both.
VOLUME ["/var/lib/consentry/data", "/var/lib/consentry/keys"]
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
  CMD ["/consentry", "health", "--config", "/etc/consentry/consentry.toml"]
ENTRYPOINT ["/consentry"]
CMD ["serve", "--config", "/etc/consentry/consentry.toml"]

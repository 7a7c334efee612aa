# dvol's volume driver as a container, for hosts that have Docker and nothing else.
#
#   docker build -t dvol .
#   docker run -d --name dvol --restart always \
#       -v /run/docker/plugins:/run/docker/plugins \
#       -v /var/lib/dvol:/var/lib/dvol \
#       -v /var/run/docker.sock:/var/run/docker.sock dvol
#
# The pool must have one path inside and outside, since the engine looks for volumes at the path
# that the driver tells it. The command line is in there too:
#   docker exec dvol /dvol list
#
# A driver in a container starts after the engine: containers of other volumes that the engine
# restarts by itself at boot may come up late, and those on dvol's volumes not at all until they
# are started again. Where you can, run `dvol plugin` as a service before docker.service instead.

FROM rust:1-bookworm AS build
WORKDIR /src
COPY . .
# Static, so that the image needs nothing else; --target keeps the flag away from build scripts.
RUN target="$(rustc -vV | sed -n 's/^host: //p')" \
    && RUSTFLAGS="-C target-feature=+crt-static" cargo build --release --locked --target "$target" \
    && cp "target/$target/release/dvol" /dvol

FROM scratch
COPY --from=build /dvol /dvol
ENTRYPOINT ["/dvol"]
CMD ["plugin"]

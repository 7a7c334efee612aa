# dvol's volume driver and command line as a container, for hosts that have Docker and nothing else.
#
#   docker build -t dvol .
#   docker create -v /var/lib/dvol --name=dvol-volumes dvol
#   docker run -d --name=dvol --restart=always --network=none --cap-add=SYS_ADMIN \
#       --volumes-from dvol-volumes \
#       -v /run/docker/plugins:/run/docker/plugins \
#       -v /var/run/docker.sock:/var/run/docker.sock dvol dvol plugin
#   docker cp dvol:/client /usr/local/bin/dvol
#
# The driver asks the engine where the host has the pool. To have it in a directory of the host
# instead, write -v /var/lib/dvol:/var/lib/dvol in place of --volumes-from.
#
# A pool in an image (dvol help space) needs a directory of the host that passes mounts on, and loop
# devices: -v /var/lib/dvol:/var/lib/dvol:rshared --device-cgroup-rule='c 10:237 rwm'
# --device-cgroup-rule='b 7:* rwm', and --security-opt apparmor=unconfined where there is AppArmor.
# The image itself is made on the host: docker cp dvol:/usr/local/bin/dvol . && sudo ./dvol pool
# create --size 50G
#
# A driver in a container starts after the engine: containers of other volumes that the engine
# restarts by itself at boot may come up late, and those on dvol's volumes not at all until they
# are started again. Where you can, run `dvol plugin` as a service before docker.service instead.

# Any image with cargo, rustc, a linker and the static C library will do.
ARG BASE=rust:1-bookworm

FROM $BASE AS build
WORKDIR /src
COPY . .
RUN cp "$(tools/package/static)" /dvol

FROM scratch
COPY --from=build /dvol /usr/local/bin/dvol
COPY --from=build /src/tools/package/client /client
ENV PATH=/usr/local/bin
CMD ["dvol", "plugin"]

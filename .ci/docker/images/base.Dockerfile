# The Debian base of the stand-ins: the imported root file system, and the
# certificate authorities that this machine trusts beyond Debian's own (./ca may
# be empty). Built by base-images.
ARG ROOTFS
FROM ${ROOTFS}
COPY ca/ /usr/local/share/ca-certificates/
RUN update-ca-certificates --fresh >/dev/null
ARG RECIPE
LABEL standin.recipe=${RECIPE}

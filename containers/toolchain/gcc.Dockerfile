# User 1000 builds, user 1001 owns the trees: what a tree runs cannot change a tree. /src is where one is mounted, read-only.
# What a kernel tree's own build needs, with gcc. Another compiler is another file beside this one.
ARG BASE
FROM ${BASE}
RUN apt-get -q update \
 && apt-get -q -y --no-install-recommends install \
      gcc binutils libc6-dev make flex bison bc libelf-dev libssl-dev kmod cpio bzip2 lz4 lzop xz-utils zstd openssl ccache git perl-base \
      python3-minimal \
 && rm -rf /var/lib/apt/lists/* \
 && install -d -o 1000 -g 1000 /build /work /ccache && install -d -o 1001 -g 1001 /src /trees \
 && dpkg-query -W > /usr/share/hvmatrix/packages && gcc --version | head -n 1 > /usr/share/hvmatrix/compiler
ENV CC=gcc HOME=/tmp
COPY build-kernel conf-alone fetch-package kconfig-texts make-goals new-folder object-depends run-policy tree-diff trim-objects \
     unpack-tree /usr/local/bin/
# Before the compiler in the PATH of who resolves, and of nobody else (run-policy).
COPY probe-memo.c probe-text.h /usr/local/lib/hvmatrix/
RUN mkdir /usr/local/lib/hvmatrix/probes \
 && gcc -O2 -Wall -Wextra -Werror -o /usr/local/lib/hvmatrix/probes/gcc /usr/local/lib/hvmatrix/probe-memo.c

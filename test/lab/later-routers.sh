#!/bin/sh
# The routers of a later Debian beside this host's own, for the lab.
#   later-routers.sh build                       makes the root: Debian 13 with its FRR, BIRD 3 and BIRD 2 (needs debootstrap and a mirror)
#   later-routers.sh run bird2|bird3 PROGRAM …   runs PROGRAM; every FRR and BIRD that it starts is one of that root
# The root is ANYPROBE_LATER_ROOT, /var/tmp/anyprobe-trixie where that is not set.
set -eu
suite=trixie
root=${ANYPROBE_LATER_ROOT:-/var/tmp/anyprobe-$suite}

build() {
  [ ! -e "$root" ] || { echo "$root is there already: remove it to build it anew" >&2; exit 1; }
  mirror=$(apt-get indextargets --format '$(ORIGIN) $(REPO_URI)' | sed -n 's/^Debian //p' | head -n 1)
  # A half-built root must not be taken for a whole one.
  debootstrap --variant=minbase "$suite" "$root.part" "$mirror"
  printf '#!/bin/sh\nexit 101\n' > "$root.part/usr/sbin/policy-rc.d"
  chmod 755 "$root.part/usr/sbin/policy-rc.d"
  # The lab gives its files to this host's ids.
  for group in frr frrvty bird; do
    id=$(getent group $group | cut -d: -f3)
    [ -z "$id" ] || chroot "$root.part" groupadd -r -g "$id" $group
  done
  for user in frr bird; do
    id=$(id -u $user 2> /dev/null) && chroot "$root.part" useradd -r -u "$id" -g $user -d /nonexistent -s /usr/sbin/nologin $user
  done
  export DEBIAN_FRONTEND=noninteractive
  chroot "$root.part" apt-get install -y -qq --no-install-recommends frr bird3
  # The two do not install beside each other.
  chroot "$root.part" sh -euc 'mkdir /opt/bird2; cd /opt/bird2; apt-get download -qq bird2; dpkg -x bird2_*.deb .'
  mv "$root.part" "$root"
}

# In a mount namespace of its own: nobody else sees these mounts, and they end with the last process.
within() {
  for directory in dev proc run tmp; do mount --rbind "/$directory" "$root/$directory"; done
  wrappers=$root/wrappers
  mkdir -p "$wrappers"
  mount -t tmpfs later-routers "$wrappers"
  mkdir "$wrappers/frr" "$wrappers/bin"
  for daemon in zebra ospfd ospf6d; do wrap "$wrappers/frr/$daemon" "/usr/lib/frr/$daemon"; done
  wrap "$wrappers/bin/vtysh" /usr/bin/vtysh
  prefix=$([ "$1" = bird3 ] || echo /opt/bird2)
  for program in bird birdc; do wrap "$wrappers/bin/$program" "$prefix/usr/sbin/$program"; done
  mount --bind "$wrappers/frr" /usr/lib/frr
  PATH="$wrappers/bin:$PATH"
  shift
  "$@"
}

# The pid of whoever starts the wrapper becomes the daemon's.
wrap() {
  printf '#!/bin/sh\nexec chroot "%s" "%s" "$@"\n' "$root" "$2" > "$1"
  chmod 755 "$1"
}

case "${1:-} ${2:-}" in
  "build ") build ;;
  "run bird2" | "run bird3")
    [ -d "$root" ] || { echo "$root is missing: $0 build" >&2; exit 77; }
    shift
    exec unshare --mount sh "$0" within "$@"
    ;;
  within\ *) shift; within "$@" ;;
  *) echo "expected build, or run bird2|bird3 PROGRAM; got \"$*\"" >&2; exit 64 ;;
esac

#!/usr/bin/env bash
# Try: what `npm run package` made, as hosts get it, each in a tree of its own. As root, on Debian.
#
#   packaging/try.sh [--packages FOLDER] [--older FILE.deb] [--tree FILE.tar]
#
# Without --packages it makes them, twice, each from a clone of the last commit, and compares.
# --older is what is upgraded; without it, the same package with a lower version.
# --tree is a Debian of its smallest size; without it mmdebstrap makes one (apt, network).
#
# It says a line for each thing that is as it should be, and ends with 1 at the first that is not.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
if [ "${MIG_RUNNER_TRY:-}" != apart ]; then
  # Mounts and processes of its own: all of them end with it.
  MIG_RUNNER_TRY=apart exec unshare --mount --pid --fork --kill-child --mount-proc "$0" "$@"
fi

packages="" older="" tree_tar=""
while [ $# -gt 0 ]; do
  case "$1" in
    --packages) packages=$(realpath "$2") ;;
    --older) older=$(realpath "$2") ;;
    --tree) tree_tar=$(realpath "$2") ;;
    *) sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
  esac
  shift 2
done

work=$(mktemp -d)
clear_up() {
  umount -R "$work"/*/proc "$work"/*/dev 2>/dev/null || true
  rm -rf --one-file-system "$work"
}
trap clear_up EXIT
ok() { echo "ok: $*"; }
fail() { echo "NOT OK: $*" >&2; exit 1; }
same() { [ "$1" = "$2" ] || fail "$3: expected '$2', found '$1'"; }

# Waits for a command to succeed; the limit is for what hangs.
until_true() {
  local tries
  for ((tries = 0; tries < 600; tries++)); do
    if "$@" >/dev/null 2>&1; then return; fi
    sleep 0.5
  done
  fail "waited five minutes for: $*"
}

# --- The same bytes twice, from clones -----------------------------------------------------------

make_packages() {
  git clone --quiet . "$work/$1"
  (cd "$work/$1" && npm ci --no-audit --no-fund && npm run package) >"$work/$1.log" 2>&1 ||
    { tail -20 "$work/$1.log"; fail "npm run package in a clone"; }
}
if [ -z "$packages" ]; then
  make_packages one
  (umask 077 && TZ=Asia/Tokyo make_packages a-clone-with-another-name)
  packages=$work/one/dist/packages
  diff "$packages/SHA256SUMS" "$work/a-clone-with-another-name/dist/packages/SHA256SUMS" ||
    fail "two clones gave packages that differ"
  ok "two clones gave the same bytes: $(wc -l <"$packages/SHA256SUMS") files"
fi
(cd "$packages" && sha256sum --quiet -c SHA256SUMS) || fail "SHA256SUMS"
deb=$(echo "$packages"/mig-runner_*.deb)
version=$(dpkg-deb -f "$deb" Version)

# --- A tree ---------------------------------------------------------------------------------------

if [ -z "$tree_tar" ]; then
  tree_tar=$work/debian.tar
  mmdebstrap --variant=minbase --quiet bookworm "$tree_tar" || fail "mmdebstrap made no tree"
fi
# Unpacks one, with what programs expect of a running host.
new_tree() {
  mkdir "$work/$1"
  tar -xf "$tree_tar" -C "$work/$1" --exclude='./dev/*'
  mount -t proc proc "$work/$1/proc"
  mount --rbind /dev "$work/$1/dev"
}
in_tree() { env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root chroot "$work/tree" "$@"; }
as_mig=(env -i PATH=/usr/sbin:/usr/bin HOME=/var/lib/mig-runner chroot --userspec=mig:mig)
as_mig() { "${as_mig[@]}" "$work/tree" "$@"; }
runner() { as_mig mig-runner -c /etc/mig/runner.cfg "$@"; }
install_deb() { cp "$1" "$work/tree/new.deb"; in_tree dpkg -i /new.deb; rm "$work/tree/new.deb"; }
# All that is there, but what dpkg keeps for itself and the times of the user data base.
everything() {
  (cd "$work/tree" && find . -xdev \( -path ./proc -o -path ./dev -o -path ./var/lib/dpkg \
    -o -path './etc/*-' -o -path './var/log/dpkg.log' \) -prune -o -printf '%p %M %U %G\n' | sort)
}

# --- .deb: nothing is left of what was never used ------------------------------------------------

new_tree tree
everything >"$work/before"
install_deb "$deb" >"$work/dpkg.log" 2>&1 || { cat "$work/dpkg.log"; fail "dpkg -i"; }
same "$(in_tree mig-runner -V)" "$version" "the installed version"
same "$(in_tree stat -c '%U:%G %a' /var/lib/mig-runner /var/log/mig-runner)" \
  $'mig:mig 750\nmig:mig 750' "owner and mode of its folders"
same "$(in_tree dpkg --verify mig-runner)" "" "dpkg --verify"
in_tree dpkg --purge mig-runner >/dev/null
everything | diff "$work/before" - || fail "purging left something"
ok ".deb: installed and purged, nothing is left but the user $(in_tree id -un mig)"

# --- .deb: upgraded with work in flight ----------------------------------------------------------

if [ -z "$older" ]; then
  dpkg-deb -R "$deb" "$work/repacked"
  sed -i "s/^Version: .*/Version: $version~older/" "$work/repacked/DEBIAN/control"
  older=$work/older.deb
  dpkg-deb --root-owner-group -Znone --build "$work/repacked" "$older" >/dev/null
fi
install_deb "$older" >/dev/null
ok "older version installed: $(in_tree dpkg-query -W -f '${Version}' mig-runner)"

data=$work/tree/var/lib/mig-runner
as_mig mig-runner init /var/lib/mig-runner --new-key >/dev/null
mv "$data/runner.cfg" "$work/tree/etc/mig/runner.cfg"
runner sandbox --json --port 0 --speed 20 --apikey try-key >"$work/sandbox" &
until_true grep -q url "$work/sandbox"
url=$(sed 's/.*"url":"\([^"]*\)".*/\1/' "$work/sandbox")
sed -i "s|^url = .*|url = \"$url\"|" "$data/.migrc"
# What the API has: actions by their names, asked as an investigator would.
posted() {
  curl -fsS -H 'X-MIGAPIKEY: try-key' "${url}search?type=action&actionname=mig-runner%25&limit=1000" |
    grep -o '"name":"mig-runner: [^"]*"' | sort | uniq -c | sed 's/ *\([0-9]*\) "name":"\(.*\)"/\1 \2/'
}

# An action that is in flight, a workflow that sleeps between two, a result that nobody takes.
cat >"$data/plugins/book" <<'EOF'
#!/bin/sh
cat >/dev/null
[ ! -e /var/lib/mig-runner/refuse ] || exit 1
echo "$MIG_RUNNER_DELIVERY_KEY" >>/var/lib/mig-runner/book
EOF
mkdir "$data/runners/flow" "$data/runners/refused"
for job in hello refused; do
  [ "$job" = hello ] && expiry=25s || expiry=2s
  printf '[configuration]\nschedule = "0 3 * * *"\nexpiry = "%s"\nplugin = "book"\n' "$expiry" \
    >"$data/runners/$job/entity.cfg"
done
cp "$data/runners/hello/action.json" "$data/runners/refused/action.json"
cat >"$data/runners/flow/job.ts" <<'EOF'
import { job, modules } from "mig-runner";

export default job(
  {
    schedule: "0 3 * * *",
    expiry: "2s",
    action: { target: "mode='daemon'", operations: [modules.timedrift({})] },
  },
  async (run) => {
    const first = await run.collect("first");
    await run.sleep("a while", "25s");
    await run.collect("second");
    await run.deliver("book", first);
  },
);
EOF
chmod 755 "$data/plugins/book"
touch "$data/refuse"
chroot "$work/tree" chown -R mig:mig /var/lib/mig-runner /etc/mig/runner.cfg

start_daemon() {
  (exec "${as_mig[@]}" "$work/tree" mig-runner -c /etc/mig/runner.cfg) >"$work/daemon.log" 2>&1 &
  daemon=$!
  until_true grep -q 'added entity flow' "$work/daemon.log"
}
start_daemon
for job in refused flow hello; do runner run "$job" >/dev/null; done
until_true grep -q 'refused/[0-9]*: fetched results' "$work/daemon.log"
until_true grep -q 'flow/[0-9]*: fetched results' "$work/daemon.log"
until_true grep -q 'hello: launched action' "$work/daemon.log"
until_true grep -q 'book.*again' "$work/daemon.log"
before_upgrade=$(posted)
ok "at work: $(echo "$before_upgrade" | tr '\n' ',' | sed 's/,$//; s/,/, /g')"

# As systemd does: the package comes while the daemon works, then the daemon is started anew.
install_deb "$deb" >/dev/null
kill -TERM "$daemon"
wait "$daemon" || fail "the older daemon ended with $? at SIGTERM"
rm "$data/refuse"
runner redeliver refused >/dev/null 2>&1
start_daemon
same "$(in_tree mig-runner -V)" "$version" "the version after the upgrade"
has_ended() { [ "$(runner history --json | grep -c '"state":"done"')" = 3 ]; }
until_true has_ended
until_true sh -c "[ \$(wc -l <$data/book) = 3 ]"
same "$(posted)" $'2 mig-runner: flow\n1 mig-runner: hello\n1 mig-runner: refused' \
  "what the API was posted"
same "$(sort "$data/book" | uniq -d)" "" "results that were delivered twice"
same "$(runner status --json | grep -o '"inFlight":\[\],"undelivered":\[\]')" \
  '"inFlight":[],"undelivered":[]' "what is left to do"
runner journal verify >/dev/null || fail "journal verify"
runner check >/dev/null || fail "check"
ok "upgraded to $version with work in flight: 3 runs done, 4 actions posted once, 3 results delivered once"

# --- .deb: removed, then purged ------------------------------------------------------------------

kill -TERM "$daemon" && wait "$daemon" || fail "the daemon ended with $? at SIGTERM"
rm -rf "$data/refuse"
operators=$(cd "$work/tree" && find var/lib/mig-runner etc/mig -type f | sort | xargs sha256sum)
chroot --userspec=mig:mig "$work/tree" sh -c 'echo a line >/var/log/mig-runner/runner.log'
in_tree dpkg --remove mig-runner >/dev/null
same "$(cd "$work/tree" && ls etc/logrotate.d/mig-runner var/log/mig-runner)" \
  $'etc/logrotate.d/mig-runner\n\nvar/log/mig-runner:\nrunner.log' "what stays of it when removed"
[ ! -e "$work/tree/usr/bin/mig-runner" ] || fail "the executable is still there"
in_tree dpkg --purge mig-runner >"$work/purge.log" 2>&1
grep -q 'still in /var/lib/mig-runner' "$work/purge.log" || fail "purging did not say what it left"
same "$(cd "$work/tree" && find var/lib/mig-runner etc/mig -type f | sort | xargs sha256sum)" \
  "$operators" "the operator's files"
everything | grep -v -e '^\./var/lib/mig-runner' -e '^\./etc/mig' | diff "$work/before" - ||
  fail "purging left something beside the operator's files"
ok "removed: logrotate's configuration and logs stay; purged: the operator's files alone are left"

# --- An /etc/mig that was there ------------------------------------------------------------------

rm -r "$work/tree/etc/mig"
install -d -m 0755 "$work/tree/etc/mig"
touch "$work/tree/etc/mig/mig-agent.cfg"
install_deb "$deb" >/dev/null
same "$(in_tree stat -c '%U:%G %a' /etc/mig)" "root:root 755" "an /etc/mig that was there"
in_tree dpkg --purge mig-runner >/dev/null
same "$(ls "$work/tree/etc/mig")" mig-agent.cfg "what was in /etc/mig"
ok "an /etc/mig that was there stays as it is"

# --- .rpm ------------------------------------------------------------------------------------------

rpm=$(echo "$packages"/mig-runner-*.rpm)
if [ -e "$rpm" ] && command -v rpm >/dev/null; then
  umount -R "$work/tree/proc" "$work/tree/dev"
  rm -rf --one-file-system "$work/tree"
  new_tree tree
  # This tree is Debian's: rpm knows of no package in it, so what it needs is not asked for.
  rpm --root "$work/tree" --nodeps --force-debian -i "$rpm"
  same "$(in_tree mig-runner -V)" "$version" "the version that rpm installed"
  same "$(in_tree stat -c '%U:%G %a' /var/lib/mig-runner)" "mig:mig 750" "its folder"
  same "$(rpm --root "$work/tree" -V --nodeps mig-runner)" "" "rpm -V"
  touch "$work/tree/var/log/mig-runner/runner.log"
  rpm --root "$work/tree" -e mig-runner
  [ ! -e "$work/tree/usr/bin/mig-runner" ] || fail "rpm -e left the executable"
  same "$(ls "$work/tree/var/log/mig-runner")" runner.log "the log after rpm -e"
  [ ! -e "$work/tree/var/lib/mig-runner" ] || fail "rpm -e left an empty folder"
  ok ".rpm: installed, verified, erased; its log stays"
else
  echo "SKIPPED: .rpm: there is none, or no rpm here"
fi

# --- The image, as the first process of a container ------------------------------------------------

mkdir "$work/image" "$work/root"
tar -xf "$packages"/*.oci.tar -C "$work/image"
(cd "$work/image/blobs/sha256" && sha256sum * | awk '$1 != $2 { exit 1 }') || fail "a blob of the image"
layer=$(sed 's/.*"Layers":\["\([^"]*\)".*/\1/' "$work/image/manifest.json")
tar -xf "$work/image/$layer" -C "$work/root"
mkdir -p "$work/root"/{proc,tmp,etc/mig,var/lib/mig-runner}
user=$(sed -n 's/^mig:x:\([0-9]*\):.*/\1/p' "$work/root/etc/passwd")
contained() {
  env -i PATH=/usr/sbin:/usr/bin HOME=/var/lib/mig-runner chroot --userspec="$user:$user" "$work/root" "$@"
}
chown -R "$user:$user" "$work/root/var/lib/mig-runner" "$work/root/etc/mig"
mount -t proc proc "$work/root/proc"
contained mig-runner init /var/lib/mig-runner --new-key >/dev/null
umount "$work/root/proc"
mv "$work/root/var/lib/mig-runner/runner.cfg" "$work/root/etc/mig/"
unshare --pid --fork --mount sh -c 'mount -t proc proc "$1/proc" &&
  exec env -i PATH=/usr/sbin:/usr/bin HOME=/var/lib/mig-runner chroot --userspec="$2:$2" "$1" \
    /usr/bin/mig-runner -c /etc/mig/runner.cfg' sh "$work/root" "$user" >"$work/image.log" 2>&1 &
unshared=$!
until_true grep -q 'added entity hello' "$work/image.log"
first=$(pgrep -P "$unshared")
kill -TERM "$first"
wait "$unshared" || fail "as the first process it ended with $? at SIGTERM"
ok "image: blobs are what their names say; as the first process of a container it starts, and ends by SIGTERM"
echo "all ok"
